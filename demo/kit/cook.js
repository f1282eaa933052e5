// Who cooks: the server, or this browser on its own engine (demo/kitchen). A panel that can say the recipes of its
// state has them made here while a hand moves, once the engine and the files are there; what the server says comes
// when the hand rests. Whatever stands in the way, the server cooks on.
//
//   lineage.dishes.PANEL = (state, tools, live) => ({NAME: recipe, ...}) or null
//
// are a panel's recipes (onnx_models/RECIPES.md), where `live` those that are worth making while a hand moves; its
// pictures say what they show: data-shows="NAME SAMPLE".

(() => {
  "use strict";

  const WISHES = ["auto", "server"];
  const KEY = "lineage.cook";
  const at = (name) => new URL(`${lineageKitchen}/${name}`, document.baseURI);

  const dishes = (lineage.dishes = {});
  const waiting = new Map(); // by id: what is done with what comes back
  const served = new Set(); // models whose pictures this browser has made
  let wish = lineage.choice("cook", WISHES, remembered());
  let worker = null;
  let tools = null; // what recipes are written with: the seeds' numbers, and demo/kitchen/cookbook.js
  let trouble = null; // words
  let last = 0;

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
      const [{ normals }, { cookbook }, cards] = await Promise.all([
        import(at("recipes.js")),
        import(at("cookbook.js")),
        fetch(at("cards.json")).then((answer) => (answer.ok ? answer.json() : Promise.reject())),
      ]);
      tools = { normals, ...cookbook(cards) };
      for (const [panel, { state }] of orders) lineage.cooks(panel, state); // to be able to, next time
    } catch {
      fail(["kitchen.unreachable"]);
    }
  }

  /** A picture of a recipe: {picture: {data, dims}, ms}. */
  const made = (recipe) =>
    new Promise((take, refuse) => {
      waiting.set((last += 1), { take, refuse });
      worker.postMessage({ id: last, recipe });
    });

  // ---------------------------------------------------------------- painting

  const INK = 0x1c; // of demo/kit/sprites.py: a grey picture is ink of some opacity, colours are colours
  const canvas = document.createElement("canvas");

  function paint(image, { data, dims }, sample) {
    const [, channels, height, width] = dims;
    const [plane, from] = [height * width, sample * channels * height * width];
    const pixels = new ImageData(width, height);
    const level = (value) => Math.round(255 * Math.min(1, Math.max(0, value)));
    for (let n = 0; n < plane; n++) {
      const first = level(data[from + n]);
      if (channels === 1) pixels.data.set([INK, INK, INK, first], 4 * n);
      else pixels.data.set([first, level(data[from + plane + n]), level(data[from + 2 * plane + n]), 255], 4 * n);
    }
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    image.src = canvas.toDataURL();
  }

  function serve(panel, name, picture) {
    for (const image of panel.querySelectorAll(`[data-shows^="${name} "]`)) {
      const sample = Number(image.dataset.shows.split(" ")[1]);
      if (sample < picture.dims[0]) paint(image, picture, sample);
    }
  }

  // ---------------------------------------------------------------- one panel's orders

  const orders = new Map(); // by panel: {state, next, busy}

  const modelsOf = (recipes) => Object.values(recipes).flatMap(({ steps }) => steps.map(({ model }) => model));

  /**
   * Make what a panel shows of a state, or begin to be able to: whether this browser makes it, so that the server
   * can be asked when the hand rests.
   */
  lineage.cooks = (panel, state) => {
    const recipesOf = dishes[panel.dataset.tab];
    if (wish === "server" || trouble || !recipesOf) return false;
    const order = orders.get(panel) ?? { busy: false };
    orders.set(panel, Object.assign(order, { state }));
    if (!tools) {
      if (!worker) boot();
      return false;
    }
    const recipes = recipesOf(state, tools, true);
    if (!recipes) return false;
    const able = modelsOf(recipes).every((model) => served.has(model));
    order.next = { recipes, shown: able };
    if (!order.busy) work(panel, order);
    return able;
  };

  // Always the last state, and no other waits.
  async function work(panel, order) {
    order.busy = true;
    const mine = {};
    lineage.pend(mine);
    while (order.next && !trouble) {
      const { recipes, shown } = order.next;
      order.next = null;
      try {
        for (const [name, recipe] of Object.entries(recipes)) {
          const { picture, ms } = await made(recipe);
          modelsOf({ name: recipe }).forEach((model) => served.add(model));
          if (!shown) continue; // the server was asked
          serve(panel, name, picture);
          tell({ ms });
        }
      } catch (words) {
        if (!trouble) fail(Array.isArray(words) ? words : ["kitchen.failed"]);
      }
    }
    order.busy = false;
    lineage.pend(mine, false);
  }

  // ---------------------------------------------------------------- who it is

  function tell({ loaded, total, ms } = {}) {
    const who = document.querySelector("[data-cook]");
    if (!who) return;
    if (trouble) lineage.name(who, ["kitchen.fault", { why: trouble }]);
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
