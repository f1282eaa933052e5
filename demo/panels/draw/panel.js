// The drawing canvas: a thick antialiased pen for mouse, finger, stylus and keyboard; over it, where damage is
// done by hand, a brush that hides pixels of the 28 x 28 picture that the networks see.
//
// The tool only writes to the panel's state: {example, drawing, hidden}. What the state says is what it draws.

lineage.draw = (tool, panel, root) => {
  "use strict";

  const SIDE = 280; // ten times MNIST's 28, so an example keeps its pixels whole
  const CELLS = 28;
  const CELL = SIDE / CELLS;
  const PEN = 22; // scaled into MNIST's 20-pixel box a digit of usual size has strokes of two pixels, as there
  const BRUSH = 2.2; // radius in cells
  const INK = "#1c1b1a"; // turned round by the stylesheet in dark mode, like every other picture in ink

  const canvas = tool.querySelector("canvas");
  const prompt = tool.querySelector(".prompt");
  const sharpness = Math.max(1, Math.round(devicePixelRatio));
  canvas.width = canvas.height = SIDE * sharpness;

  let strokes = []; // each a list of points in canvas units
  let past = []; // what undo goes back to: {strokes, example, hidden}
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

  const copy = document.createElement("canvas");
  copy.width = copy.height = SIDE;

  // At most one picture a frame leaves the canvas; Gradio keeps only the last one that waits.
  let leaving = 0;
  function send() {
    cancelAnimationFrame(leaving);
    leaving = lineage.nextFrame(copy, () => {
      if (blank()) return;
      paint(copy.getContext("2d", { willReadFrequently: true }), 1);
      cleared = false;
      root.classList.remove("stale");
      panel.set({ drawing: strokes.length ? copy.toDataURL("image/png") : "" });
    });
  }

  // ---------------------------------------------------------------- pen and brush

  function keep() {
    const { example, hidden } = panel.get();
    past.push({ strokes: [...strokes], example, hidden, base, cleared });
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
    ({ strokes, base, cleared } = before);
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
    redraw();
    forget();
  }

  // An empty sheet has nothing to answer: the last answers stay, paler, until there is ink again.
  function forget() {
    cleared = true;
    root.classList.add("stale");
  }

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
    image.onload = () => {
      original = image;
      if (!panel.get().drawing && !strokes.length && !cleared) base = image;
      redraw();
    };
    image.src = seen.dataset.original;
  }

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
  shown();
  redraw();
};
