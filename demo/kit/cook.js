// Who cooks: the server, or this browser on its own engine (demo/kitchen). A panel that can say the recipes of its
// state has them made here while a hand moves, once the engine and the files are there; what the server says comes
// when the hand rests. Whatever stands in the way, the server cooks on.
//
//   lineage.dishes.PANEL = (state, tools) => ({NAME: recipe, ...}) or null
//
// are a panel's recipes (onnx_models/RECIPES.md), those that are worth making while a hand moves. Its pictures say what
// they show: data-shows="NAME SAMPLE", or "NAME SAMPLE COUNT COLUMNS" of a sheet of so many, which is one image, or holds
// a canvas for each. What else it shows of them, data-shows="NAME", it writes itself, when it is told of `lineage:made`
// with {name, state, recipe, picture, numbers, ms}. A recipe that repeats a step is a film, of which the panel is told
// piece by piece: `lineage:moments` with {name, state, first, moments: [{picture, numbers}, ...], done}, `first` being
// how many there were before. Three more may be said of dishes:
//
//   stage   (state) => [VALUE, ...], by which a stage is known from others, which the server lays out
//   rest    (state, tools) => ... or null, recipes that wait until the hand rests
//   whole   whether the panel shows nothing else, so that the server need not be asked
//
// Who wishes for the browser waits for its engine and files from the first touch on; the server is asked about what is
// still stale when all is made. On a page without a server, whose `lineage.stages` are those of static.js, this browser
// cooks alone.

(() => {
  "use strict";

  const WISHES = ["auto", "browser", "server"];
  const KEY = "lineage.cook";
  const at = (name) => new URL(`${lineageKitchen}/${name}`, document.baseURI);

  const dishes = (lineage.dishes = {});
  lineage.trims = {};

  /** Leave of a stage's cards those of some models, in a text with commas; how many these are. */
  lineage.leaveCards = (stage, models, cards = "[data-card]") => {
    const chosen = models.split(",");
    for (const card of stage.querySelectorAll(cards)) if (!chosen.includes(card.dataset.card)) card.remove();
    return chosen.length;
  };

  const waiting = new Map(); // by id: what is done with what comes back
  const served = new Set(); // graphs that this browser has run, as graphsOf names them
  let wish = lineage.choice("cook", WISHES, remembered());
  let worker = null;
  let booting = null; // the promise of tools, or of trouble
  let tools = null; // what recipes are written with: of recipes.js, and what demo/kitchen exports
  let trouble = null; // words
  let last = 0;
  let silence = ""; // of the server: whether this browser goes "alone", or nobody answers
  const nobody = () => lineage.stages !== undefined; // else to ask
  const first = () => wish === "browser" && !nobody(); // and the server after it

  // A browser may refuse to remember anything for this page.
  function remembered() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  }

  // ---------------------------------------------------------------- the engine

  function fail(words) {
    trouble = words;
    worker?.terminate();
    worker = booting = tools = null;
    for (const { refuse } of waiting.values()) refuse(words);
    waiting.clear();
    tell();
    for (const [panel, order] of orders) if (order.waits) giveUp(panel, order);
  }

  const read = (name) => fetch(at(name)).then((answer) => (answer.ok ? answer.json() : Promise.reject()));

  const boot = () => (booting ??= begin());

  async function begin() {
    worker = new Worker(at("worker.js"), { type: "module" });
    worker.addEventListener("error", () => fail(["kitchen.failed"]));
    worker.addEventListener("message", ({ data }) => {
      if (data.total !== undefined) return tell(data);
      const asked = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.trouble) asked?.refuse(data.trouble);
      else asked?.take(data);
    });
    try {
      const [{ normals, uniforms, STREAM, ways }, { cookbook }, { chains }, drawing, cards] = await Promise.all([
        ...["recipes.js", "cookbook.js", "chains.js", "drawing.js"].map((name) => import(at(name))),
        read("cards.json"),
      ]);
      const movable = Object.values(cards).some(({ directions }) => directions);
      const directions = movable ? await read("directions.json") : {};
      const written = cookbook(cards);
      tools = { normals, uniforms, STREAM, ways, directions, ...drawing, ...written, ...chains(written) };
    } catch {
      return fail(["kitchen.unreachable"]);
    }
    for (const [panel, order] of orders) {
      const { state, waits } = order;
      const here = lineage.cooks(panel, state, nobody()); // to be able to, next time
      if (waits && !here) giveUp(panel, order);
    }
  }

  /** Have the engine ready before anything is wished of it. */
  async function warm() {
    await boot();
    if (tools) await answer({ id: (last += 1), begin: true }).catch(fail);
  }

  document.addEventListener("lineage:ready", () => first() && warm(), { once: true });

  const answer = (asked) =>
    new Promise((take, refuse) => {
      waiting.set(asked.id, { take, refuse });
      worker.postMessage(asked);
    });

  /** What comes of a recipe: {picture, numbers: {NAME: ...}, ms, engine}, each {data, dims}. */
  const made = (recipe) => answer({ id: (last += 1), recipe });

  /** The pieces of a film, {moments, done, ms, engine}; who leaves it before its end gives it up. */
  async function* film(recipe) {
    const id = (last += 1);
    try {
      let piece = await answer({ id, film: recipe });
      for (; !piece.done; piece = await answer({ id, more: true })) yield piece;
      yield piece;
    } finally {
      worker?.postMessage({ id, left: true });
    }
  }

  // ---------------------------------------------------------------- painting

  const INK = 0x1c; // of demo/kit/sprites.py: a grey picture is ink of some opacity, colours are colours
  const canvas = document.createElement("canvas");

  /** The pixels of one sample: what is beyond 0 and 255 is clipped by their array. */
  function pixels({ data, dims: [, channels, height, width] }, sample) {
    const [plane, from] = [height * width, sample * channels * height * width];
    const made = new ImageData(width, height);
    for (let n = 0; n < plane; n++) {
      for (let k = 0; k < 3; k++) made.data[4 * n + k] = channels === 1 ? INK : 255 * data[from + k * plane + n];
      made.data[4 * n + 3] = channels === 1 ? 255 * data[from + n] : 255;
    }
    return made;
  }

  /** Lay samples on a canvas, so many in a row, each with so many clear pixels all round. */
  function lay(onto, picture, first, count, columns, margin) {
    const [height, width] = picture.dims.slice(2).map((side) => side + 2 * margin);
    onto.width = columns * width;
    onto.height = Math.ceil(count / columns) * height;
    const context = onto.getContext("2d");
    for (let n = 0; n < count; n++) {
      const [left, top] = [(n % columns) * width, Math.floor(n / columns) * height];
      context.putImageData(pixels(picture, first + n), left + margin, top + margin);
    }
    return onto;
  }

  /** All samples as a sheet for `lineage.put`, so many in a row. */
  const sheet = (picture, columns) => lay(document.createElement("canvas"), picture, 0, picture.dims[0], columns, 0);

  /** A PNG of one sample, or of a sheet of so many, with a clear pixel round each. */
  const ink = (picture, first = 0, count = 0, columns = 1) =>
    lay(canvas, picture, first, count || 1, columns, count ? 1 : 0).toDataURL();

  /** Show one sample, or a sheet of so many, on an image; or so many on the canvases in an element. */
  function paint(place, picture, first = 0, count = 0, columns = 1) {
    if (place.tagName === "IMG") place.src = ink(picture, first, count, columns);
    else {
      const cuts = [...place.querySelectorAll(".cut")].slice(0, count);
      cuts.forEach((cut, k) => cut.getContext("2d").putImageData(pixels(picture, first + k), 0, 0));
    }
  }

  const shown = (image) => image.dataset.shows.split(" ");

  const emit = (panel, event, detail) => panel.dispatchEvent(new CustomEvent(`lineage:${event}`, { detail }));

  const TURN = 12; // milliseconds of painting, after which a hand has its turn

  async function serve(panel, { name, state, recipe, picture, numbers, ms }) {
    await lineage.stages?.lay(panel);
    let began = performance.now();
    for (const image of picture ? panel.querySelectorAll("[data-shows]") : []) {
      const [of, ...where] = shown(image);
      const [first, count = 0, columns = 1] = where.map(Number);
      if (of !== name || first + (count || 1) > picture.dims[0]) continue;
      if (performance.now() - began > TURN) {
        await new Promise((resolve) => setTimeout(resolve));
        if (!orders.get(panel).able) return; // the server is asked by now
        began = performance.now();
      }
      paint(image, picture, first, count, columns);
    }
    emit(panel, "made", { name, state, recipe, picture, numbers, ms });
  }

  // ---------------------------------------------------------------- one panel's orders

  const orders = new Map(); // by panel

  const SILENCE = 5000; // milliseconds without a word of the server, after which the visitor is told

  function open(panel) {
    const order = { state: null, next: null, rest: null, due: null, silent: null };
    Object.assign(order, { able: false, busy: false, rested: false, waits: false });
    orders.set(panel, order);
    panel.addEventListener("lineage:asked", () => {
      clearTimeout(order.silent);
      order.silent = setTimeout(tell, SILENCE, { silent: order.able ? "alone" : "silent" });
    });
    panel.addEventListener("lineage:answered", () => {
      clearTimeout(order.silent);
      if (silence) tell();
    });
    panel.addEventListener("lineage:rested", () => rest(panel, order));
    return order;
  }

  const graphsOf = (recipes) =>
    Object.values(recipes).flatMap(({ steps }) =>
      steps.map(({ model, role, snapshot = "" }) => `${model} ${role} ${snapshot}`),
    );

  const toolsFor = (panel) => {
    const names = new Set([...panel.querySelectorAll("[data-shows]")].map((image) => shown(image)[0]));
    return { ...tools, names };
  };

  /**
   * Make what a panel shows of a state, or begin to be able to: whether this browser makes "some" of it, so that the
   * server can be asked when the hand rests, "most", so that it need be asked only what waits for that, or "all"; else
   * nothing. Where nobody else is asked, what is made is shown however late it comes.
   */
  lineage.cooks = (panel, state, alone = false) => {
    if (nobody() && !alone) return lineage.stages.set(panel, state);
    const order = orders.get(panel) ?? open(panel);
    const recipesOf = dishes[panel.dataset.tab];
    if (!recipesOf) return null;
    Object.assign(order, { state, able: false, next: null, rest: null, rested: false, waits: false });
    if ((wish === "server" && !nobody()) || trouble) return null;
    if (first() && !alone && isElsewhere(panel, state, recipesOf)) return null;
    const share = first() ? "most" : "some";
    const part = recipesOf.whole || (first() && recipesOf.rest) ? "all" : share;
    if (!tools) {
      boot();
      order.waits = first();
      return order.waits ? part : null;
    }
    const recipes = recipesOf(state, toolsFor(panel));
    if (!recipes) return null;
    order.able = alone || first() || graphsOf(recipes).every((graph) => served.has(graph));
    order.next = { recipes, state, able: order.able };
    if (!order.busy) work(panel, order);
    return order.able ? part : null;
  };

  // Whether what the server has laid out is not the stage of a state.
  function isElsewhere(panel, state, { stage = () => [] }) {
    const laid = stage(panel.lineage.good());
    return stage(state).some((value, k) => value !== laid[k]);
  }

  // What this browser was to make, and could not, is the server's.
  function giveUp(panel, order) {
    Object.assign(order, { able: false, waits: false });
    emit(panel, "unmade");
  }

  // What waits until the hand rests.
  function rest(panel, order) {
    const recipesOf = dishes[panel.dataset.tab]?.rest;
    if (!recipesOf || !order.able || trouble) return;
    const recipes = recipesOf(order.state, toolsFor(panel));
    order.rest = recipes && { recipes, state: order.state, able: true };
    order.rested = true;
    if (!order.busy) work(panel, order);
  }

  // Always the last state, and no other waits.
  async function work(panel, order) {
    order.busy = true;
    const mine = {};
    lineage.pend(mine);
    while ((order.next || order.rest) && !trouble) {
      const round = order.next ?? order.rest;
      if (!order.next) order.rest = null;
      order.next = null;
      try {
        await cook(panel, order, round);
      } catch (words) {
        const lost = served.size && words[0] === "kitchen.unreachable"; // one file more, of a server that is gone
        if (!trouble && !lost) fail(Array.isArray(words) ? words : ["kitchen.failed"]);
        const all = nobody() || first() || dishes[panel.dataset.tab].whole;
        if (all && round.able && order.able) giveUp(panel, order);
      }
    }
    order.busy = false;
    finish(panel, order);
    lineage.pend(mine, false);
  }

  // All is made: nobody else need be asked, but about what is left as it was.
  function finish(panel, order) {
    const { rest, whole } = dishes[panel.dataset.tab];
    if (nobody() || !order.able || (rest && !order.rested)) return;
    if (first() && panel.querySelector(".view .stale")) emit(panel, "lacking");
    else if (first() || whole) emit(panel, "complete");
  }

  // All recipes of a state, one after the other, unless a newer state comes: the next round begins where this one was
  // left, so that the last of them has its turn while a hand moves.
  async function cook(panel, order, { recipes, state, able }) {
    const wanted = () => able && order.able; // else the server was asked, about this or about what came after
    const names = Object.keys(recipes);
    const from = Math.max(0, names.indexOf(order.due));
    for (const name of [...names.slice(from), ...names.slice(0, from)]) {
      order.due = name;
      if (order.next) return;
      const recipe = recipes[name];
      if (recipe.steps.some(({ repeat }) => repeat)) await roll(panel, order, { name, state, recipe, wanted });
      else {
        const dish = await made(recipe);
        if (wanted()) await serve(panel, { name, state, recipe, ...dish });
        if (wanted()) tell(dish);
      }
      for (const graph of graphsOf({ recipe })) served.add(graph);
    }
    order.due = null;
  }

  // A film, until it is over or another state is looked at.
  async function roll(panel, order, { name, state, recipe, wanted }) {
    let first = 0;
    for await (const { moments, done, ms, engine } of film(recipe)) {
      await lineage.stages?.lay(panel);
      if (order.state !== state || !wanted()) return;
      emit(panel, "moments", { name, state, first, moments, done });
      first += moments.length;
      if (moments.length) tell({ ms: ms / moments.length, engine });
    }
  }

  // ---------------------------------------------------------------- who it is

  function tell({ loaded, total, ms, engine, silent = "" } = {}) {
    const who = document.querySelector("[data-cook]");
    if (!who) return;
    if (silence && ms !== undefined) return; // said until the server answers
    silence = silent;
    if (silence) lineage.name(who, [`kitchen.${silence}`]);
    else if (trouble) lineage.name(who, [nobody() ? "kitchen.broken" : "kitchen.fault", { why: trouble }]);
    else if (total) lineage.name(who, ["kitchen.loading", { loaded: loaded / 1e6, total: total / 1e6 }]);
    else if (ms !== undefined) lineage.name(who, ["kitchen.here", { engine, ms }]);
    else lineage.name(who, [`kitchen.${nobody() ? "only" : wish}`]);
  }

  lineage.kitchen = {
    tell,
    boot,
    make: made,
    /** What recipes are written with; nothing where this browser is not to cook, or not yet. */
    tools: () => (wish === "server" || trouble ? null : tools),
    /** What was ordered last is another's to show. */
    leave: (panel) => Object.assign(orders.get(panel) ?? {}, { able: false, next: null, rest: null }),
    trouble: () => trouble,
    ink,
    paint,
    sheet,
    turn() {
      trouble = null;
      if (nobody()) return tell();
      wish = WISHES[(WISHES.indexOf(wish) + 1) % WISHES.length];
      lineage.remember({ cook: wish === WISHES[0] ? null : wish });
      try {
        localStorage.setItem(KEY, wish);
      } catch {} // it is the choice of this visit then
      tell();
      if (first()) warm();
    },
  };
})();
