// One way to what moves: a sheet of small pictures is decoded once and drawn tile by tile, a player has a button, a
// slider and the space bar, and a finger on a plot drags time.

(() => {
  "use strict";

  lineage.decode = async (uri) => {
    const image = new Image();
    image.src = uri;
    await image.decode();
    return createImageBitmap(image);
  };

  // Draws tiles of a sheet, each as large as the canvas, over one another: their parts add up to one picture. A margin
  // is clear pixels all round each tile.
  lineage.put = (canvas, sheet, ...tiles) => {
    const { width, height } = canvas;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.globalCompositeOperation = "lighter";
    for (const { column, row, part = 1, margin = 0 } of tiles) {
      context.globalAlpha = part;
      const [left, top] = [column * (width + 2 * margin) + margin, row * (height + 2 * margin) + margin];
      context.drawImage(sheet, left, top, width, height, 0, 0, width, height);
    }
    context.globalAlpha = 1;
    context.globalCompositeOperation = "source-over";
  };

  // The clock behind `controls.transport` (demo/kit/controls.py), which only runs while `panel` is looked at.
  //   ready    whether there is anything to play
  //   pace     milliseconds from one frame to the next
  //   next     goes on by one frame, after so many milliseconds
  //   scrub    goes where the slider is; nothing plays then
  //   changed  is told when it has begun to play or stopped
  lineage.player = (root, { panel = root, ready, pace, next, scrub, changed = () => {} }) => {
    let playing = false;
    let last = 0; // time of the last frame
    let frame = 0;

    // The button says what a click would do; a new answer may have brought another button.
    function mark() {
      const button = root.querySelector(".play");
      if (!button) return;
      const words = [playing ? "player.pause" : "player.play"];
      button.classList.toggle("playing", playing);
      lineage.name(button, words, "aria-label");
    }

    function run(wish) {
      playing = wish && ready();
      last = performance.now();
      cancelAnimationFrame(frame);
      if (playing) frame = requestAnimationFrame(tick);
      mark();
    }

    function play(wish) {
      run(wish);
      changed(playing);
    }

    function tick(now) {
      frame = requestAnimationFrame(tick);
      if (panel.hidden) return play(false);
      if (now - last < pace()) return;
      const passed = Math.max(0, now - last); // the first frame may be older than the click
      last = now;
      next(passed);
    }

    root.addEventListener("input", ({ target }) => {
      if (target.dataset.scrub === undefined) return;
      run(false);
      scrub(target.valueAsNumber);
    });
    root.addEventListener("click", ({ target }) => target.closest(".play") && play(!playing));
    root.addEventListener("keydown", (event) => {
      if (event.key !== " " || event.target.dataset.scrub === undefined) return;
      play(!playing);
      event.preventDefault();
    });
    return { play, mark, halt: () => run(false), playing: () => playing };
  };

  // `to` is told where on the plot the finger is, from 0 at its left to 1 at its right.
  lineage.drag = (root, plot, to, end = () => {}) => {
    const point = (event, { left, width }) => to(Math.max(0, Math.min(1, (event.clientX - left) / width)));
    const box = (event) => event.target.closest(plot).getBoundingClientRect();
    root.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(plot)) return;
      event.target.closest(plot).setPointerCapture(event.pointerId);
      point(event, box(event));
    });
    root.addEventListener("pointermove", (event) => {
      if (event.target.closest(plot)?.hasPointerCapture(event.pointerId)) point(event, box(event));
    });
    root.addEventListener("pointerup", (event) => event.target.closest(plot) && end());
  };
})();
