// A pen on a canvas: mouse, finger, stylus, and the keyboard, whose arrows move it and whose space bar puts it
// down. Points are in units of `side`. What a stroke is made of, and what undo goes back to, is the tool's own.

lineage.pen = (canvas, tool) => {
  "use strict";

  const { side, step, radius, ink, begin, extend, end, undo, clear, redraw } = tool;
  let cursor = null; // where the keyboard's pen is
  let down = false; // whether it touches the paper

  function at({ clientX, clientY }) {
    const box = canvas.getBoundingClientRect();
    return { x: ((clientX - box.left) / box.width) * side, y: ((clientY - box.top) / box.height) * side };
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    cursor = null;
    begin(at(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    extend((moves.length ? moves : [event]).map(at));
  });
  for (const done of ["pointerup", "pointercancel"]) canvas.addEventListener(done, end);

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
