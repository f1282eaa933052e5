// Who cooks: the server, or this browser on its own engine (demo/kitchen). A panel that can say the recipes of its
// state has them made here while a hand moves, once the engine and the files are there; what the server says comes
// when the hand rests. Whatever stands in the way, the server cooks on.
//
//   lineage.dishes.PANEL = (state, tools, live) => ({NAME: recipe, ...}) or null
//
// are a panel's recipes (onnx_models/RECIPES.md), where `live` those that are worth making while a hand moves. Its
// pictures say what they show: data-shows="NAME SAMPLE", or "NAME SAMPLE COUNT COLUMNS" of a sheet of so many. What
// else it shows it writes itself, when it is told of `lineage:made` with {name, state, recipe, picture, numbers}.

(() => {
  "use strict";

  const WISHES = ["auto", "server"];
  const KEY = "lineage.cook";
  const at = (name) => new URL(`${lineageKitchen}/${name}`, document.baseURI);

  const dishes = (lineage.dishes = {});
  const waiting = new Map(); // by id: what is done with what comes back
  const served = new Set(); // graphs that this browser has run, as graphsOf names them
  let wish = lineage.choice("cook", WISHES, remembered());
  let worker = null;
  let tools = null; // what recipes are written with: of recipes.js, and demo/kitchen/cookbook.js
  let trouble = null; // words
  let last = 0;
  let alone = false; // whether the server has gone silent

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
    worker = null;
    for (const { refuse } of waiting.values()) refuse(words);
    waiting.clear();
    tell();
  }

  const read = (name) => fetch(at(name)).then((answer) => (answer.ok ? answer.json() : Promise.reject()));

  async function boot() {
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
      const [{ normals, ways }, { cookbook }, cards] = await Promise.all([
        import(at("recipes.js")),
        import(at("cookbook.js")),
        read("cards.json"),
      ]);
      const movable = Object.values(cards).some(({ directions }) => directions);
      tools = { normals, ways, directions: movable ? await read("directions.json") : {}, ...cookbook(cards) };
      for (const [panel, { state }] of orders) lineage.cooks(panel, state); // to be able to, next time
    } catch {
      fail(["kitchen.unreachable"]);
    }
  }

  /** What comes of a recipe: {picture, numbers: {NAME: ...}, ms}, each {data, dims}. */
  const made = (recipe) =>
    new Promise((take, refuse) => {
      waiting.set((last += 1), { take, refuse });
      worker.postMessage({ id: last, recipe });
    });

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
  lineage.sheet = (picture, columns) => lay(document.createElement("canvas"), picture, 0, picture.dims[0], columns, 0);

  function paint(image, picture, first = 0, count = 0, columns = 1) {
    const file = lay(canvas, picture, first, count || 1, columns, count ? 1 : 0).toDataURL();
    if (image.tagName === "IMG") image.src = file;
    else image.style.setProperty("--sheet-of", `url(data:${file.replace("data:", "")})`);
  }

  lineage.paint = paint;

  const shown = (image) => image.dataset.shows.split(" ");

  const TURN = 12; // milliseconds of painting, after which a hand has its turn

  async function serve(panel, { name, state, recipe, picture, numbers }) {
    let began = performance.now();
    for (const image of panel.querySelectorAll("[data-shows]")) {
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
    panel.dispatchEvent(new CustomEvent("lineage:made", { detail: { name, state, recipe, picture, numbers } }));
  }

  // ---------------------------------------------------------------- one panel's orders

  const orders = new Map(); // by panel

  const SILENCE = 5000; // milliseconds without a word of the server, after which the visitor is told

  function open(panel) {
    const order = { state: null, next: null, able: false, busy: false, silent: null };
    orders.set(panel, order);
    panel.addEventListener("lineage:asked", () => {
      clearTimeout(order.silent);
      if (order.able) order.silent = setTimeout(tell, SILENCE, { silence: true });
    });
    panel.addEventListener("lineage:answered", () => {
      clearTimeout(order.silent);
      if (alone) tell();
    });
    return order;
  }

  const graphsOf = (recipes) =>
    Object.values(recipes).flatMap(({ steps }) =>
      steps.map(({ model, role, snapshot = "" }) => `${model} ${role} ${snapshot}`),
    );

  /**
   * Make what a panel shows of a state, or begin to be able to: whether this browser makes it, so that the server
   * can be asked when the hand rests. Where nobody else is asked, what is made is shown however late it comes.
   */
  lineage.cooks = (panel, state, alone = false) => {
    const recipesOf = dishes[panel.dataset.tab];
    if (wish === "server" || trouble || !recipesOf) return false;
    const order = orders.get(panel) ?? open(panel);
    Object.assign(order, { state, able: false, next: null });
    if (!tools) {
      if (!worker) boot();
      return false;
    }
    const names = new Set([...panel.querySelectorAll("[data-shows]")].map((image) => shown(image)[0]));
    const recipes = recipesOf(state, { ...tools, names }, true);
    if (!recipes) return false;
    order.able = alone || graphsOf(recipes).every((graph) => served.has(graph));
    order.next = { recipes, state, able: order.able };
    if (!order.busy) work(panel, order);
    return order.able;
  };

  // Always the last state, and no other waits.
  async function work(panel, order) {
    order.busy = true;
    const mine = {};
    lineage.pend(mine);
    while (order.next && !trouble) {
      const { recipes, state, able } = order.next;
      order.next = null;
      try {
        for (const [name, recipe] of Object.entries(recipes)) {
          if (order.next) break;
          const { ms, ...dish } = await made(recipe);
          graphsOf({ name: recipe }).forEach((graph) => served.add(graph));
          if (!able || !order.able) continue; // the server was asked, about this or about what came after
          await serve(panel, { name, state, recipe, ...dish });
          tell({ ms });
        }
      } catch (words) {
        const lost = served.size && words[0] === "kitchen.unreachable"; // one file more, of a server that is gone
        if (!trouble && !lost) fail(Array.isArray(words) ? words : ["kitchen.failed"]);
      }
    }
    order.busy = false;
    lineage.pend(mine, false);
  }

  // ---------------------------------------------------------------- who it is

  function tell({ loaded, total, ms, silence = false } = {}) {
    const who = document.querySelector("[data-cook]");
    if (!who) return;
    if (alone && ms !== undefined) return; // said until the server answers
    alone = silence && !trouble;
    if (alone) lineage.name(who, ["kitchen.alone"]);
    else if (trouble) lineage.name(who, ["kitchen.fault", { why: trouble }]);
    else if (total) lineage.name(who, ["kitchen.loading", { loaded: loaded / 1e6, total: total / 1e6 }]);
    else if (ms !== undefined) lineage.name(who, ["kitchen.here", { ms }]);
    else lineage.name(who, [`kitchen.${wish}`]);
  }

  lineage.kitchen = {
    tell,
    turn() {
      wish = WISHES[(WISHES.indexOf(wish) + 1) % WISHES.length];
      trouble = null;
      lineage.remember({ cook: wish === WISHES[0] ? null : wish });
      try {
        localStorage.setItem(KEY, wish);
      } catch {} // it is the choice of this visit then
      tell();
    },
  };
})();
