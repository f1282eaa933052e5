// The game's two habits that a desk has not: another seed, maker or judge starts anew or deals again, and three
// keys play it. What the pictures are, and who is right, only the server knows (panel.py).

lineage.game = (tool, panel, root) => {
  "use strict";

  let played = false; // a button of the game has been pressed, by mouse, finger or key

  const anew = (changes) => panel.set({ ...changes, answers: "", turn: 0 });

  // Before the desk takes a change over with the answers of another game.
  tool.addEventListener(
    "input",
    ({ target }) => {
      if (target.name === "model") anew({ model: target.value, judge: "" });
      if (target.name === "seed" && !Number.isNaN(target.valueAsNumber)) anew({ seed: target.valueAsNumber });
    },
    { capture: true },
  );
  root.addEventListener(
    "click",
    (event) => {
      played ||= Boolean(event.target.closest("[data-key]"));
      const surprise = event.target.closest("[data-surprise]");
      if (surprise) anew({ seed: Math.floor(Math.random() * Number(surprise.dataset.below)) });
      // The second click of a double one would fall on what came in its place.
      else if (event.detail < 2 || !event.target.closest("[data-key]")) return;
      event.stopPropagation();
    },
    { capture: true },
  );

  document.addEventListener("keydown", (event) => {
    if (root.hidden || event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    if (event.target.closest("input, select, textarea, [role=tab]")) return;
    if (event.key === "Enter" && event.target.closest("button, a, summary")) return; // theirs
    const button = root.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!button) return;
    button.click();
    event.preventDefault();
  });

  // Whoever plays with keys finds the next button under their fingers.
  root.addEventListener("lineage:shown", () => {
    const { activeElement } = document;
    const lost = activeElement === document.body; // on a button that is gone
    if (!played || root.hidden || !(lost || activeElement.closest(".game"))) return;
    root.querySelector(".onward")?.focus({ preventScroll: true });
  });
};
