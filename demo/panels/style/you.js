// Style, a visitor's own picture: an easel, and the steps that bring the styles found closer to what is on it
// (you.py). Picture and styles are kept here alone: the server forgets them with its answer.

// Takes the steps that are wished for in this browser, or carries the wish to the server, and the steps to the panel.
lineage.kinds.closer = (element, { props, trigger, watch }) => {
  const STEPS_A_PIECE = 2;
  const panel = element.closest("[id^='panel-']");
  const tell = (detail) => panel.dispatchEvent(new CustomEvent("lineage:nearer", { detail }));
  let mine = ""; // the wish that this browser grants

  function ask() {
    lineage.expectAnswer(element);
    panel.lineage.hand();
    trigger("input");
  }

  // Each few steps with the best so far, until the wish is given up.
  async function take({ wish }, refined, steps) {
    const errors = [];
    let best = { error: Infinity };
    let step = 0;
    for await (const reached of refined(steps)) {
      if (panel.lineage.get().wish !== wish) return;
      if (reached.error < best.error) best = reached;
      errors.push(reached.error);
      const { error, picture, ws } = best;
      const data = { wish, step, steps, errors, error, picture: lineage.kitchen.ink(picture), ws: packed(ws) };
      if (step % STEPS_A_PIECE === 0) tell({ data });
      step += 1;
    }
  }

  const packed = (ws) => btoa(Array.from(new Uint8Array(ws.buffer), (byte) => String.fromCharCode(byte)).join(""));

  panel.addEventListener("lineage:closer", () => {
    const state = panel.lineage.get();
    const ended = mine && !state.wish; // by its own
    mine = "";
    if (ended) return;
    const tools = lineage.kitchen.tools();
    const refined = state.wish && tools && panel.sought?.(state, tools)?.refined;
    if (!refined) return ask();
    mine = state.wish;
    const steps = Number(panel.querySelector("[data-steps]").dataset.steps);
    lineage.during(take(state, refined, steps).catch(() => panel.lineage.get().wish === state.wish && ask()));
  });
  watch("value", () => {
    lineage.gotAnswer(element);
    tell(lineage.opened(props.value));
  });
};

// The styles of a picture, float numbers [3, side, side], found at one glance or step by step (demo/engine/styles.py):
// the recipe of the glance, and what yields {ws, picture, error} of a start and so many steps.
lineage.seeker = (state, picture, tools) => {
  "use strict";

  const { model, ws, noise_seed } = state;
  const { cards, step, paint, noise } = tools;
  const [RATE, PULL] = [0.05, 0.001];
  const able = ({ generator, graphs }) => generator === model && graphs.encode && graphs.refine;
  const encoder = Object.keys(cards).find((id) => able(cards[id]));
  if (!encoder) return null;
  const grains = noise(model, state.noise === "on" ? noise_seed : null);
  const seen = step("seen", encoder, "encode", () => ({ numbers: [picture] }));
  const found = ws && new Float32Array(Uint8Array.from(atob(ws), (letter) => letter.charCodeAt(0)).buffer);
  const glance = found
    ? paint(model, { numbers: [found] }, grains, [])
    : paint(model, { of: "seen.ws" }, grains, [seen]);
  const names = ["ws", "first", "second"];

  async function look() {
    const { numbers } = await lineage.kitchen.make({ recipe: 1, steps: [seen], numbers: ["seen.ws"] });
    return numbers["seen.ws"].data;
  }

  async function* refined(steps) {
    const start = found || (await look());
    let at = { ws: start, first: new Float32Array(start.length), second: new Float32Array(start.length) };
    for (let number = 0; number <= steps; number++) {
      const rate = (RATE * (1 + Math.cos((Math.PI * number) / Math.max(steps, 1)))) / 2;
      const given = { image: { numbers: [picture] }, pull: { fill: PULL } };
      Object.assign(given, { step: { fill: number + 1 }, rate: { fill: rate } });
      for (const name of names) given[name] = { numbers: [at[name]] };
      const taken = step("closer", encoder, "refine", (input) => given[input] ?? grains[input]);
      const numbers = names.map((name) => `closer.new_${name}`);
      const made = await lineage.kitchen.make({ recipe: 1, steps: [taken], picture: "closer.picture", numbers });
      yield { ws: at.ws, picture: made.picture, error: lineage.seeker.distance(made.picture.data, picture) };
      at = Object.fromEntries(names.map((name, k) => [name, made.numbers[numbers[k]].data]));
    }
  }

  return { glance: { rebuilt: glance }, refined };
};

/** The root of the mean squared difference of two pictures, white being 1. */
lineage.seeker.distance = (made, picture) =>
  Math.sqrt(made.reduce((total, value, n) => total + (value - picture[n]) ** 2, 0) / made.length);

lineage.easel = (root, panel) => {
  "use strict";

  const WIDTH = 0.075; // of a stroke, a share of the easel's side
  const INK = "#1c1b1a";

  const find = (selector) => root.querySelector(selector);

  let canvas = null;
  let pen = null;
  let base = null; // what is painted on: the seed's face or the visitor's picture
  let face = ""; // the address of the server's own picture that `base` was, if it was one
  let strokes = []; // {colour, points}
  let past = []; // what undo goes back to: {strokes, base, given}
  let stroke = null; // the one being painted
  let given = false; // whether the base is the visitor's
  let foreign = false; // a file that only the server could read: its answer holds the picture
  let frame = 0;
  let runs = 0;
  let nearest = null; // the last answer of the steps under way, or of those that have ended
  let nearestOf = ""; // the picture they were about

  let colour = ""; // of the next stroke

  const blank = () => !given && strokes.length === 0;

  // ---------------------------------------------------------------- painting

  function paint(context) {
    const { width, height } = context.canvas;
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = false;
    if (base) context.drawImage(base, 0, 0, width, height);
    for (const { colour: strokeStyle, points } of strokes) {
      Object.assign(context, { lineWidth: WIDTH * width, lineCap: "round", lineJoin: "round", strokeStyle });
      lineage.trace(context, points);
    }
  }

  function redraw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      const context = canvas.getContext("2d");
      paint(context);
      pen.paint(context);
    });
  }

  const copy = document.createElement("canvas");
  let leaving = 0;
  let left = { picture: "" }; // the last that left the easel, {picture, side, data}

  // At most one picture a frame leaves the easel, and the last one always does.
  function send() {
    cancelAnimationFrame(leaving);
    leaving = lineage.nextFrame(copy, () => {
      if (blank()) return leave();
      if (lineage.legible()) panel.set(own(composite()));
      else panel.refuse([["page.blind"]]);
    });
  }

  function composite() {
    const side = (copy.width = copy.height = canvas.width);
    const context = copy.getContext("2d", { willReadFrequently: true });
    paint(context);
    left = { picture: copy.toDataURL("image/png"), side, data: context.getImageData(0, 0, side, side).data };
    return left.picture;
  }

  // What a network of that size takes of it, averaged over areas; null where the server alone has seen the picture.
  function averaged(side) {
    const block = left.side / side;
    if (!Number.isInteger(block)) return null;
    const picture = new Float32Array(3 * side * side);
    left.data.forEach((value, n) => {
      const [channel, x, y] = [n % 4, Math.floor(n / 4) % left.side, Math.floor(n / 4 / left.side)];
      if (channel === 3) return; // all of it is opaque
      picture[(channel * side + Math.floor(y / block)) * side + Math.floor(x / block)] += value / 255 / block ** 2;
    });
    return picture;
  }

  /** What finds the styles of a state's own picture in this browser, see `lineage.seeker`; null where it cannot. */
  root.sought = (state, tools) => {
    const { shape } = tools.cards[state.model]?.graphs.synthesis?.outputs.find(({ name }) => name === "image") ?? {};
    if (!shape || left.picture !== state.picture || shape[2] !== shape[3]) return null;
    const picture = averaged(shape[2]);
    return picture && lineage.seeker(state, picture, tools);
  };

  root.addEventListener("lineage:made", ({ detail: { name, picture } }) => {
    if (name !== "rebuilt") return;
    const error = lineage.seeker.distance(picture.data, averaged(picture.dims[2]));
    lineage.name(find("[data-error]"), ["style.you.error", { value: error }]);
  });

  // A found style needs no truncation: it is where it was found.
  function own(picture) {
    stop();
    foreign = false;
    return { picture, ws: "", wish: "", ...(panel.get().picture ? {} : { psi: 1 }) };
  }

  function leave() {
    stop();
    if (panel.get().picture) panel.set({ picture: "", ws: "", wish: "" });
  }

  function choose(wish) {
    colour = wish;
    for (const one of root.querySelectorAll("[data-colour]")) {
      one.setAttribute("aria-pressed", String(one.dataset.colour === wish));
    }
  }

  function keep() {
    past.push({ strokes: [...strokes], base, given });
    if (past.length > 100) past.shift();
  }

  function begin(point) {
    keep();
    stroke = { colour, points: [point] };
    strokes = [...strokes, stroke];
    redraw();
    send();
  }

  function extend(points) {
    if (!stroke) return;
    stroke.points.push(...points);
    redraw();
    send();
  }

  function undo() {
    const before = past.pop();
    if (!before) return;
    ({ strokes, base, given } = before);
    stroke = null;
    redraw();
    send();
  }

  function clear() {
    if (blank() && !panel.get().picture) return;
    past = [];
    strokes = [];
    given = false;
    face = "";
    leave();
  }

  // ---------------------------------------------------------------- a picture brought along

  // The middle of it, in the easel's size: the rest never leaves the visitor's machine.
  async function bring(file) {
    let image = null;
    try {
      if (!lineage.legible()) return pass(file);
      image = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      return pass(file);
    }
    keep();
    const side = Math.min(image.width, image.height);
    const cut = document.createElement("canvas");
    cut.width = cut.height = canvas.width;
    const context = cut.getContext("2d");
    context.imageSmoothingQuality = "high";
    const place = [(image.width - side) / 2, (image.height - side) / 2, side, side];
    context.drawImage(image, ...place, 0, 0, cut.width, cut.height);
    base = cut;
    given = true;
    strokes = [];
    redraw();
    send();
  }

  // What this browser cannot open may be a TIFF.
  async function pass(file) {
    panel.set(own(await lineage.asSent(file)));
    foreign = true;
  }

  lineage.files(root, ".mirror", bring);

  root.addEventListener("click", ({ target }) => {
    const swatch = target.closest("[data-colour]");
    if (swatch) choose(swatch.dataset.colour);
    const what = target.closest("[data-easel]")?.dataset.easel;
    if (what) ({ undo, clear })[what]();
    if (target.closest("[data-closer]")) {
      if (panel.get().wish) stop(true);
      else start();
    }
  });

  // ---------------------------------------------------------------- closer, step by step

  function start() {
    if (!panel.get().picture) panel.set(own(composite()));
    runs += 1;
    nearest = null;
    nearestOf = panel.get().picture;
    panel.set({ wish: `closer-${runs}` });
    root.dispatchEvent(new CustomEvent("lineage:closer"));
    report();
  }

  // What has been found so far stays where the visitor says stop.
  function stop(found = false) {
    if (!panel.get().wish) return;
    const ws = found && nearest ? { ws: nearest.ws } : {};
    panel.set({ wish: "", ...ws });
    root.dispatchEvent(new CustomEvent("lineage:closer"));
    report();
  }

  root.addEventListener("lineage:nearer", ({ detail: { problem, data } }) => {
    if (problem) return stop(); // the stage says it
    if (!data || data.wish !== panel.get().wish) return; // of steps that were given up
    nearest = data;
    const rebuilt = find("[data-rebuilt]");
    if (rebuilt) rebuilt.src = data.picture;
    const error = find("[data-error]");
    if (error) lineage.name(error, ["style.you.error", { value: data.error }]);
    if (data.step === data.steps) panel.set({ ws: data.ws, wish: "" });
    report();
  });

  // Button, count and curve; the server knows nothing of them.
  function report() {
    const button = find("[data-closer]");
    if (!button) return;
    const { wish, picture } = panel.get();
    const mine = nearest && nearestOf === picture;
    lineage.name(button, [wish ? "style.you.stop" : "style.you.closer"]);
    const { step, steps, errors } = mine ? nearest : { step: 0, steps: Number(find("[data-steps]").dataset.steps) };
    lineage.name(find("[data-progress]"), mine || wish ? ["style.you.step", { step, steps }] : ["style.you.steps", { steps }]);
    const most = Math.max(...(errors ?? [0]), 1e-9);
    const points = (errors ?? []).map((one, k) => `${(100 * k) / steps},${(33 - (31 * one) / most).toFixed(2)}`);
    find(".descent polyline").setAttribute("points", points.join(" "));
  }

  // ---------------------------------------------------------------- what the server says

  async function shown() {
    const easel = find(".easel");
    if (!easel) return;
    const here = easel.querySelector("canvas");
    if (here !== canvas) {
      canvas = here;
      pen = lineage.pen(canvas, {
        side: canvas.width,
        step: canvas.width / 32,
        ink: INK,
        radius: () => (WIDTH * canvas.width) / 2,
        begin,
        extend,
        end: () => (stroke = null),
        undo,
        clear,
        redraw,
      });
      redraw();
    }
    choose(colour || find("[data-colour]").dataset.colour);
    report();
    const fresh = easel.dataset.face;
    const { picture } = panel.get();
    if (fresh === face || (picture && !foreign)) return;
    const image = new Image();
    image.src = fresh;
    await image.decode();
    if (panel.get().picture !== picture) return; // painted over meanwhile
    face = fresh;
    base = image;
    given = foreign;
    foreign = false;
    strokes = [];
    past = [];
    redraw();
  }

  root.addEventListener("lineage:brought", () => (foreign = panel.get().picture !== ""));
  root.addEventListener("lineage:shown", shown);
  shown();
};
