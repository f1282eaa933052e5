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
  const INK = "#1c1b1a"; // turned round by the stylesheet in dark mode, like every other picture in ink

  const canvas = tool.querySelector("canvas");
  const prompt = tool.querySelector(".prompt");
  const sharpness = Math.max(1, Math.round(devicePixelRatio));
  canvas.width = canvas.height = SIDE * sharpness;

  let strokes = []; // each a list of points in canvas units
  let past = []; // what undo goes back to: {strokes, example, hidden, base, brought, cleared}
  let brought = ""; // the visitor's own picture under the strokes, as it was sent
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

  const copy = document.createElement("canvas");
  copy.width = copy.height = SIDE;

  // At most one picture a frame leaves the canvas; Gradio keeps only the last one that waits.
  let leaving = 0;
  function send() {
    cancelAnimationFrame(leaving);
    leaving = lineage.nextFrame(copy, () => {
      if (blank()) return;
      if (strokes.length && !lineage.legible()) return panel.refuse([["page.blind"]]);
      paint(copy.getContext("2d", { willReadFrequently: true }), 1);
      cleared = false;
      root.classList.remove("stale");
      panel.set({ drawing: strokes.length ? copy.toDataURL("image/png") : brought });
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

  lineage.files(root, ".paper, .answers", bring);
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
    image.onload = () => {
      original = image;
      const { drawing } = panel.get();
      if (!coming && drawing === brought && !strokes.length && !cleared) base = image;
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
