// In Gradio's place on a page without a server (demo/static.py): what carries the values of its components, and stages.
//
// A stage is what an answer looks like without anything that this browser makes (demo/stages.py). When a visitor asks
// for a state, its stage is laid out, then the recipes of the state fill it (cook.js). The first state of a panel comes
// with all of its answer, and its stage only takes that place together with the first picture made here. Whatever
// nobody can make is said in a sentence.
//
//   lineageStages         {panels: {NAME: {views: [place], stages: [[pins, file], ...]}}, drawers: {place: file}}
//   lineage.trims.PANEL   of a stage that has more than one state shows: {of: (state) => ..., trim(stage, state)}, what
//                         of the state chooses among it, null where nothing can, and what leaves what is chosen

(() => {
  "use strict";

  const UNREACHABLE = ["kitchen.broken", { why: ["kitchen.unreachable"] }];
  const { panels, drawers } = lineageStages;
  const carriers = new Map(); // by place

  // ---------------------------------------------------------------- carriers

  function carry(element) {
    const { starts, place } = element.dataset;
    const watchers = [];
    let { value } = element.dataset;
    let begin;
    const first = new Promise((resolve) => (begin = resolve)); // the value that the page comes with
    const held = () => value.startsWith("held:");
    const props = {
      get value() {
        return value;
      },
      set value(fresh) {
        if (fresh === value) return;
        value = fresh;
        begin(value);
        for (const look of watchers) look();
      },
    };
    if (!held()) begin(value);
    const panel = element.closest("[id^='panel-']");
    const trigger = (event) => asked(starts, place, panel, event);
    const gradio = { props, trigger, watch: (_, look) => watchers.push(look) };
    carriers.set(place, { props, first, start: () => lineage.start(starts, element, gradio) });
  }

  const show = (place, answer) => (carriers.get(place).props.value = JSON.stringify(answer));

  const fetched = new Map(); // by file

  function read(file) {
    if (!fetched.has(file)) {
      const found = fetch(file).then((answer) => (answer.ok ? answer.json() : Promise.reject()));
      fetched.set(file, found.catch(() => (fetched.delete(file), Promise.reject(UNREACHABLE))));
    }
    return fetched.get(file);
  }

  // What the page would ask a server.
  async function asked(kind, place, panel, event) {
    if (place in drawers) {
      const answer = await read(drawers[place]).catch((words) => JSON.stringify({ problem: problem(words) }));
      carriers.get(place).props.value = answer;
    } else if (kind === "desk" && event === "input") refuse(panel); // what this browser was to make, and could not
    else if (kind === "movie") cook(panel, panel.lineage.get(), panel.lineage.asked()); // the rest of the first one
  }

  // ---------------------------------------------------------------- stages

  const stands = new Map(); // by panel: {key, whole, waits, rested}: which stage is there, with all of its first answer

  const planOf = (panel) => panels[panel.dataset.tab];
  const trimOf = (panel) => lineage.trims[panel.dataset.tab];

  function stageOf(panel, state) {
    const fits = ([pins]) => Object.entries(pins).every(([name, value]) => state[name] === value);
    const place = planOf(panel).stages.findIndex(fits);
    const chosen = trimOf(panel)?.of(state);
    if (place < 0 || chosen === null) return null;
    return { key: JSON.stringify([place, chosen]), file: planOf(panel).stages[place][1] };
  }

  const firstState = (panel) => JSON.parse(panel.querySelector("[data-starts=desk]").dataset.value);

  function isFirst(panel, state) {
    const local = JSON.parse(panel.querySelector(".desk").dataset.local);
    const first = firstState(panel);
    return Object.keys(first).every((name) => local.includes(name) || first[name] === state[name]);
  }

  function begun(panel) {
    if (!stands.has(panel)) {
      stands.set(panel, { key: stageOf(panel, firstState(panel))?.key, whole: true, waits: null, rested: 0 });
      panel.addEventListener("lineage:rested", () => (stands.get(panel).rested = panel.lineage.asked()));
    }
    return stands.get(panel);
  }

  /** Answer a panel's state; "all", as nobody else need be asked. */
  function set(panel, state) {
    begun(panel);
    const mine = {};
    lineage.pend(mine);
    answer(panel, state, panel.lineage.asked())
      .catch((fault) => (fault === UNREACHABLE ? refuse(panel, fault) : Promise.reject(fault)))
      .finally(() => lineage.pend(mine, false));
    return "all";
  }

  async function answer(panel, state, asked) {
    const on = begun(panel);
    const late = () => asked !== panel.lineage.asked();
    const views = planOf(panel).views.map((place) => carriers.get(place).first);
    const firsts = await Promise.all(views);
    if (late()) return;
    const stage = stageOf(panel, state);
    if (stage?.key !== on.key) leave(panel);
    if (isFirst(panel, state) && !lineage.dishes[panel.dataset.tab]?.whole) {
      leave(panel);
      planOf(panel).views.forEach((place, k) => show(place, { ...lineage.opened(firsts[k]), asked }));
      return void Object.assign(on, { key: stage?.key, whole: true });
    }
    if (!stage) return refuse(panel);
    const laid = stage.file ? await read(stage.file) : {};
    if (late()) return;
    if (on.key !== stage.key) {
      lay(panel, laid, state);
      Object.assign(on, { key: stage.key, whole: false });
      await lineage.settled();
      if (late()) return;
    } else if (on.whole) on.waits = { laid, state };
    if (lineage.dishes[panel.dataset.tab]) await cook(panel, state, asked);
  }

  async function cook(panel, state, asked) {
    await lineage.kitchen.boot();
    await lineage.settled(); // examples are pictures, too
    if (asked !== panel.lineage.asked()) return;
    if (!lineage.cooks(panel, state, true)) return refuse(panel);
    for (const place of planOf(panel).views) if (answers(panel, place)) show(place, { asked });
    // The hand may have come to rest before there was anything to make.
    if (begun(panel).rested === asked) panel.dispatchEvent(new CustomEvent("lineage:rested"));
  }

  // What is being made is no longer wanted.
  function leave(panel) {
    begun(panel).waits = null;
    lineage.kitchen.leave(panel);
  }

  const answers = (panel, place) => panel.querySelector(`[data-place="${place}"] .view[data-answers]`);

  function lay(panel, laid, state) {
    for (const [place, envelope] of Object.entries(laid)) {
      const answer = { ...JSON.parse(envelope), asked: panel.lineage.asked() };
      if (answer.markup && trimOf(panel)) {
        const stage = document.createElement("template");
        stage.innerHTML = answer.markup;
        trimOf(panel).trim(stage.content, state);
        answer.markup = stage.innerHTML;
      }
      show(place, answer);
    }
  }

  /** Before the first picture made here is put on it, the stage takes the place of a whole answer. */
  async function layWaiting(panel) {
    const { waits } = begun(panel);
    if (!waits) return;
    Object.assign(begun(panel), { waits: null, whole: false });
    lay(panel, waits.laid, waits.state);
    await lineage.settled();
  }

  function refuse(panel, words = ["static.served"]) {
    leave(panel);
    const trouble = lineage.kitchen.trouble();
    const why = trouble ? ["kitchen.broken", { why: trouble }] : words;
    for (const place of planOf(panel).views) show(place, { problem: problem(why), asked: panel.lineage.asked() });
  }

  function problem(words) {
    const sentence = document.createElement("p");
    sentence.className = "problem";
    lineage.name(sentence, words);
    return sentence.outerHTML;
  }

  /** The values of a name for which a panel has stages. */
  const pinned = (panel, name) => [...new Set(planOf(panel).stages.map(([pins]) => pins[name]))];

  lineage.stages = { set, lay: layWaiting, pinned };
  document.querySelectorAll("[data-starts]").forEach(carry);
  for (const { start } of carriers.values()) start(); // who starts may ask others
})();
