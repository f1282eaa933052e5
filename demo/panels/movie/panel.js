// The movie's projector. The server sends a growing log (demo/panels/movie/panel.py): a line that describes the stage,
// then lines with sheets of frames. Every frame stays here, so play and scrub ask nobody.

(() => {
  "use strict";

  const FRAMES_A_SECOND = 25;

  // ---------------------------------------------------------------- the desk: start from the drawing

  // The drawing belongs to the panel Draw; it is copied into this panel's state when it is asked for, and again
  // when the panel is opened, so that the chains start from what is on the paper now.
  lineage.movie = (tool, panel, root) => {
    const drawn = () => {
      const { drawing = "", example = 0 } = document.getElementById("panel-draw")?.lineage?.get() ?? {};
      return { start: "drawing", drawing, example };
    };
    const reflect = () => {
      const labelled = tool.querySelector("[data-labelled]");
      labelled.hidden = !labelled.dataset.labelled.split(" ").includes(panel.get().model);
    };
    tool.addEventListener(
      "input",
      ({ target }) => target.name === "start" && target.value === "drawing" && panel.set(drawn()),
      { capture: true }, // before the desk takes the choice over without the drawing
    );
    root.addEventListener("lineage:opened", () => panel.get().start === "drawing" && panel.set(drawn()));
    root.addEventListener("lineage:changed", reflect);
    reflect();
  };

  // ---------------------------------------------------------------- the stage

  lineage.kinds.movie = (element, { props, trigger, watch }) => {
    const [fault, root] = element.querySelector(".view").children;
    const panel = element.closest("[id^='panel-']");
    let log = ""; // what has been read of the server's
    let steps = 0; // the last step of the movie
    let end = 0; // the last step of this log: fewer in the beginning that the page comes with
    let pieces = []; // {first, count, energy, pictures}: pictures are null until they are decoded
    let step = 0;
    let chain = 0;

    const find = (selector) => root.querySelector(selector);
    const ready = () => {
      const waits = pieces.find((piece) => !piece.pictures);
      return waits ? waits.first - 1 : pieces.length ? pieces.at(-1).first + pieces.at(-1).count - 1 : -1;
    };
    const known = () => pieces.flatMap((piece) => piece.energy); // nats of each chain at each step

    // ------------------------------------------------------------ reading the log

    function read() {
      const value = props.value ?? "";
      const answers = value.split("\n").map(lineage.opened);
      const goes_on = log && value.startsWith(log);
      // Of a movie that was given up: the one asked for is on its way.
      if (log && (answers[0].asked ?? 0) !== panel.lineage.asked()) return;
      const { problem } = answers.at(-1);
      lineage.show(fault, problem ?? "");
      root.classList.toggle("stale", problem !== undefined);
      if (!goes_on) lineage.shown(root);
      log = value;
      if (problem !== undefined) {
        lineage.pend(root, false);
        player.play(false); // the last movie stays
      } else {
        if (!goes_on) begin(answers[0].data);
        for (const { data } of answers.slice(1 + pieces.length)) take(data);
      }
      progress();
      root.dispatchEvent(new CustomEvent("lineage:answered", { bubbles: true }));
    }

    function begin(described) {
      ({ steps, end } = described);
      pieces = [];
      lineage.show(root, described.stage);
      chain = Math.min(chain, root.querySelectorAll("[data-chain]").length - 1);
      find(`[name="movie-chain"][value="${chain}"]`).checked = true;
      step = end < steps ? end : 0;
      player.play(end === steps && !panel.hidden && !lineage.calm());
    }

    async function take(piece) {
      pieces.push(piece);
      const mine = pieces;
      const decoded = await Promise.all(piece.sheets.map(lineage.decode));
      if (mine !== pieces) return;
      piece.pictures = decoded;
      delete piece.sheets;
      curve();
      progress();
      if (!player.playing() && ready() === end && lineage.calm()) step = end;
      show();
    }

    function progress() {
      const done = Math.max(ready(), 0);
      if (end === steps) lineage.pend(root, done < end); // else there is only the beginning, and nobody asked
      find("[data-scrub]")?.style.setProperty("--ready", `${(100 * done) / Math.max(steps, 1)}%`);
      if (done < end) panel.dataset.waiting = lineage.say(["page.progress", { done, steps }]);
      else delete panel.dataset.waiting;
    }

    // ------------------------------------------------------------ showing a step

    function show() {
      const done = ready();
      const piece = pieces.find(({ first, count }) => step >= first && step < first + count);
      if (!piece?.pictures) return;
      const column = step - piece.first;
      for (const canvas of root.querySelectorAll("[data-chain]")) {
        lineage.put(canvas, piece.pictures[0], { column, row: Number(canvas.dataset.chain) });
      }
      root.querySelectorAll("[data-layer]").forEach((canvas, layer) => {
        lineage.put(canvas, piece.pictures[layer], { column, row: chain });
      });
      const scrub = find("[data-scrub]");
      scrub.value = step;
      const nats = piece.energy[column][chain];
      const words = ["movie.at", { step, steps, energy: nats }];
      lineage.name(scrub, words, "aria-valuetext");
      lineage.name(find(".transport output"), words);
      const cursor = find(".energy line");
      for (const end of ["x1", "x2"]) cursor.setAttribute(end, step);
      cursor.setAttribute("y1", 0);
      cursor.setAttribute("y2", 100);
      if (player.playing() && step >= steps && done >= steps) player.play(false);
    }

    function curve() {
      const energy = known();
      const all = energy.flat();
      const low = Math.min(...all);
      const span = Math.max(...all) - low || 1;
      const svg = find(".energy");
      svg.setAttribute("viewBox", `0 0 ${steps} 100`);
      const points = (k) => energy.map((nats, t) => `${t},${(96 - (92 * (nats[k] - low)) / span).toFixed(1)}`);
      const order = energy[0].map((_, k) => k).sort((a, b) => (a === chain) - (b === chain)); // the chosen on top
      order.forEach((k, place) => {
        svg.children[place].setAttribute("points", points(k).join(" "));
        svg.children[place].classList.toggle("chosen", k === chain);
      });
    }

    // ------------------------------------------------------------ playing and scrubbing

    function seek(wish) {
      step = Math.max(0, Math.min(ready(), steps, Math.round(wish)));
      show();
    }

    root.addEventListener("input", ({ target }) => {
      if (target.name !== "movie-chain") return;
      chain = Number(target.value);
      curve();
      show();
    });
    const player = lineage.player(root, {
      panel,
      ready: () => steps > 0,
      pace: () => 1000 / FRAMES_A_SECOND,
      next: () => step < ready() && seek(step + 1),
      scrub: seek,
      changed: (playing) => playing && step >= steps && (step = 0), // from the beginning again
    });
    lineage.drag(root, ".energy", (part) => {
      player.halt();
      seek(part * steps);
    });

    // ------------------------------------------------------------ the first movie

    // The page comes with the beginning of it; the rest is made for those who open the tab.
    const open = () => {
      if (panel.hidden || end === steps) return;
      lineage.pend(root);
      lineage.expectAnswer(element);
      trigger("input");
    };
    panel.addEventListener("lineage:opened", open);

    watch("value", () => {
      lineage.gotAnswer(element);
      read();
    });
    read();
    open();
  };
})();
