// The page's own small runtime. Gradio carries values between browser and server; everything a visitor sees
// is markup without words (demo/kit/markup.py), put into the page and into their language here.
//
//   language   ?lang= or the browser's; the switch changes it without asking the server
//   view       an output: its value is markup, patched into place so that nothing flickers or closes
//   desk       an input: collects the named controls of its panel into one small JSON state
//   address    tab, language and the state of the open panel live in the query string
//   promises   body[data-ready] when everything has started, body[data-pending] counts what is on its way, and
//              a view's data-of is the number of the question that it answers
//   pulse      asks the server for nothing while an answer is late, so that it cannot be lost on the way

window.lineage = (() => {
  "use strict";

  const messages = lineageWords; // of demo/theme.py
  const PANEL = "[id^='panel-']:not(#panel-first)"; // the columns that demo/app.py lays out
  // What the address says, or will in a moment: it is written when the hand rests.
  const parameters = new URLSearchParams(location.search);
  const query = () => parameters;

  // ---------------------------------------------------------------- language

  let language = choose(query().get("lang"), ...navigator.languages);

  function choose(...wishes) {
    const known = wishes.filter(Boolean).map((wish) => wish.slice(0, 2).toLowerCase());
    return known.find((wish) => wish in messages) ?? "en";
  }

  // "{name}" puts a value in as it is, "{name:2}" a number with two significant digits, "{name:3}" with three,
  // "{name:4}" with four at most, "{name:0}" one without decimals, "{name:.}" with one decimal, "{name:+}" with its
  // sign too, "{name:%}" a fraction in percent.
  const forms = {
    "%": { style: "percent" },
    0: { maximumFractionDigits: 0 },
    2: { minimumSignificantDigits: 2, maximumSignificantDigits: 2 },
    3: { minimumSignificantDigits: 3, maximumSignificantDigits: 3 },
    4: { maximumSignificantDigits: 4 },
    ".": { minimumFractionDigits: 1, maximumFractionDigits: 1 },
    "+": { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" },
  };

  const formats = new Map(); // by language and form: each is costly to make

  function format(form) {
    const key = language + form;
    if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(language, forms[form]));
    return formats.get(key);
  }

  function say([id, values = {}, fallback = id]) {
    const text = messages[language][id] ?? messages.en[id] ?? fallback;
    return text.replace(/\{(\w+)(?::([%0234.+]))?\}/g, (place, name, form) => {
      const value = values[name];
      if (value === undefined) return place;
      if (Array.isArray(value)) return say(value);
      if (form && typeof value === "number") {
        return format(form).format(value).replace("-", "\u2212");
      }
      return String(value);
    });
  }

  function translate(root) {
    const said = root.matches?.("[data-say]") ? [root] : [];
    for (const element of [...said, ...root.querySelectorAll("[data-say]")]) {
      for (const [target, message] of Object.entries(JSON.parse(element.dataset.say))) {
        const words = say(message);
        if (target === "html") element.innerHTML = words; // only equations, sanitised when the page is built
        else if (target !== "text") element.setAttribute(target, words);
        else if (element.textContent !== words) element.textContent = words;
      }
    }
  }

  // The words of an element that the server did not write, its text or an attribute: they follow the language too.
  function name(element, message, target = "text") {
    element.dataset.say = JSON.stringify({ ...JSON.parse(element.dataset.say ?? "{}"), [target]: message });
    translate(element);
  }

  function speak(wish) {
    language = choose(wish);
    document.documentElement.lang = language;
    document.title = say(["page.title"]);
    for (const link of document.querySelectorAll("[data-lang]")) {
      link.setAttribute("aria-current", String(link.dataset.lang === language));
    }
    translate(document.body);
  }

  // ---------------------------------------------------------------- rest

  const REST = 300; // milliseconds in which nothing is wished anew
  const pressed = new Set(); // pointers that are down
  const resting = new Map(); // timers by what waits, which begins anew when the hand lets go

  // Does something when the hand rests: it holds nothing, and has for some time not wished for the same again.
  function atRest(work, after = REST) {
    const come = () => {
      pend(work, false);
      if (pressed.size) return;
      resting.delete(work);
      work();
    };
    clearTimeout(resting.get(work));
    resting.set(work, setTimeout(come, after));
    pend(work, !pressed.size && after === REST);
  }

  function letGo({ pointerId }) {
    if (pointerId === undefined) pressed.clear();
    else pressed.delete(pointerId);
    if (pressed.size) return;
    for (const work of resting.keys()) atRest(work);
  }

  addEventListener("pointerdown", ({ pointerId }) => pressed.add(pointerId), { capture: true });
  for (const end of ["pointerup", "pointercancel"]) addEventListener(end, letGo, { capture: true });
  addEventListener("blur", letGo); // a pointer may come up in another window

  // ---------------------------------------------------------------- address

  const REFUSED = 10_000; // milliseconds until a browser that found it too often is asked again
  const AT_HOME = "https://huggingface.co"; // whose pages show this one in a frame, as Spaces
  const ours = new Set(["tab"]); // names in the address that are this page's; whatever else is there stays
  let fragment = location.hash; // a visitor's own part of a state, see link.js, or somebody else's

  function remember(changes) {
    const before = parameters.toString();
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === "") parameters.delete(name);
      else parameters.set(name, value);
    }
    if (parameters.toString() !== before) atRest(writeAddress);
  }

  // Safari and Firefox take a hundred addresses in ten seconds, then throw: no gesture writes any on its way.
  function writeAddress() {
    const rest = asSearch(parameters) + fragment;
    try {
      if (rest !== location.search + location.hash) history.replaceState(history.state, "", location.pathname + rest);
    } catch {
      return atRest(writeAddress, REFUSED);
    }
    tellFrame();
  }

  // What was drawn when a link was made is no part of what is shown from now on.
  function dropOwn() {
    if (!lineage.links.holds(fragment)) return;
    fragment = "";
    atRest(writeAddress);
  }

  // To a browser the same address with another state after "#" is the same page.
  addEventListener("hashchange", () => {
    fragment = location.hash;
    if (lineage.links.holds(fragment)) document.querySelector(`${PANEL}:not([hidden])`).lineage.restore();
  });

  // The page that shows this one in a frame has the address that visitors share. Spaces listens to just this
  // message, and gives a frame what it knows; names with two underscores are between the two, secrets among them.
  function tellFrame() {
    if (parent === window) return;
    const shared = new URLSearchParams([...parameters].filter(([name]) => !name.startsWith("__")));
    const above = location.ancestorOrigins?.[0] ?? (document.referrer ? new URL(document.referrer).origin : AT_HOME);
    // Who is of no origin, a file or a sandbox, cannot be named.
    parent.postMessage({ queryString: asSearch(shared), hash: fragment }, above === "null" ? "*" : above);
  }

  const asSearch = (shared) => (String(shared) ? `?${shared}` : "");

  // A proxy that shows the page at a path of which the server knows nothing: whatever is asked for goes elsewhere.
  function askRoot() {
    const root = new URL(window.gradio_config?.root || "./", document.baseURI);
    const told = (address) => `${address.hostname}${address.pathname.replace(/\/*$/, "/")}`;
    const here = new URL("./", location.href);
    if (told(root) === told(here)) return;
    const origin = root.hostname === here.hostname ? location.origin : root.origin; // as Gradio takes it
    fetch(`${origin}${root.pathname.replace(/\/*$/, "")}/favicon.ico`)
      .then(({ ok }) => ok || Promise.reject())
      .catch(() => {
        const sentence = document.createElement("p");
        sentence.className = "problem astray";
        sentence.setAttribute("role", "alert");
        document.body.prepend(sentence);
        name(sentence, ["page.astray", { here: here.pathname.replace(/\/$/, ""), root: root.pathname }]);
      });
  }

  // ---------------------------------------------------------------- late answers

  // Gradio answers over a stream that the server closes when it has no more to say. A question that is asked
  // while the word of that is on its way believes the stream still open: nobody reads its answer, and a desk,
  // which asks one question at a time, would wait for ever. Any later question opens the stream again.
  const LATE = 2000; // milliseconds; most answers take a few
  const PATIENCE = 30; // pulses for one answer: one that failed for good is not asked after for ever
  const awaited = new Map(); // pulses left for each answer, by what waits for it
  let pulse = () => {};

  function heart(element, { trigger }) {
    pulse = () => trigger("input");
  }

  let beating = null;

  function expectAnswer(what) {
    beating ??= setTimeout(beat, LATE);
    awaited.set(what, PATIENCE);
  }

  const gotAnswer = (what) => awaited.delete(what);

  function beat() {
    beating = null;
    for (const [what, left] of awaited) {
      if (left) awaited.set(what, left - 1);
      else awaited.delete(what);
    }
    if (!awaited.size) return;
    pulse();
    beating = setTimeout(beat, LATE);
  }

  // ---------------------------------------------------------------- promises

  const pending = new Set(); // whatever makes the page another one in a moment: answers, decoding, a hand at rest

  function pend(what, whether = true) {
    if (whether) pending.add(what);
    else pending.delete(what);
    document.body.dataset.pending = pending.size;
  }

  const works = new Set();

  function during(work) {
    works.add(work);
    pend(work);
    return work.finally(() => {
      works.delete(work);
      pend(work, false);
    });
  }

  // Until whatever is being decoded is there.
  const settled = () => Promise.allSettled(works);

  // The last frame that something asks for before it does its work.
  function nextFrame(what, work) {
    pend(what);
    return requestAnimationFrame(() => {
      work();
      pend(what, false);
    });
  }

  const style = document.getElementById("lineage-style"); // after Gradio's, however late these come

  // Components of Gradio's, or what is carried in its place (static.js).
  let toStart =
    document.querySelectorAll("[data-starts]").length ||
    (window.gradio_config?.components ?? []).filter(({ props }) => props.js_on_load?.startsWith("lineage.start(")).length;

  // ---------------------------------------------------------------- views

  // What the visitor did to the page stays: an open disclosure, the value of a control, the focus.
  const kept = new Set(["open", "aria-expanded"]);

  function patch(old, fresh) {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE || old.isEqualNode(fresh)) return;
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !kept.has(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && !kept.has(name)) old.setAttribute(name, value);
    }
    patchChildren(old, fresh);
  }

  function patchChildren(old, fresh) {
    const before = [...old.childNodes];
    const after = [...fresh.childNodes];
    before.slice(after.length).forEach((node) => node.remove());
    after.forEach((node, index) => (before[index] ? patch(before[index], node) : old.append(node)));
  }

  function parsed(markup) {
    const fresh = document.createElement("template");
    fresh.innerHTML = markup;
    translate(fresh.content);
    return fresh.content;
  }

  const show = (element, markup) => patchChildren(element, parsed(markup));

  // A sheet of small pictures (demo/kit/sprites.py) is drawn on their canvases. In a style, which is what shows it
  // without scripts, a browser would read the whole file anew for each of them, whenever one of them changes.
  function cutOut(fresh) {
    const onCanvases = "[style*='--sheet-of:']";
    return [...fresh.querySelectorAll(onCanvases)].map((holder) => {
      const [, uri] = holder.style.getPropertyValue("--sheet-of").match(/^url\("?(.*?)"?\)$/);
      holder.style.removeProperty("--sheet-of");
      const tiles = [...holder.querySelectorAll(".cut")].map(({ style }) => {
        const [column, row] = ["--column", "--row"].map((name) => Number(style.getPropertyValue(name)));
        return { column, row, margin: 1 };
      });
      return { uri, tiles };
    });
  }

  // The envelope of an answer, see demo/kit/answers.py; a log has several, one a line.
  const opened = (value) => JSON.parse(value || "{}");

  // Lets a view take its answers. What went wrong is said above the last good one, which stays. Two answers under
  // way can overtake one another: an older one, come late, would stay for good.
  function receive(element, { props, watch }, take) {
    const root = element.querySelector(".view");
    const [fault, content] = root.children;
    const read = () => {
      const answer = opened(props.value);
      if (answer.asked < Number(root.dataset.of ?? 0)) return;
      if (answer.asked !== undefined) root.dataset.of = answer.asked;
      show(fault, answer.problem ?? "");
      content.classList.toggle("stale", "problem" in answer);
      const taken = take(answer, content);
      const tell = () => root.dispatchEvent(new CustomEvent("lineage:answered", { bubbles: true }));
      if (taken) during(taken.then(tell));
      else tell();
    };
    watch("value", read);
    read();
  }

  const shown = (element) => element.dispatchEvent(new CustomEvent("lineage:shown", { bubbles: true }));

  function view(element, gradio) {
    let last = null;
    receive(element, gradio, ({ markup, problem }, content) => {
      if (markup === undefined) return void (problem !== undefined && shown(content)); // else this browser has answered
      const fresh = (last = parsed(markup));
      const sheets = cutOut(fresh);
      if (!sheets.length) return put();
      return Promise.all(sheets.map(({ uri }) => lineage.decode(uri))).then((files) => last === fresh && put(files));

      function put(files = []) {
        patchChildren(content, fresh);
        const cuts = content.querySelectorAll(".cut").values();
        sheets.forEach(({ tiles }, k) => tiles.forEach((tile) => lineage.put(cuts.next().value, files[k], tile)));
        shown(content);
      }
    });
  }

  // ---------------------------------------------------------------- desks

  // Checkboxes of one name are a list of what is ticked, as the page has it; nothing ticked is the first list.
  function read(control, defaults, panel) {
    if (control.type === "checkbox") {
      const ticked = panel.querySelectorAll(`[name="${control.name}"]:checked`);
      return [...ticked].map(({ value }) => value).join(",") || defaults[control.name];
    }
    if (control.type === "range" || control.type === "number") return control.valueAsNumber;
    return typeof defaults[control.name] === "number" ? Number(control.value) : control.value;
  }

  function write(control, value) {
    if (control.type === "radio") control.checked = control.value === String(value);
    else if (control.type === "checkbox") control.checked = value.split(",").includes(control.value);
    else if (control !== document.activeElement || control.type === "range") control.value = value;
  }

  function desk(element, { props, trigger, watch }) {
    translate(element);
    const panel = element.closest(PANEL);
    const defaults = JSON.parse(props.value);
    const unlisted = new Set(JSON.parse(element.querySelector(".desk").dataset.private));
    const local = new Set(JSON.parse(element.querySelector(".desk").dataset.local));
    const settle = Number(element.querySelector(".desk").dataset.settle);
    const rests = element.querySelector(".desk").dataset.rests !== undefined;
    const refused = element.querySelector(".refused");
    for (const each of Object.keys(defaults)) if (!unlisted.has(each)) ours.add(each);
    let state = { ...defaults };
    let good = state; // the last that was answered without a fault
    let failed = false; // whether this one was not
    let settling = null;
    let asked = 0; // questions so far
    let here = null; // how much of the last answer this browser makes, see cook.js
    let sent = 0;
    let clock = null;

    // Over 300 ms shows how long the answer has been coming; under that, nothing moves.
    function wait() {
      expectAnswer(element);
      sent ||= performance.now();
      clock ||= setInterval(() => {
        const seconds = (performance.now() - sent) / 1000;
        if (seconds < 0.3) return;
        panel.dataset.waiting = say(["page.waiting", { seconds }]);
      }, 100);
    }

    function arrived() {
      clearInterval(clock);
      sent = clock = 0;
      delete panel.dataset.waiting;
      once();
      reflect();
    }

    const faults = () => [...panel.querySelectorAll(".view > [role=status] > .problem")];

    // What is wrong with a state is wrong in all that shows it, and said in the first.
    function once() {
      const said = new Set();
      for (const fault of faults()) {
        fault.hidden = said.has(fault.dataset.say);
        said.add(fault.dataset.say);
      }
    }

    function reflect() {
      for (const control of panel.querySelectorAll("[name]")) {
        if (control.name in state) write(control, state[control.name]);
      }
      for (const mirror of panel.querySelectorAll("output[for]")) {
        const value = state[mirror.getAttribute("for")];
        const { unit = "" } = mirror.dataset;
        if (value !== undefined) name(mirror, ["page.number", { value, unit }]);
      }
      for (const button of panel.querySelectorAll("[data-set][aria-pressed]")) {
        const wished = Object.entries(JSON.parse(button.dataset.set));
        button.setAttribute("aria-pressed", String(wished.every(([name, value]) => state[name] === value)));
      }
    }

    function save() {
      if (document.body.dataset.tab !== panel.dataset.tab) return;
      const visible = Object.keys(defaults).filter((name) => !unlisted.has(name));
      remember(
        Object.fromEntries(visible.map((name) => [name, state[name] === defaults[name] ? null : state[name]])),
      );
    }

    function set(changes) {
      // What could not be answered is left behind by the next change.
      const next = { ...(failed ? good : state), ...changes };
      const news = Object.keys(next).filter((name) => state[name] !== next[name]);
      if (!news.length) return reflect();
      failed = false;
      state = next;
      if (news.some((name) => unlisted.has(name) && !local.has(name))) dropOwn();
      show(refused, "");
      reflect();
      save();
      if (news.every((name) => local.has(name))) tell();
      else send();
    }

    const packed = () => JSON.stringify(asked ? { ...state, asked } : state);

    const tell = () => panel.dispatchEvent(new CustomEvent("lineage:changed"));

    // Gradio is given the state before it asks anything: it looks at all of the desk again for each value.
    const hand = () => (props.value = packed());

    // Whether no view answers another question than the last. One question may have several answers, and each of
    // them can be late.
    function answered() {
      const views = [...panel.querySelectorAll(".view[data-answers]")];
      return asked === 0 || views.every(({ dataset }) => dataset.of === String(asked));
    }

    function due() {
      // One answer is enough to know that a state is refused; that it is good, all of them have to say.
      failed ||= faults().some((fault) => fault.closest(".view").dataset.of === String(asked));
      const done = answered();
      pend(element, !done);
      if (!done) return;
      awaited.delete(element);
      once();
      failed = faults().length > 0;
      if (!failed) good = state;
    }

    function send() {
      asked += 1;
      pend(element);
      tell();
      // One question a turn: Gradio, asked twice before it has begun to ask, would ask both at once. What this
      // browser makes by itself the server is asked about when the hand rests, if there is anything left to ask.
      here = lineage.cooks(panel, state);
      clearTimeout(settling);
      if (!here) askSoon();
      else if (here === "some") askAtRest();
      atRest(askTheRest);
    }

    function askAtRest() {
      expectAnswer(element);
      atRest(ask);
    }

    function askSoon() {
      settling = setTimeout(() => {
        wait();
        ask();
      }, settle);
    }

    function ask() {
      hand();
      trigger("input");
      panel.dispatchEvent(new CustomEvent("lineage:asked"));
    }

    // What is costly, or below the fold.
    function askTheRest() {
      if (here !== "all") release();
      panel.dispatchEvent(new CustomEvent("lineage:rested"));
    }

    function release() {
      if (!rests) return;
      if (!answered()) expectAnswer(element);
      hand();
      trigger("release");
    }

    // This browser has made all of it,
    function complete() {
      for (const view of panel.querySelectorAll(".view[data-answers]")) view.dataset.of = asked;
      due();
    }

    // all that it can,
    function lack() {
      if (here === "all") atRest(release);
      askAtRest();
    }

    // or nothing.
    function fallBack() {
      if (here === "all") atRest(release);
      here = null;
      askSoon();
    }

    // What no value of that name can be, as a sentence; what else is wrong with it only the server knows.
    function refusal(name, text) {
      if (typeof defaults[name] !== "number") return null;
      const control = panel.querySelector(`[name="${name}"]:is([type=number], [type=range])`);
      const { min = "", max = "", step = "" } = control ?? {};
      const value = text.trim() === "" ? NaN : Number(text);
      const whole = step ? step === "1" : Number.isInteger(defaults[name]);
      const inside = !(min !== "" && value < Number(min)) && !(max !== "" && value > Number(max));
      if (Number.isFinite(value) && inside && (!whole || Number.isInteger(value))) return null;
      const kind = min === "" || max === "" ? "" : whole ? ".whole" : ".range";
      return [`page.refused${kind}`, { name, value: text.slice(0, 40), lowest: min, highest: max }];
    }

    function refuse(refusals) {
      show(refused, "");
      for (const words of refusals) {
        const sentence = document.createElement("p");
        sentence.className = "problem";
        name(sentence, words);
        refused.append(sentence);
      }
    }

    // Takes over what an address says: what is asked for, and what stands after "#".
    function restore(asked = query(), own = fragment) {
      const told = [...asked].filter(([name]) => name in defaults && !unlisted.has(name));
      const [numbers, words] = [true, false].map((wish) =>
        told.filter(([name]) => (typeof defaults[name] === "number") === wish),
      );
      // The words first: what a number may be can depend on them, as the classes do on the model.
      set(Object.fromEntries(words));
      const refusals = numbers.map(([name, text]) => refusal(name, text));
      set(Object.fromEntries(numbers.filter((_, k) => !refusals[k]).map(([name, text]) => [name, Number(text)])));
      refuse(refusals.filter(Boolean));
      if (!lineage.links.holds(own)) return null;
      return during(lineage.links.read(own).then(bring, (words) => refuse([words])));
    }

    // A visitor's own, of a link: what the panel keeps beside its state is told of it. The address goes on holding it.
    function bring(own) {
      const held = fragment;
      const told = Object.entries(own).filter(([name]) => unlisted.has(name));
      set(Object.fromEntries(told.filter(([name, value]) => typeof value === typeof defaults[name])));
      fragment = held;
      panel.dispatchEvent(new CustomEvent("lineage:brought"));
    }

    // An address with all of the state, see link.js; a panel may have a brief form of what is too long for one.
    function link() {
      const { lang } = Object.fromEntries(parameters);
      const whole = Object.entries({ ...state, ...panel.lineage.brief?.() });
      const shown = whole.filter(([name]) => !unlisted.has(name));
      const own = whole.filter(([name, value]) => unlisted.has(name) && !local.has(name) && value !== defaults[name]);
      const address = { tab: panel.dataset.tab, ...Object.fromEntries(shown), ...(lang && { lang }) };
      return lineage.links.write(address, Object.fromEntries(own));
    }

    panel.addEventListener("input", ({ target }) => {
      if (!(target.name in defaults)) return;
      const value = read(target, defaults, panel);
      if (Number.isNaN(value)) return;
      const words = target.type === "number" && !Number.isInteger(value) && refusal(target.name, target.value);
      if (words) refuse([words]);
      else set({ [target.name]: value });
    });
    panel.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-set], [data-surprise], [data-send]");
      if (!button) return;
      if (button.dataset.send) {
        expectAnswer(panel);
        hand();
        trigger(button.dataset.send);
      }
      if (button.dataset.set) set(JSON.parse(button.dataset.set));
      if (button.dataset.surprise) set({ [button.dataset.surprise]: Math.floor(Math.random() * Number(button.dataset.below)) });
    });
    element.querySelector("form").addEventListener("submit", (event) => event.preventDefault()); // Enter in a field
    // No answer writes to a desk. A value that is not ours is the first one, which Gradio puts back when an
    // address was read before it had finished laying the page out. Nobody waits where nobody is asked.
    const asks = Object.keys(defaults).some((name) => !local.has(name));
    watch("value", () => props.value !== packed() && (asks ? send() : tell()));
    panel.addEventListener("lineage:shown", arrived);
    panel.addEventListener("lineage:answered", due);
    panel.addEventListener("lineage:added", reflect); // controls that were laid out after the desk
    panel.addEventListener("lineage:complete", complete);
    panel.addEventListener("lineage:lacking", lack);
    panel.addEventListener("lineage:unmade", fallBack);
    panel.addEventListener("lineage:opened", () => save());
    panel.lineage = {
      ...{ get: () => state, set, hand, restore, bring, link, refuse },
      ...{ good: () => good, asked: () => asked, answered, failed: () => failed },
    };

    reflect();
    const tools = element.querySelector("[data-tool]");
    if (tools) lineage[tools.dataset.tool](tools, panel.lineage, panel);
    if ((query().get("tab") ?? tabs()[0]) === panel.dataset.tab) restore();
  }

  // ---------------------------------------------------------------- tabs, tiles, lessons, hints

  const tabs = () => [...document.querySelectorAll("[role=tab]")].map((tab) => tab.dataset.tab);

  function open(name, { focus = false } = {}) {
    if (!tabs().includes(name)) name = tabs()[0];
    document.body.dataset.tab = name;
    for (const tab of document.querySelectorAll("[role=tab]")) {
      const chosen = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      if (chosen && focus) tab.focus();
    }
    document.querySelectorAll(PANEL).forEach(place);
  }

  // Also asked for by what a panel holds: Gradio may hang a panel into the page after the tabs.
  function place(panel) {
    panel.dataset.tab = panel.id.replace("panel-", "");
    panel.hidden = panel.dataset.tab !== (document.body.dataset.tab ?? panel.dataset.tab);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `tab-${panel.dataset.tab}`);
  }

  function go(name, options) {
    dropOwn();
    remember({ ...Object.fromEntries([...ours].map((each) => [each, null])), tab: name });
    open(name, options);
    document.getElementById(`panel-${name}`)?.dispatchEvent(new CustomEvent("lineage:opened"));
  }

  function navigation(element) {
    translate(element);
    open(query().get("tab"));
    element.addEventListener("click", ({ target }) => {
      const tab = target.closest("[role=tab]");
      if (tab) go(tab.dataset.tab);
    });
    element.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const names = tabs();
      go(names.at((names.indexOf(document.body.dataset.tab) + step) % names.length), { focus: true });
      event.preventDefault();
    });
  }

  function timeline(element) {
    translate(element);
    element.addEventListener("click", ({ target }) => {
      const tile = target.closest("[data-open]");
      if (!tile) return;
      go(tile.dataset.open);
      const panel = document.getElementById(`panel-${tile.dataset.open}`);
      const { model } = tile.dataset;
      if ("model" in panel.lineage.get()) panel.lineage.set({ model });
      const call = () => {
        const card = panel.querySelector(`[data-card="${CSS.escape(model)}"]`);
        if (!card) return false;
        card.scrollIntoView({ block: "nearest", inline: "center", behavior: calm() ? "auto" : "smooth" });
        card.classList.remove("called");
        requestAnimationFrame(() => card.classList.add("called"));
        return true;
      };
      // Who does not answer yet is asked to, and called when the card is there.
      const box = panel.querySelector(`[type="checkbox"][value="${CSS.escape(model)}"]:not(:checked)`);
      box?.click();
      if (!call()) panel.addEventListener("lineage:shown", call, { once: true });
    });
  }

  // What the visitor chose: in the address, or remembered; else the first.
  const choice = (name, all, kept) => [query().get(name), kept].find((wished) => all.includes(wished)) ?? all[0];

  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  function header(element) {
    element.addEventListener("click", (event) => {
      if (event.target.closest("[data-cook]")) lineage.kitchen.turn();
      const link = event.target.closest("[data-lang]");
      if (!link) return;
      event.preventDefault();
      remember({ lang: link.dataset.lang });
      speak(link.dataset.lang);
    });
    speak(language);
  }

  // One lesson at a time, in the full width beneath the cards, where a sentence has room.
  function lessons(element) {
    translate(element);
    const panel = element.closest(PANEL);
    const toggle = (model) => {
      for (const lesson of element.querySelectorAll("[data-lesson-of]")) {
        lesson.hidden = lesson.dataset.lessonOf !== model;
      }
      for (const button of panel.querySelectorAll("[data-lesson]")) {
        button.setAttribute("aria-expanded", String(button.dataset.lesson === model));
      }
    };
    panel.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-lesson]");
      if (button) toggle(button.getAttribute("aria-expanded") === "true" ? null : button.dataset.lesson);
    });
  }

  // A "?" says its sentence in one bubble, which stays inside the window at every width; so does a mark in a plot.
  function hints() {
    const speaks = ".hint, [data-tells]";
    const bubble = document.createElement("div");
    bubble.className = "bubble";
    bubble.id = "bubble";
    bubble.setAttribute("role", "tooltip");
    bubble.hidden = true;
    document.body.append(bubble);
    const hide = () => (bubble.hidden = true);
    // Tab scrolls to where it goes, past a pointer at rest: neither takes the bubble from the "?" that has the focus.
    const held = () => document.activeElement.matches(`:is(${speaks}):focus-visible`);
    const reveal = ({ target }) => {
      const hint = target.closest?.(speaks);
      if (!hint) return void (held() || hide());
      bubble.textContent = hint.getAttribute("aria-label") ?? hint.getAttribute("aria-description");
      bubble.classList.toggle("protocol", !hint.matches(".hint"));
      bubble.hidden = false;
      const { left, bottom, top, width } = hint.getBoundingClientRect();
      const room = document.documentElement.clientWidth - bubble.offsetWidth - 8;
      bubble.style.left = `${Math.max(8, Math.min(room, left + width / 2 - bubble.offsetWidth / 2))}px`;
      const below = bottom + 8 + bubble.offsetHeight < innerHeight;
      bubble.style.top = `${below ? bottom + 8 : top - 8 - bubble.offsetHeight}px`;
    };
    for (const event of ["pointerover", "focusin", "click"]) document.addEventListener(event, reveal);
    document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
    const follow = () => {
      const asked = held() ? document.activeElement : document.querySelector(`:is(${speaks}):hover`);
      if (!bubble.hidden && asked) reveal({ target: asked });
      else hide();
    };
    addEventListener("scroll", follow, { passive: true });
  }

  // What is heavy and not always wanted is asked for when its disclosure is first opened.
  function drawer(element, { props, trigger, watch }) {
    translate(element);
    const details = element.querySelector("details");
    details.addEventListener("toggle", () => {
      if (!details.open || props.value) return;
      expectAnswer(element);
      pend(element);
      trigger("input");
    });
    watch("value", () => {
      awaited.delete(element);
      pend(element, false);
      const { markup, problem } = opened(props.value);
      show(details.querySelector(".view"), markup ?? problem);
    });
  }

  // A file made by the server is handed to the visitor as soon as it is there; until then it says how far it is.
  function download(element, { props, watch }) {
    const panel = element.closest(PANEL);
    watch("value", () => {
      awaited.delete(panel);
      const { progress, file } = opened(props.value); // what is wrong is said by what shows the same
      if (progress) panel.dataset.waiting = say(["page.progress", progress]);
      else delete panel.dataset.waiting;
      if (file) Object.assign(document.createElement("a"), { download: file.name, href: file.href }).click();
    });
  }

  function fixed(element) {
    translate(element);
    element.closest(PANEL)?.dispatchEvent(new CustomEvent("lineage:added"));
  }

  // What the panels come with is no part of the page's first bytes: one file has all of it (demo/parts.py).
  const held = ({ value }) => typeof value === "string" && value.startsWith("held:");
  let parts = null;

  async function fill(props) {
    const [file, number] = props.value.slice("held:".length).split("#");
    try {
      parts ??= fetch(file).then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)));
      const all = await parts;
      if (held(props)) props.value = all[number]; // unless an answer came before
    } catch {
      parts = null; // a connection that was lost: once more
      await new Promise((resolve) => setTimeout(resolve, LATE));
    }
  }

  // Gradio builds a component before it hangs it into the page; ours look for their panel, so they wait.
  const kinds = { view, desk, fixed, header, navigation, timeline, lessons, drawer, download, heart };

  function start(kind, element, gradio) {
    if (!element.isConnected) return void setTimeout(start, 0, kind, element, gradio);
    if (held(gradio.props)) return void fill(gradio.props).then(() => start(kind, element, gradio));
    const panel = element.closest(PANEL);
    if (panel) place(panel);
    if (style.nextElementSibling) document.head.append(style);
    kinds[kind](element, gradio);
    toStart -= 1;
    if (toStart === 0) settled().then(started);
  }

  function started() {
    document.getElementById("first")?.remove(); // see demo/first.py
    document.body.dataset.ready = "";
    document.dispatchEvent(new CustomEvent("lineage:ready"));
  }

  hints();
  askRoot();
  return {
    ...{ start, say, translate, show, name, remember, go, choice, calm, expectAnswer, gotAnswer, pend, during, settled },
    ...{ nextFrame, opened, receive, shown, kinds },
  };
})();
