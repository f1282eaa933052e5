// The game's two habits that a desk has not: another seed, maker or judge starts anew or deals again, and three
// keys play it. What the pictures are, and who is right, only the server knows (panel.py).

// A whole game, opened at a turn (kit/static.js).
lineage.trims.game = {
  of({ answers, turn }) {
    const good = /^[mr]{0,10}$/.test(answers) && Number.isInteger(turn) && turn >= 0 && turn <= answers.length;
    return good ? [answers, turn] : null;
  },
  trim(stage, { answers, turn }) {
    const game = stage.querySelector(".game");
    const { truth, judge } = game.dataset;
    const over = turn === truth.length;
    for (const leaf of game.querySelectorAll("[data-turn]")) {
      const [round, letters] = [Number(leaf.dataset.turn), leaf.dataset.letter.split(" ")];
      const shown = letters.includes(answers[round] ?? "") && (round === turn || !leaf.closest(".duels"));
      if (shown) leaf.replaceWith(leaf.firstElementChild);
      else leaf.remove();
    }
    const right = (round) => answers[round] === truth[round];
    const rounds = [...answers].map((_, round) => round);
    const [mine, its] = [rounds.filter(right).length, rounds.filter((round) => judge[round] === "1").length];
    const line = game.querySelector(".score-line");
    lineage.name(line, ["game.standing", { you: mine, it: its, of: rounds.length }], "aria-label");
    [...line.querySelectorAll("b")].forEach((score, side) => (score.textContent = side ? its : mine));
    const title = game.querySelector("h3");
    if (over) {
      lineage.name(title, [`game.${mine > its ? "won" : mine < its ? "lost" : "drawn"}`]);
      title.setAttribute("role", "status");
      game.classList.add("over");
      for (const part of game.querySelectorAll(".duels, .slots")) part.remove();
      return;
    }
    lineage.name(title, ["game.round", { number: turn + 1, of: truth.length }]);
    for (const part of game.querySelectorAll(".exhibits, .exhibits ~ .onward")) part.remove();
    game.querySelector(".slots").children[turn].classList.add("now");
    game.querySelector(".duels").replaceWith(...game.querySelector(".duels").children);
    for (const answer of game.querySelectorAll(".answer")) {
      const letter = JSON.parse(answer.dataset.set).answers.at(-1);
      answer.dataset.set = JSON.stringify({ answers: answers + letter, turn });
    }
    const said = game.querySelector(".call[role=status] span:last-child");
    if (said) lineage.name(said, [right(turn) ? "game.you.right" : "game.you.wrong"]);
  },
};

lineage.game = (tool, panel, root) => {
  "use strict";

  let played = false; // a button of the game has been pressed, by mouse, finger or key

  const anew = (changes) => panel.set({ ...changes, answers: "", turn: 0 });

  // Without a server there are a few games, and one after the other is played.
  function another(below) {
    const dealt = lineage.stages?.pinned(root, "seed");
    if (!dealt) return Math.floor(Math.random() * below);
    return dealt[(dealt.indexOf(panel.get().seed) + 1) % dealt.length];
  }

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
      if (surprise) anew({ seed: another(Number(surprise.dataset.below)) });
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
