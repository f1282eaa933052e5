// A pen on a canvas: mouse, finger, stylus, and the keyboard, whose arrows move it and whose space bar puts it
// down. Points are in units of `side`. What a stroke is made of, and what undo goes back to, is the tool's own.
// And what else a sheet needs: to be read, and pictures that are brought to it.

lineage.pen = (canvas, tool) => {
  "use strict";

  const { side, step, radius, ink, begin, extend, end, undo, clear, redraw } = tool;
  let cursor = null; // where the keyboard's pen is
  let down = false; // whether it touches the paper
  let drawing = null; // the pointer that draws: a second finger, or the palm, draws nothing until it lifts

  function at({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return { x: ((clientX - box.left) / box.width) * side, y: ((clientY - box.top) / box.height) * side };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || drawing !== null) return;
    drawing = event.pointerId;
    canvas.setPointerCapture(drawing);
    canvas.focus({ preventScroll: true });
    cursor = null;
    begin(at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawing) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    extend((moves.length ? moves : [event]).map(at));
  });
  for (const done of ["pointerup", "pointercancel", "lostpointercapture"]) {
    canvas.addEventListener(done, (event) => {
      if (event.pointerId !== drawing) return;
      drawing = null;
      end();
    });
  }

  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const inside = (value) => Math.min(side - step, Math.max(step, value));

  canvas.addEventListener("keydown", (event) => {
    const move = moves[event.key];
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") undo();
    else if (event.key === "Backspace") undo();
    else if (event.key === "Delete") clear();
    else if (event.key === " ") {
      cursor ??= { x: side / 2, y: side / 2 };
      down = !down;
      if (down) begin({ ...cursor });
      else end();
      redraw();
    } else if (move) {
      cursor ??= { x: side / 2, y: side / 2 };
      cursor = { x: inside(cursor.x + move[0] * step), y: inside(cursor.y + move[1] * step) };
      if (down) extend([{ ...cursor }]);
      redraw();
    } else if (event.key === "Escape" && down) {
      down = false;
      end();
      redraw();
    } else return;
    event.preventDefault();
  });
  canvas.addEventListener("focus", redraw);
  canvas.addEventListener("blur", () => {
    down = false;
    end();
    redraw();
  });

  // The ring that shows where the keyboard's pen is.
  function paint(context) {
    if (!cursor || document.activeElement !== canvas) return;
    context.lineWidth = side / 187;
    context.strokeStyle = down ? ink : `${ink}99`;
    context.beginPath();
    context.arc(cursor.x, cursor.y, radius() + 3, 0, 2 * Math.PI);
    context.stroke();
  }

  return { paint };
};

// A smooth line through the points of a stroke, in the context's own width and colour; a tap leaves a dot.
lineage.trace = (context, points) => {
  context.beginPath();
  context.moveTo(points[0].x, points[0].y);
  for (let k = 1; k < points.length - 1; k++) {
    const middle = { x: (points[k].x + points[k + 1].x) / 2, y: (points[k].y + points[k + 1].y) / 2 };
    context.quadraticCurveTo(points[k].x, points[k].y, middle.x, middle.y);
  }
  const last = points.at(-1);
  context.lineTo(last.x, last.y + (points.length === 1 ? 0.01 : 0));
  context.stroke();
};

// Whether a canvas gives back what was painted on it: protection against fingerprints answers with white or noise.
lineage.legible = () => {
  const side = 16;
  const probe = document.createElement("canvas");
  probe.width = probe.height = side;
  const context = probe.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#000000";
  context.fillRect(0, 0, side, side / 2);
  let apart = 0;
  const { data } = context.getImageData(0, 0, side, side);
  data.forEach((value, k) => (apart += Math.abs(value - (k % 4 === 3 && k < data.length / 2 ? 255 : 0))));
  return apart / data.length < 8; // a little noise hurts nobody
};

// A file that was chosen, dropped on `zone` or pasted while the panel is open.
lineage.files = (root, zone, take) => {
  const first = (files) => files?.length && lineage.during(take(files[0]));
  root.addEventListener("change", ({ target }) => {
    if (target.dataset.upload === undefined) return;
    first(target.files);
    target.value = ""; // the same file once more is a change too
  });
  root.addEventListener("dragover", (event) => event.target.closest(zone) && event.preventDefault());
  root.addEventListener("drop", (event) => {
    if (!event.target.closest(zone)) return;
    event.preventDefault();
    first(event.dataTransfer.files);
  });
  document.addEventListener("paste", (event) => {
    if (root.hidden || !root.querySelector(zone) || event.target.closest?.("input")) return;
    first(event.clipboardData.files);
  });
};

// A file as it is, for the server to read, or to say why it cannot: of what is too long for a request too.
lineage.asSent = (file) => {
  const LARGEST = 6_000_000;
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file.slice(0, LARGEST, file.type));
  });
};
