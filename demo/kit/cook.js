// Who cooks: the server, or this browser on its own engine (demo/kitchen). A panel that can say the recipes of its
// state has them made here while a hand moves, once the engine and the files are there; what the server says comes
// when the hand rests. Whatever stands in the way, the server cooks on.
//
//   lineage.dishes.PANEL = (state, tools, live) => ({NAME: recipe, ...}) or null
//
// are a panel's recipes (onnx_models/RECIPES.md), where `live` those that are worth making while a hand moves. Its
// pictures say what they show: data-shows="NAME SAMPLE", or "NAME SAMPLE COUNT COLUMNS" of a sheet of so many. What
// else it shows it writes itself, when it is told of `lineage:made` with {name, state, picture, numbers}.

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

  /** What comes of a recipe: {picture, numbers: {NAME: ...}, ms}, each {data, dims}. */
  const made = (recipe) =>
    new Promise((take, refuse) => {
      waiting.set((last += 1), { take, refuse });
      worker.postMessage({ id: last, recipe });
    });

  // ---------------------------------------------------------------- painting

  const INK = 0x1c; // of demo/kit/sprites.py: a grey picture is ink of some opacity, colours are colours
  const canvas = document.createElement("canvas");

  const level = (value) => Math.round(255 * Math.min(1, Math.max(0, value)));

  /** The pixels of one sample. */
  function pixels({ data, dims: [, channels, height, width] }, sample) {
    const [plane, from] = [height * width, sample * channels * height * width];
    const made = new ImageData(width, height);
    for (let n = 0; n < plane; n++) {
      const first = level(data[from + n]);
      if (channels === 1) made.data.set([INK, INK, INK, first], 4 * n);
      else made.data.set([first, level(data[from + plane + n]), level(data[from + 2 * plane + n]), 255], 4 * n);
    }
    return made;
  }

  function paint(image, picture, first, count, columns) {
    const [, , height, width] = picture.dims;
    // A clear pixel is all round each picture of a sheet.
    const place = (n) => [(n % columns) * (width + 2) + 1, Math.floor(n / columns) * (height + 2) + 1];
    canvas.width = count ? columns * (width + 2) : width;
    canvas.height = count ? Math.ceil(count / columns) * (height + 2) : height;
    const context = canvas.getContext("2d");
    for (let n = 0; n < (count || 1); n++) {
      context.putImageData(pixels(picture, first + n), ...(count ? place(n) : [0, 0]));
    }
    const file = canvas.toDataURL();
    if (image.tagName === "IMG") image.src = file;
    else image.style.setProperty("--sheet-of", `url(data:${file.replace("data:", "")})`);
  }

  const shown = (image) => image.dataset.shows.split(" ");

  function serve(panel, state, name, { picture, numbers }) {
    for (const image of panel.querySelectorAll("[data-shows]")) {
      const [of, ...where] = shown(image);
      const [first, count = 0, columns = 1] = where.map(Number);
      if (of === name && first + (count || 1) <= picture.dims[0]) paint(image, picture, first, count, columns);
    }
    panel.dispatchEvent(new CustomEvent("lineage:made", { detail: { name, state, picture, numbers } }));
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

  const modelsOf = (recipes) => Object.values(recipes).flatMap(({ steps }) => steps.map(({ model }) => model));

  /**
   * Make what a panel shows of a state, or begin to be able to: whether this browser makes it, so that the server
   * can be asked when the hand rests.
   */
  lineage.cooks = (panel, state) => {
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
    order.able = modelsOf(recipes).every((model) => served.has(model));
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
          modelsOf({ name: recipe }).forEach((model) => served.add(model));
          if (!able || !order.able) continue; // the server was asked, about this or about what came after
          serve(panel, state, name, dish);
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
