// Time machine: one moment for all networks on the wall (demo/panels/time/panel.py). Every frame is here, so play
// and drag ask nobody; the server is asked for another seed, another digit or another wall. Until it has answered
// this browser makes the pictures of the snapshots that are looked at.

lineage.dishes.time = ({ models, seed, label, seen }, { cards, classes, sample }) => {
  const PICTURES = 25;
  const wall = models.split(",");
  if (!wall.every((model) => cards[model]?.graphs.generate)) return null;
  const dish = (model) => {
    const moments = Object.keys(cards[model].snapshots).map(Number); // rising, as such keys are
    const past = moments.filter((moment) => seen < 0 || moment <= seen + 0.5);
    const moment = past.at(-1) ?? moments[0];
    const among = label === "each" && classes(model, "generate");
    const labels = Array.from({ length: PICTURES }, (_, k) => (among ? k % among : -1));
    return [`${model}.${moment}`, sample(model, seed, PICTURES, labels, moment)];
  };
  return Object.fromEntries(wall.map(dish));
};
lineage.dishes.time.stage = ({ models }) => [models];

// Of all who can be replayed those on the wall (kit/static.js).
lineage.trims.time = {
  of: ({ models }) => models,
  trim(stage, { models }) {
    stage.querySelector(".wall").dataset.count = lineage.leaveCards(stage, models);
  },
};

lineage.time = (tool, panel, root) => {
  "use strict";

  const SECONDS = 12; // from nothing seen to the end
  const REST = 900; // milliseconds between two snapshots where nothing may glide
  const END = -1; // how the state says "the end"

  const find = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];

  let axis = { unit: 1, end: 1 };
  let cards = []; // {card, screen, columns, seen, uri, of, sheet, lost, shown}, a sheet of the server's once it is decoded
  let here = { of: "", sheets: new Map() }; // what this browser's are of, by MODEL.SEEN
  let wished = ""; // of this browser, and not there yet
  let rests = false; // the hand
  let now = Infinity; // training images seen
  let told = END; // the moment that the state holds by our own doing
  let fresh = true; // nobody has chosen a moment yet: the first look is a replay

  const place = (seen) => Math.log1p(Math.min(seen, axis.end) / axis.unit) / Math.log1p(axis.end / axis.unit);
  const moment = (place) => axis.unit * Math.expm1(place * Math.log1p(axis.end / axis.unit));
  const moments = () => [...new Set(cards.flatMap(({ seen }) => seen))].sort((a, b) => a - b);

  function write(element, id, values, target = "text") {
    const said = JSON.parse(element.dataset.say ?? "{}");
    said[target] = [id, values];
    element.dataset.say = JSON.stringify(said); // so that another language finds it
    if (target === "text") element.textContent = lineage.say(said.text);
    else element.setAttribute(target, lineage.say(said[target]));
  }

  // ---------------------------------------------------------------- the desk

  function reflect() {
    const wall = panel.get().models.split(",");
    for (const box of tool.querySelectorAll("[name=models]")) {
      box.disabled = !box.checked && wall.length >= Number(tool.dataset.most);
    }
    const labelled = tool.querySelector("[data-labelled]");
    labelled.hidden = !labelled.dataset.labelled.split(" ").some((model) => wall.includes(model));
  }

  // ---------------------------------------------------------------- what the server sent

  async function load() {
    const stage = find("[data-unit]");
    if (!stage) return;
    const { of, unit, end } = stage.dataset;
    axis = { unit: Number(unit), end: Number(end) };
    const known = new Map(cards.map(({ uri, sheet }) => [uri, sheet]));
    const mine = (cards = all("canvas[data-film]").map((screen) => {
      const { film: uri, columns, seen } = screen.dataset;
      const sheet = known.get(uri) ?? null;
      const card = screen.closest("[data-card]");
      return { card, screen, columns: Number(columns), seen: JSON.parse(seen), uri, of, sheet, shown: "" };
    }));
    if (mine.some(({ sheet }) => !sheet)) {
      lives(); // its words are those of the end
      show();
      const decode = async (one) => (one.sheet ??= await lineage.decode(one.uri));
      await Promise.all(mine.map((one) => decode(one).catch(() => (one.lost = true))));
      if (cards !== mine) return; // others came
    }
    lives();
    show();
    if (fresh && !root.hidden) begin();
  }

  // ---------------------------------------------------------------- pictures that the server has not sent yet

  const asked = ({ seed, label } = panel.get()) => `${seed} ${label}`;
  const latest = (seen, at) => Math.max(0, seen.filter((snapshot) => snapshot <= at + 0.5).length - 1);

  // Where the pictures of a snapshot are, {sheet, row}; null where they are nowhere.
  function pictures({ card, seen, of, sheet }, index) {
    if (sheet && of === asked()) return { sheet, row: index };
    const made = here.of === asked() && here.sheets.get(`${card.dataset.card}.${seen[index]}`);
    return made ? { sheet: made, row: 0 } : null;
  }

  // Those of the moment that is looked at, then, when the hand rests, of the moments beside it; of all where there is
  // no server to send them.
  function make(at) {
    const comes = ({ of, lost }) => of === asked() && !lost; // it is there or being decoded
    const has = (one, moment) => comes(one) || pictures(one, latest(one.seen, moment));
    const lacks = (moment) => cards.some((one) => !has(one, moment));
    const stops = moments();
    const now = latest(stops, at);
    const others = stops.map((_, k) => k).sort((a, b) => Math.abs(a - now) - Math.abs(b - now));
    const near = !rests ? [] : lineage.stages ? others : [now + 1, now - 1];
    const seen = [now, ...near].map((k) => stops[k]).find((moment) => moment !== undefined && lacks(moment));
    const wish = `${asked()} ${seen}`;
    if (seen === undefined || wish === wished) return;
    wished = wish;
    lineage.cooks(root, { ...panel.get(), seen }, true);
  }

  function comeToRest() {
    rests = true;
    show();
  }

  root.addEventListener("lineage:asked", comeToRest);
  root.addEventListener("lineage:rested", () => lineage.stages && comeToRest()); // where nobody is asked
  root.addEventListener("lineage:made", ({ detail: { name, state, picture } }) => {
    if (here.of !== asked(state)) here = { of: asked(state), sheets: new Map() };
    here.sheets.set(name, lineage.kitchen.sheet(picture, Math.sqrt(picture.dims[0])));
    const seen = state.seen === END ? axis.end : state.seen;
    if (cards.every((one) => pictures(one, latest(one.seen, seen)))) wished = ""; // else the others are on their way
    lives();
    show();
  });

  // ---------------------------------------------------------------- showing a moment

  function show() {
    const scrub = find("[data-scrub]");
    if (!scrub) return;
    const at = Math.min(now, axis.end);
    const here = place(at);
    const exact = moments().includes(at);
    const seen = exact ? at : Number(at.toPrecision(3)); // between snapshots the last digits say nothing
    scrub.value = here * Number(scrub.max);
    scrub.style.setProperty("--ready", `${100 * here}%`);
    write(scrub, "time.at", { seen }, "aria-valuetext");
    write(find("[data-now]"), "figure.nats", { value: seen });
    for (const one of cards) {
      const { card, screen, columns } = one;
      const index = latest(one.seen, at);
      const found = pictures(one, index);
      const shown = `${index} ${found && asked()}`;
      if (shown === one.shown) continue;
      one.shown = shown;
      if (found) lineage.put(screen, found.sheet, { column: 0, row: found.row });
      screen.classList.toggle("stale", !found);
      const snapshot = one.seen[index];
      const model = [`model.${card.dataset.card}.title`];
      write(screen, "time.sheet", { model, count: columns * columns, seen: snapshot }, "aria-label");
      write(card.querySelector("[data-snapshot]"), "time.snapshot", { seen: snapshot });
      const varied = card.querySelector("[data-diversity]");
      if (varied) write(varied, "figure.number", { value: JSON.parse(varied.dataset.diversity)[index] });
      card.querySelectorAll(".life li").forEach((frame, k) => {
        frame.classList.toggle("passed", k <= index);
        frame.classList.toggle("shown", k === index);
      });
    }
    for (const cursor of all(".timed .cursor")) {
      const x = here * cursor.ownerSVGElement.viewBox.baseVal.width;
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
    }
    for (const value of all("[data-ends]")) {
      const ends = JSON.parse(value.dataset.ends);
      const index = ends.findIndex((end) => end >= at);
      write(value, "figure.number", { value: JSON.parse(value.dataset.values).at(index) });
    }
    player.mark();
    make(at);
  }

  // The chosen picture at every snapshot.
  function lives() {
    const { pick } = panel.get();
    for (const one of cards) {
      const { card, columns } = one;
      for (const canvas of card.querySelectorAll("[data-frame]")) {
        const found = pictures(one, Number(canvas.dataset.frame));
        const place = (row) => ({ column: pick % columns, row: row * columns + Math.floor(pick / columns) });
        if (found) lineage.put(canvas, found.sheet, place(found.row));
        canvas.classList.toggle("stale", !found);
      }
      const varied = card.querySelector("[data-diversity]");
      varied?.closest("figure").classList.toggle("stale", one.of !== asked()); // a judge's figures: the server's
    }
    for (const cell of all("[data-pick]")) cell.checked = Number(cell.value) === pick;
  }

  // ---------------------------------------------------------------- going through time

  function go(seen) {
    now = seen >= axis.end - 0.5 ? Infinity : Math.max(0, seen); // the end, on a longer axis too
    show();
  }

  // The state is told when the visitor has come to rest somewhere: the address holds the moment.
  function rest() {
    fresh = false;
    told = now === Infinity ? END : Math.round(now);
    panel.set({ seen: told });
  }

  // Whoever else sets the moment, an address for one, is followed.
  function adopt() {
    const { seen } = panel.get();
    if (seen === told) return;
    fresh = false;
    player.halt();
    told = seen;
    now = seen === END ? Infinity : seen;
  }

  // From snapshot to snapshot where nothing may glide.
  function next(passed) {
    const snapshot = moments().find((seen) => seen > now) ?? axis.end;
    go(lineage.calm() ? snapshot : moment(Math.min(1, place(now) + passed / (1000 * SECONDS))));
    if (now === Infinity) player.play(false);
  }

  const player = lineage.player(root, {
    ready: () => cards.length > 0,
    pace: () => (lineage.calm() ? REST : 0),
    next,
    scrub: (value) => go(moment(value / Number(find("[data-scrub]").max))),
    changed: (playing) => {
      if (!playing && cards.length) rest();
      else if (playing && now >= axis.end - 0.5) now = 0;
      show();
    },
  });

  // Who opens the panel sees it happen, once; who wants no motion sees the end.
  function begin() {
    fresh = false;
    if (!lineage.calm()) player.play(true);
  }

  function seek(seen) {
    player.halt();
    go(seen);
  }

  function step(way) {
    const at = Math.min(now, axis.end);
    const stops = moments();
    const next = way > 0 ? stops.find((seen) => seen > at + 0.5) : stops.findLast((seen) => seen < at - 0.5);
    seek(next ?? at);
    rest();
  }

  // ---------------------------------------------------------------- what the visitor does

  root.addEventListener("input", ({ target }) => {
    if (target.dataset.pick !== undefined) panel.set({ pick: Number(target.value) });
  });
  root.addEventListener("change", ({ target }) => target.dataset.scrub !== undefined && rest());
  root.addEventListener("click", ({ target }) => {
    const frame = target.closest("[data-seek]");
    if (!frame) return;
    seek(Number(frame.dataset.seek));
    rest();
  });

  // Space and arrows work all over the panel, but for what has a use of its own for them.
  document.addEventListener("keydown", (event) => {
    if (root.hidden || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    const scrub = event.target.dataset?.scrub !== undefined;
    if (!scrub && event.target.closest?.("input, select, textarea, button, a, summary, [role=tab]")) return;
    const ways = { ArrowRight: 1, ArrowLeft: -1, ...(scrub && { ArrowUp: 1, ArrowDown: -1 }) };
    if (event.key === " ") player.play(!player.playing());
    else if (event.key in ways) step(ways[event.key]);
    else return;
    event.preventDefault();
  });

  lineage.drag(root, ".timed", (part) => seek(moment(part)), rest);

  root.addEventListener("lineage:changed", () => {
    rests = false;
    reflect();
    adopt();
    lives();
    show();
  });
  root.addEventListener("lineage:opened", () => fresh && cards.length && begin());
  root.addEventListener("lineage:shown", () => lineage.during(load()));
  reflect();
  lineage.during(load());
};
