// The drawing canvas: a thick antialiased pen for mouse, finger, stylus and keyboard; over it, where damage is
// done by hand, a brush that hides pixels of the 28 x 28 picture that the networks see.
//
// A picture can be brought, too: it goes as it is, and comes back as the networks see it.
//
// The tool only writes to the panel's state: {example, drawing, hidden}. What the state says is what it draws.

lineage.draw = (tool, panel, root) => {
  "use strict";

  const SIDE = 280; // ten times MNIST's 28, so an example keeps its pixels whole
  const CELLS = 28;
  const CELL = SIDE / CELLS;
  const PEN = 22; // scaled into MNIST's 20-pixel box a digit of usual size has strokes of two pixels, as there
  const BRUSH = 2.2; // radius in cells
  const FRAMES = 10; // most pictures in a strip
  const MOST_STEPS = 100;
  const INK = "#1c1b1a"; // turned round by the stylesheet in dark mode, like every other picture in ink

  const canvas = tool.querySelector("canvas");
  const prompt = tool.querySelector(".prompt");
  const sharpness = Math.max(1, Math.round(devicePixelRatio));
  canvas.width = canvas.height = SIDE * sharpness;

  let strokes = []; // each a list of points in canvas units
  let past = []; // what undo goes back to: {strokes, example, hidden, base, brought, cleared}
  let brought = ""; // the visitor's own picture under the strokes, as it was sent
  let linked = null; // the same where a link brought it: the sheet shows it as it was drawn
  let coming = false; // whether it is still on its way: what was there stays on the sheet
  let base = null; // the example under the strokes, an image
  let original = null; // the prepared picture, for the brush to work on
  let stroke = null; // the one being drawn
  let frame = 0;
  let cleared = false;

  const hiding = () => panel.get().damage === "brush";
  const blank = () => strokes.length === 0 && !base;

  // ---------------------------------------------------------------- drawing

  function paint(context, scale) {
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, SIDE, SIDE);
    context.imageSmoothingEnabled = false;
    if (base) context.drawImage(base, 0, 0, SIDE, SIDE);
    Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: INK });
    for (const points of strokes) lineage.trace(context, points);
  }

  function paintHidden(context) {
    const hidden = panel.get().hidden;
    context.setTransform(sharpness, 0, 0, sharpness, 0, 0);
    context.clearRect(0, 0, SIDE, SIDE);
    context.imageSmoothingEnabled = false;
    if (original) context.drawImage(original, 0, 0, SIDE, SIDE);
    for (let k = 0; k < hidden.length; k++) {
      if (hidden[k] !== "1") continue;
      const x = (k % CELLS) * CELL;
      const y = Math.floor(k / CELLS) * CELL;
      context.clearRect(x, y, CELL, CELL);
      context.fillStyle = `${INK}24`;
      context.fillRect(x, y, CELL, CELL);
    }
  }

  function redraw() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      const context = canvas.getContext("2d");
      if (hiding()) paintHidden(context);
      else paint(context, sharpness);
      pen.paint(context);
      prompt.hidden = hiding() || !blank();
      tool.classList.toggle("blank", blank());
    });
  }

  let sheet = null; // {drawing, coverage}: the last that left the canvas, and the opacity of its pixels
  const copy = document.createElement("canvas");
  copy.width = copy.height = SIDE;

  function copied() {
    const context = copy.getContext("2d", { willReadFrequently: true });
    paint(context, 1);
    return context;
  }

  // At most one picture a frame leaves the canvas; Gradio keeps only the last one that waits.
  let leaving = 0;
  function send() {
    cancelAnimationFrame(leaving);
    leaving = lineage.nextFrame(copy, () => {
      if (blank()) return;
      if (strokes.length && !lineage.legible()) return panel.refuse([["page.blind"]]);
      const context = copied();
      cleared = false;
      root.classList.remove("stale");
      if (!strokes.length) return void panel.set({ drawing: brought });
      const drawing = copy.toDataURL("image/png");
      sheet = { drawing, coverage: opacity(context.getImageData(0, 0, SIDE, SIDE)) };
      panel.set({ drawing });
    });
  }

  // ---------------------------------------------------------------- pen and brush

  function keep() {
    if (coming) giveUp();
    const { example, hidden } = panel.get();
    past.push({ strokes: [...strokes], example, hidden, base, brought, cleared });
    if (past.length > 100) past.shift();
  }

  function begin(point) {
    keep();
    if (hiding()) return hide(point);
    stroke = [point];
    strokes = [...strokes, stroke];
    redraw();
    send();
  }

  function extend(points) {
    if (hiding()) return points.forEach(hide);
    stroke?.push(...points);
    redraw();
    send();
  }

  function hide({ x, y }) {
    const cells = panel.get().hidden.padEnd(CELLS * CELLS, "0").split("");
    const column = x / CELL - 0.5;
    const row = y / CELL - 0.5;
    cells.forEach((_, k) => {
      if (Math.hypot((k % CELLS) - column, Math.floor(k / CELLS) - row) <= BRUSH) cells[k] = "1";
    });
    panel.set({ hidden: cells.join("") });
    redraw();
  }

  // ---------------------------------------------------------------- undo, clear

  function undo() {
    const before = past.pop();
    if (!before) return;
    coming = false;
    ({ strokes, base, brought, cleared } = before);
    stroke = null;
    redraw();
    if (blank()) return forget();
    root.classList.remove("stale");
    panel.set({ example: before.example, hidden: before.hidden });
    if (!hiding()) send();
  }

  function clear() {
    keep();
    if (hiding()) {
      panel.set({ hidden: "" });
      return redraw();
    }
    strokes = [];
    base = null;
    brought = "";
    redraw();
    forget();
  }

  // An empty sheet has nothing to answer: the last answers stay, paler, until there is ink again.
  function forget() {
    cleared = true;
    root.classList.add("stale");
  }

  // ---------------------------------------------------------------- a picture brought along

  const SMALL = 300_000; // bytes that are sent with every question as they are
  const SIDE_SENT = 1000; // pixels of a larger one's longer side
  const READ = /^image\/(png|jpeg|webp|gif|bmp|tiff)$/; // by the server

  async function bring(file) {
    const sent = file.size <= SMALL && READ.test(file.type) ? null : await smaller(file);
    const picture = sent ?? (await lineage.asSent(file));
    keep();
    coming = true;
    brought = picture;
    root.classList.remove("stale");
    if (panel.get().drawing === picture) arrive(); // no answer will come for it
    else panel.set({ drawing: picture, ...(hiding() ? { damage: "none", hidden: "" } : {}) });
  }

  // As much of it as 28 x 28 pixels can be made of; nothing where this browser cannot open it.
  async function smaller(file) {
    try {
      if (!lineage.legible()) return null;
      const image = await createImageBitmap(file, { imageOrientation: "from-image" });
      const scale = Math.min(1, SIDE_SENT / Math.max(image.width, image.height));
      const sheet = document.createElement("canvas");
      sheet.width = Math.max(1, Math.round(scale * image.width));
      sheet.height = Math.max(1, Math.round(scale * image.height));
      const context = sheet.getContext("2d");
      context.imageSmoothingQuality = "high";
      context.drawImage(image, 0, 0, sheet.width, sheet.height);
      const clear = /png|webp|gif|svg/.test(file.type); // such files may have clear pixels
      return clear ? sheet.toDataURL("image/png") : sheet.toDataURL("image/jpeg", 0.92);
    } catch {
      return null;
    }
  }

  // What was refused is said where the answers are; what was there before is still on the sheet.
  function giveUp() {
    coming = false;
    const before = past.pop();
    if (before) ({ brought } = before);
  }

  function arrive() {
    coming = false;
    strokes = [];
    cleared = false;
    shown();
  }

  // A photograph is too long for a link, which holds it as the networks see it.
  panel.brief = () => {
    const { drawing } = panel.get();
    if (!drawing || drawing !== brought || drawing === linked || !isAnswered()) return {};
    return { drawing: root.querySelector(".seen img").dataset.original };
  };

  // A drawing that a link holds.
  async function lay() {
    const { drawing } = panel.get();
    if (!drawing) return;
    const image = await lineage.decode(drawing);
    if (panel.get().drawing !== drawing) return;
    strokes = [];
    base = image;
    brought = linked = drawing;
    cleared = false;
    if (lineage.legible()) {
      // What is 28 x 28 already is taken as it is.
      if (image.width === CELLS) keepDrawing(drawing, reader(image, CELLS, CELLS)(0, 0));
      else sheet = { drawing, coverage: opacity(copied().getImageData(0, 0, SIDE, SIDE)) };
    }
    redraw();
  }

  lineage.files(root, ".paper, .answers", bring);
  root.addEventListener("lineage:brought", () => lineage.during(lay()));
  root.addEventListener("lineage:answered", () => {
    if (!coming) return;
    if (panel.failed()) giveUp(); // one answer is enough
    else if (panel.answered()) arrive();
  });

  // ---------------------------------------------------------------- examples

  const thumbs = root.querySelector(".thumbs");
  const rows = JSON.parse(thumbs?.dataset.rows ?? "[]");
  let row = 0;

  function leaf() {
    row = (row + 1) % rows.length;
    thumbs.style.setProperty("--row", row);
    [...thumbs.children].forEach((thumb, column) => {
      thumb.dataset.set = JSON.stringify({ example: rows[row][column], drawing: "" });
      thumb.setAttribute("aria-pressed", String(panel.get().example === rows[row][column]));
    });
  }

  root.addEventListener("click", ({ target }) => {
    const thumb = target.closest(".thumb");
    if (thumb) {
      keep();
      strokes = [];
      brought = "";
      cleared = false;
      root.classList.remove("stale");
      const { example, drawing } = panel.get();
      if (!drawing && example === JSON.parse(thumb.dataset.set).example) shown(); // no answer will come for it
    }
    const what = target.closest("[data-do]")?.dataset.do;
    if (what) ({ undo, clear, leaf })[what]?.();
  }, { capture: true }); // before the panel takes the example over, so that undo knows what was there

  // What the networks see came back: under an example it is the sheet itself, and for the brush its ground.
  function shown() {
    const seen = root.querySelector(".seen img");
    if (!seen) return;
    const image = new Image();
    const answered = isAnswered() && panel.get();
    image.onload = () => {
      original = image;
      if (answered) learn(image, answered);
      const { drawing } = panel.get();
      if (!coming && drawing === brought && drawing !== linked && !strokes.length && !cleared) base = image;
      redraw();
    };
    image.src = seen.dataset.original;
  }

  // ---------------------------------------------------------------- what this browser makes by itself

  const KEPT = 16; // prepared drawings
  const examples = new Map(); // pictures of 28 x 28, by their position
  const drawings = new Map(); // the same by what was sent; null where it is the server's to make
  const plates = new WeakMap(); // by state: {original, seen}
  let reels = new Map(); // by network: a strip on its way, {read, states, done}

  function opacity({ data }) {
    const values = new Uint8Array(data.length / 4);
    for (let n = 0; n < values.length; n++) values[n] = data[4 * n + 3];
    return values;
  }

  // The pixels of a small file of ink, as pictures are asked for at their places.
  function reader(image, width, height) {
    const board = document.createElement("canvas");
    Object.assign(board, { width, height });
    const context = board.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return (x, y) => Float32Array.from(opacity(context.getImageData(x, y, CELLS, CELLS)), (value) => value / 255);
  }

  // A browser that protects against fingerprints would tell other pixels.
  async function learnExamples() {
    const [, uri] = /url\("?(.*?)"?\)/.exec(thumbs.style.getPropertyValue("--pictures"));
    const all = await lineage.decode(uri);
    if (!lineage.legible()) return;
    const picture = reader(all, all.width, all.height);
    rows.forEach((positions, down) =>
      positions.forEach((position, across) => examples.set(position, picture(across * CELLS, down * CELLS))),
    );
  }

  // What the server has prepared this browser goes on with: photographs, and examples that are not on the desk.
  function learn(image, { drawing, example }) {
    if ((drawing ? drawings.get(drawing) : examples.get(example)) || !lineage.legible()) return;
    const picture = reader(image, CELLS, CELLS)(0, 0);
    if (drawing) keepDrawing(drawing, picture);
    else examples.set(example, picture);
  }

  // The server's answer is that of the state, and no sentence about it.
  function isAnswered() {
    const { dataset, lastElementChild } = root.querySelector(".view.answers");
    return Number(dataset.of ?? 0) === panel.asked() && !lastElementChild.classList.contains("stale");
  }

  function keepDrawing(drawing, picture) {
    drawings.delete(drawing);
    drawings.set(drawing, picture);
    if (drawings.size > KEPT) drawings.delete(drawings.keys().next().value);
  }

  // What the networks would see of a drawing or an example, undamaged; null where only the server knows.
  function originalOf({ drawing, example }, { prepare }) {
    if (!drawing) return examples.get(example) ?? null;
    if (!drawings.has(drawing) && sheet?.drawing === drawing) {
      keepDrawing(drawing, prepare(sheet.coverage, SIDE, SIDE));
    }
    return drawings.get(drawing) ?? null;
  }
  panel.original = originalOf; // for who starts from the drawing

  // A picture is named by the network that rebuilt it, what else is made of it NETWORK.KIND.
  const networks = (names, kind) => {
    const parts = [...names].map((name) => name.split("."));
    return parts.filter(([, its]) => its === kind).map(([model]) => model);
  };

  lineage.dishes.draw = (state, tools) => {
    const original = originalOf(state, tools);
    const seen = original && tools.corrupt(original, state);
    if (!seen || !(Number.isInteger(state.steps) && state.steps >= 1 && state.steps <= MOST_STEPS)) return null;
    const [cards, readers] = [networks(tools.names), networks(tools.names, "read")];
    if (String([...cards].sort()) !== String(state.models.split(",").sort())) return null; // others are to be laid out
    plates.set(state, { original, seen });
    return Object.fromEntries([
      ...cards.map((model) => [model, tools.reconstruct(model, seen)]),
      ...readers.map((model) => [`${model}.read`, tools.classify(model, seen)]),
    ]);
  };

  lineage.dishes.draw.rest = (state, { names, chain, states }) => {
    const { steps, seed } = state;
    const dreamers = networks(names, "chain");
    reels = new Map(dreamers.map((model) => [model, { read: states(model), states: [], done: false }]));
    const dreamt = (model) => chain(model, plates.get(state).seen, { steps, seed });
    return Object.fromEntries(dreamers.map((model) => [`${model}.chain`, dreamt(model)]));
  };

  // Of all who rebuild those who answer (kit/static.js).
  lineage.trims.draw = {
    of: ({ models }) => models,
    trim: (stage, { models }) => lineage.leaveCards(stage, models, ".card[data-card]"),
  };

  function see({ original, seen }) {
    const image = root.querySelector(".seen img");
    const ink = (data) => lineage.kitchen.ink({ data, dims: [1, 1, CELLS, CELLS] });
    image.src = ink(seen);
    image.dataset.original = ink(original);
    const hurt = seen.some((value, n) => value !== original[n]);
    lineage.name(image, [hurt ? "draw.seen.alt.damaged" : "draw.seen.alt"], "alt");
    shown();
  }

  function tellCard(model, { data }, original, ms) {
    const card = root.querySelector(`.card[data-card="${CSS.escape(model)}"]`);
    const error = data.reduce((total, value, n) => total + (value - original[n]) ** 2, 0);
    const words = ["draw.rebuilt.alt", { model: [`model.${model}.title`], error }];
    lineage.name(card.querySelector("img"), words, "alt");
    lineage.name(card.querySelector("[data-figure=error] dd"), ["figure.number", { value: error }]);
    lineage.name(card.querySelector("[data-figure=time] dd"), ["figure.ms", { value: ms }]);
  }

  let onView = null; // the state of what they see
  root.addEventListener("lineage:made", ({ detail: { name, state, picture, numbers, ms } }) => {
    const [model, kind] = name.split(".");
    const plate = plates.get(state);
    if (state !== onView) see(plate);
    onView = state;
    strips().classList.add("stale"); // until those of this picture are there
    if (!kind) return tellCard(model, picture, plate.original, ms);
    const row = root.querySelector(`[data-verdict="${CSS.escape(model)}"]`);
    lineage.verdict(row, numbers["read.class_logits"].data, ms);
  });

  // ---------------------------------------------------------------- strips

  const strips = () => root.querySelector(".view.strips").lastElementChild;

  root.addEventListener("lineage:moments", ({ detail: { name, state, moments, done } }) => {
    const [model] = name.split(".");
    const reel = reels.get(model);
    reel.states.push(...moments.map(reel.read));
    if (!done) return;
    reel.done = true;
    tellStrip(model, reel.states, state.steps);
    strips().classList.toggle("stale", [...reels.values()].some((other) => !other.done));
  });

  function tellStrip(model, states, steps) {
    const strip = root.querySelector(`[data-strip="${CSS.escape(model)}"]`);
    const parts = Array.from({ length: FRAMES }, (_, k) => Math.round((k * steps) / (FRAMES - 1)));
    const moments = [...new Set(parts)];
    const data = new Float32Array(moments.length * CELLS * CELLS);
    moments.forEach((moment, k) => data.set(states[moment].picture, k * CELLS * CELLS));
    strip.style.setProperty("--frames", moments.length);
    const energies = states.map(({ energy }) => energy[0]);
    const film = strip.querySelector(".film");
    while (film.children.length > moments.length) film.lastElementChild.remove();
    while (film.children.length < moments.length) film.append(film.lastElementChild.cloneNode(true));
    moments.forEach((step, k) => {
      const [picture, moment, nats] = film.children[k].children;
      const energy = energies[step];
      lineage.name(picture, ["draw.frame.alt", { step, energy }], "aria-label");
      moment.textContent = step;
      lineage.name(nats, ["figure.nats", { value: energy }]);
    });
    lineage.kitchen.paint(strip, { data, dims: [moments.length, 1, CELLS, CELLS] }, 0, moments.length);
    tellCurve(strip.querySelector(".curve"), model, energies);
  }

  function tellCurve(curve, model, energies) {
    const [lowest, steps] = [Math.min(...energies), energies.length - 1];
    const span = Math.max(Math.max(...energies) - lowest, 1e-6);
    const points = energies.map((energy, k) => [(100 * k) / steps, 32 - (28 * (energy - lowest)) / span]);
    const written = points.map((point) => point.map((place) => place.toFixed(2)).join(","));
    curve.querySelector("polyline").setAttribute("points", written.join(" "));
    const ends = { first: energies[0], last: energies.at(-1) };
    lineage.name(curve, ["draw.curve.alt", { model: [`model.${model}.title`], steps, ...ends }], "aria-label");
  }

  // ---------------------------------------------------------------- the pen

  const pen = lineage.pen(canvas, {
    side: SIDE,
    step: CELL,
    ink: INK,
    radius: () => (hiding() ? BRUSH * CELL : PEN / 2),
    begin,
    extend,
    end: () => (stroke = null),
    undo,
    clear,
    redraw,
  });

  root.addEventListener("lineage:shown", shown);
  if (thumbs) lineage.during(learnExamples());
  shown();
  redraw();
};
