// The movie's projector. The server sends a growing log (demo/panels/movie/panel.py): a line that describes the stage,
// then lines with sheets of frames; or this browser makes the frames by itself, for a stage that is there. Every frame
// stays here, so play and scrub ask nobody.

(() => {
  "use strict";

  const FRAMES_A_SECOND = 25;
  const CHAINS = 10;
  const MOST_STEPS = 300;
  const [FREE, EACH] = ["free", "each"];

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
    // A link's drawing is put on the paper, where it is looked for from now on.
    root.addEventListener("lineage:brought", () => {
      document.getElementById("panel-draw")?.lineage?.bring({ drawing: panel.get().drawing });
    });
    root.addEventListener("lineage:changed", reflect);
    reflect();
  };

  // ---------------------------------------------------------------- the movie that this browser makes

  const reels = new WeakMap(); // by state: what reads its moments

  const between = (value, low, high) => Number.isInteger(value) && value >= low && value <= high;

  // What each chain holds, or all of them; null where no chain can.
  function labelsOf(label, classes) {
    if (!classes || label === FREE) return -1;
    if (label === EACH) return Array.from({ length: CHAINS }, (_, k) => k % classes);
    return /^(-1|\d+)$/.test(label) && Number(label) < classes ? Number(label) : null;
  }

  // The drawing, or the example in its place, is the panel Draw's to prepare.
  const startOf = (state, tools) => document.getElementById("panel-draw")?.lineage?.original?.(state, tools) ?? null;

  lineage.dishes.movie = (state, tools) => {
    const { model, label, start, seed, steps } = state;
    const stage = document.querySelector("#panel-movie .movie");
    if (stage?.dataset.card !== model) return null; // another one is to be laid out
    const numbers = between(seed, 0, 2 ** 32 - 1) && between(steps, 1, MOST_STEPS);
    const labels = labelsOf(label, tools.clamps(model));
    const picture = start === "drawing" ? startOf(state, tools) : null;
    if (!numbers || labels === null || (start !== "noise" && !picture)) return null;
    reels.set(state, tools.states(model));
    return { chains: tools.chain(model, picture, { steps, seed, label: labels, count: CHAINS }) };
  };
  lineage.dishes.movie.whole = true;

  const LEVELS = 16; // depths of ink, as in the server's sheets (demo/kit/sprites.py)
  const INK = 0x1c;

  // A row of tiles for each chain, a column for each of so many steps: [chain, units] of each as one sheet.
  function sheetOf(moments, width, height, levels) {
    const image = new ImageData(moments.length * width, CHAINS * height);
    const ink = (value) => (255 / (levels - 1)) * Math.round((levels - 1) * Math.min(1, Math.max(0, value)));
    moments.forEach((values, column) => {
      for (let n = 0; n < values.length; n++) {
        const [row, x] = [Math.floor(n / width), n % width];
        const place = 4 * (row * image.width + column * width + x);
        image.data[place] = image.data[place + 1] = image.data[place + 2] = INK;
        image.data[place + 3] = ink(values[n]);
      }
    });
    return image;
  }

  // ---------------------------------------------------------------- the stage

  lineage.kinds.movie = (element, { props, trigger, watch }) => {
    const [fault, root] = element.querySelector(".view").children;
    const panel = element.closest("[id^='panel-']");
    let log = ""; // what has been read of the server's
    let mine = null; // the state whose movie this browser makes
    let steps = 0; // the last step of the movie
    let end = 0; // the last step of this log: fewer in the beginning that the page comes with
    let pieces = []; // {first, count, energy, pictures}: no pictures until they are decoded
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
      if ((log || mine) && (answers[0].asked ?? 0) !== panel.lineage.asked()) return;
      mine = null;
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

    // ------------------------------------------------------------ a movie made here

    panel.addEventListener("lineage:moments", ({ detail: { state, first, moments } }) => {
      if (state !== mine) beginHere(state);
      if (!moments.length) return;
      const states = moments.map(reels.get(state));
      take({ first, count: states.length, energy: states.map(({ energy }) => [...energy]), sheets: sheetsOf(states) });
      progress();
    });

    function beginHere(state) {
      mine = state;
      log = "";
      lineage.show(fault, "");
      root.classList.remove("stale");
      lineage.shown(root);
      caption(state);
      begin(state);
      root.dispatchEvent(new CustomEvent("lineage:answered", { bubbles: true }));
    }

    // One for each canvas of the stack: the pixels, the layers above them, the labels.
    function sheetsOf(states) {
      const all = states.map(({ picture, layers, labels }) => [
        { values: picture },
        ...layers,
        ...(labels ? [{ values: labels }] : []),
      ]);
      return [...root.querySelectorAll("[data-layer]")].map(({ width, height }, k) => {
        const moments = all.map((layers) => layers[k].values);
        return sheetOf(moments, width, height, all[0][k].bits ? 2 : LEVELS);
      });
    }

    // What each chain holds, in words and under it.
    function caption({ model, label }) {
      const labelled = panel.querySelector("[data-labelled]").dataset.labelled.split(" ").includes(model);
      for (const canvas of root.querySelectorAll("[data-chain]")) {
        const number = Number(canvas.dataset.chain);
        const held = !labelled || label === FREE ? null : label === EACH ? number : label;
        const words = [held === null ? "movie.chain" : "movie.chain.held", { number: number + 1, label: held }];
        for (const named of [canvas, canvas.previousElementSibling]) lineage.name(named, words, "aria-label");
        canvas.nextElementSibling.textContent = held ?? "·";
      }
    }

    function begin(described) {
      ({ steps, end = steps } = described);
      pieces = [];
      if (described.stage) lineage.show(root, described.stage);
      find("[data-scrub]").max = steps;
      chain = Math.min(chain, root.querySelectorAll("[data-chain]").length - 1);
      find(`[name="movie-chain"][value="${chain}"]`).checked = true;
      step = end < steps ? end : 0;
      player.play(end === steps && !panel.hidden && !lineage.calm());
    }

    async function take(piece) {
      pieces.push(piece);
      const mine = pieces;
      const decode = (sheet) => (sheet instanceof ImageData ? createImageBitmap(sheet) : lineage.decode(sheet));
      const decoded = await Promise.all(piece.sheets.map(decode));
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
      panel.lineage.hand();
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
