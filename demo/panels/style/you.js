// Style, a visitor's own picture: an easel, and the steps that bring the styles found closer to what is on it
// (you.py). Picture and styles are kept here alone: the server forgets them with its answer.

// Carries the wish for steps to the server, and the steps back to the panel.
lineage.kinds.closer = (element, { props, trigger, watch }) => {
  const panel = element.closest("[id^='panel-']");
  panel.addEventListener("lineage:closer", () => {
    lineage.expectAnswer(element);
    panel.lineage.hand();
    trigger("input");
  });
  watch("value", () => {
    lineage.gotAnswer(element);
    panel.dispatchEvent(new CustomEvent("lineage:nearer", { detail: lineage.opened(props.value) }));
  });
};

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
    copy.width = canvas.width;
    copy.height = canvas.height;
    paint(copy.getContext("2d", { willReadFrequently: true }));
    return copy.toDataURL("image/png");
  }

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
