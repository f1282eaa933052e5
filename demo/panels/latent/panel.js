// Latent: sliders of z that answer under the finger, and terms of a sum that are chosen by clicking pictures.
// The state is the desk's; `z` in it lists only the numbers that were turned (demo/panels/latent/panel.py).

(() => {
  "use strict";

  // What is shown while a hand moves or, when it rests, the pictures beside the sliders, forty of them.
  const recipes = (state, { normals, ways, names, cards, sizeOf, generate }, atRest) => {
    const [BANK, REACH, FRAMES, STATIONS, TRAY] = [20, 2.5, 120, 61, 24]; // as scene.py has them
    const { play, model, seed, label, bank, path, other, tray } = state;
    if (!cards[model]?.graphs.generate || cards[model].seeds) return null;
    const size = sizeOf(model, "generate", "z");
    const firsts = (seeds) => ({ normals: { seed: seeds } });

    function start() {
      const z = normals(seed, 1, size);
      for (const turned of state.z.split("_").filter(Boolean)) {
        const [position, value] = turned.split(":").map(Number);
        z[position] = value;
      }
      return z;
    }

    const held = [...Array(size).keys()].slice(bank * BANK, (bank + 1) * BANK);
    const knobs = () => held.length && { made: [start()] };

    function shortcuts() {
      const z = start();
      return { shortcuts: held.flatMap((position) => [REACH, -REACH].map((value) => z.with(position, value))) };
    }

    // Waves with normal amplitudes, led through where z stands (demo/engine/latents.py).
    function walk() {
      const z = start();
      const drawn = normals(path, 6, size, { step: 1 });
      const wave = (frame, turn) => [2 * Math.PI * (frame / FRAMES) * turn].flatMap((t) => [Math.cos(t), Math.sin(t)]);
      const sum = (waves, n) =>
        waves.reduce((total, [c, s], k) => total + c * drawn[k * size + n] + s * drawn[(k + 3) * size + n], 0) /
        Math.sqrt(3);
      const begin = [1, 2, 3].map((turn) => wave(0, turn));
      const frames = Array.from({ length: FRAMES }, (_, frame) => {
        const waves = [1, 2, 3].map((turn) => wave(frame, turn));
        const near = waves.reduce((total, [c]) => total + c, 0) / 3;
        return Float32Array.from(z, (one, n) => sum(waves, n) + near * (one - sum(begin, n)));
      });
      return { walk: frames };
    }

    function way() {
      const [from, to] = [start(), normals(other, 1, size)];
      const go = (kind) => (_, k) => {
        const [a, b] = ways[kind](from, to, Math.fround(k / (STATIONS - 1)));
        return from.map((one, n) => a * one + b * to[n]);
      };
      return { way: ["straight", "circle"].flatMap((kind) => Array.from({ length: STATIONS }, go(kind))) };
    }

    // Who chose no terms has those that the server chose: they are on the stage.
    function sum() {
      const offered = Array.from({ length: TRAY }, (_, k) => tray * TRAY + k);
      const stage = document.querySelector("#panel-latent .tray");
      if (!state.a) return stage?.dataset.of === `${model} ${label}` && { tray: firsts(offered) };
      const terms = [state.a, state.b, state.c].map((term) => term.split("_").map(Number));
      const mean = (seeds) => {
        const all = seeds.map((one) => normals(one, 1, size));
        return Array.from({ length: size }, (_, n) => all.reduce((total, z) => total + z[n], 0) / all.length);
      };
      const [a, b, c] = terms.map(mean);
      const means = [a, b, c, a.map((one, n) => one - b[n] + c[n])].map((z) => Float32Array.from(z));
      return { means, singles: firsts(terms.flat()), tray: firsts(offered) };
    }

    const played = (atRest ? { knobs: shortcuts } : { knobs, walk, way, sum })[play]?.() || {};
    const known = Object.entries(played).filter(([name]) => names.has(name)); // else the stage is another one yet
    return known.length ? Object.fromEntries(known.map(([name, z]) => [name, generate(model, z, label)])) : null;
  };

  lineage.dishes.latent = (state, tools) => recipes(state, tools, false);
  lineage.dishes.latent.stage = ({ model, play, bank }) => [model, play, bank];
  lineage.dishes.latent.rest = (state, tools) => recipes(state, tools, true);
})();

lineage.latent = (tool, panel, root) => {
  "use strict";

  const FURTHEST = 4;
  const find = (selector) => root.querySelector(selector);

  // ---------------------------------------------------------------- what belongs to what is played

  function reflect() {
    const { play, model } = panel.get();
    for (const part of tool.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(play);
    const labelled = tool.querySelector("[data-labelled]");
    labelled.hidden = !labelled.dataset.labelled.split(" ").includes(model);
  }

  // ---------------------------------------------------------------- the numbers of z

  const turned = () => new Map((panel.get().z || "").split("_").filter(Boolean).map((pair) => pair.split(":")));

  function turn(position, value) {
    const all = turned();
    if (value === null) all.delete(position);
    else all.set(position, String(Number(value.toFixed(2))));
    const order = [...all].sort(([a], [b]) => a - b);
    panel.set({ z: order.map((pair) => pair.join(":")).join("_") });
    if (value !== null) mark(numbers); // at once, before the picture is there
  }

  let numbers = []; // z as it was last told

  // All of z at a glance, and the sliders that are on the table; what was turned is so by now, the hand has gone on.
  function mark(z) {
    const own = turned();
    numbers = Array.from(z, (value, position) => Number(own.get(String(position)) ?? value));
    for (const bank of root.querySelectorAll("[data-bars]")) {
      const [first, count] = bank.dataset.bars.split(" ").map(Number);
      const shapes = ["", ""]; // of those that are as the seed has them, and of those that were turned
      for (let k = 0; k < count; k++) shapes[Number(own.has(String(first + k)))] += bar(k, numbers[first + k]);
      shapes.forEach((shape, k) => bank.children[k].setAttribute("d", shape));
    }
    for (const fader of root.querySelectorAll("[data-z]")) {
      level(fader, numbers[fader.dataset.z], own.has(fader.dataset.z));
    }
  }

  // Up or down from the middle of its bank, never so short that it is not to be seen.
  function bar(k, value) {
    const THINNEST = 0.02;
    const [high, low] = [Math.max(value / FURTHEST, THINNEST / 2), Math.min(value / FURTHEST, -THINNEST / 2)];
    return `M${k + 0.1} ${(1 - high).toFixed(3)}h.8V${(1 - low).toFixed(3)}h-.8z`;
  }

  // A hand that turns one number leaves the others as they are.
  function level(fader, value, turned) {
    const at = `${value.toFixed(3)} ${turned}`;
    if (fader.dataset.at === at) return;
    fader.dataset.at = at;
    fader.value = value;
    fader.parentElement.classList.toggle("turned", turned);
    const shown = fader.parentElement.querySelector(".value");
    lineage.name(shown, ["latent.at", { value: Math.round(10 * value) / 10 || 0 }]); // never -0
    shown.disabled = !turned;
  }

  root.addEventListener("input", ({ target }) => {
    if (target.dataset.z !== undefined) turn(target.dataset.z, target.valueAsNumber);
  });
  root.addEventListener("keydown", ({ target, key }) => {
    if (target.dataset.z !== undefined && (key === "Delete" || key === "Backspace")) turn(target.dataset.z, null);
  });
  root.addEventListener("click", ({ target }) => {
    const shortcut = target.closest("[data-turn]");
    const back = target.closest("[data-back]");
    if (shortcut) turn(...JSON.parse(shortcut.dataset.turn).map((part, k) => (k ? part : String(part))));
    if (back) turn(back.dataset.back, null);
  });

  function settle() {
    const told = find("[data-numbers]")?.dataset.numbers;
    if (told) mark(JSON.parse(told));
  }

  // ---------------------------------------------------------------- the sum

  // A picture of the tray takes the chosen place, and the next place is chosen. The terms are the state's, ahead
  // of the server's where clicks come fast; the server's where it has chosen them.
  root.addEventListener("click", ({ target }) => {
    const offer = target.closest("[data-offer]");
    if (!offer) return;
    const state = panel.get();
    const letters = ["a", "b", "c"];
    const terms = state.a
      ? letters.map((letter) => state[letter].split("_"))
      : JSON.parse(find("[data-terms]").dataset.terms);
    const each = terms[0].length;
    terms[Math.floor(state.slot / each)][state.slot % each] = offer.dataset.offer;
    const wish = Object.fromEntries(letters.map((letter, k) => [letter, terms[k].join("_")]));
    panel.set({ ...wish, slot: (state.slot + 1) % (each * letters.length) });
  });

  // ---------------------------------------------------------------- what this browser has made

  const z = ({ steps: [{ inputs }] }) => inputs.z.numbers;
  const seeds = ({ steps: [{ inputs }] }) => inputs.z.normals.seed;
  const term = (place) => "ABC"[Math.floor(place / 3)];

  // The small pictures are those of another z, until their turn comes; what comes sooner does not flicker.
  let fading = null;

  function fade() {
    const SOON = 200;
    if (find(".faders").classList.contains("stale")) return;
    find(".faders").classList.add("stale");
    clearTimeout(fading);
    fading = setTimeout(() => root.querySelectorAll(".faders.stale .cut").forEach(pale), SOON);
  }

  function pale(cut) {
    const context = cut.getContext("2d");
    context.globalCompositeOperation = "destination-in";
    context.fillStyle = "rgb(0 0 0 / 35%)";
    context.fillRect(0, 0, cut.width, cut.height);
    context.globalCompositeOperation = "source-over";
  }

  const made = {
    made({ seed }, recipe) {
      mark(z(recipe)[0]);
      find("[data-reset]").disabled = !turned().size;
      fade();
      lineage.name(find("[data-shows^='made ']"), ["latent.picture", { seed }], "alt");
    },
    shortcuts: () => find(".faders").classList.remove("stale"),
    walk: tellLengths,
    way: tellLengths,
    singles(_, recipe) {
      const images = root.querySelectorAll("[data-shows^='singles ']");
      const name = (image, seed, k) => lineage.name(image, ["latent.single.alt", { seed, term: term(k) }], "alt");
      seeds(recipe).forEach((seed, k) => name(images[k], seed, k));
    },
    tray({ slot }, recipe) {
      const offers = root.querySelectorAll(".tray > button");
      seeds(recipe).forEach((seed, k) => {
        offers[k].dataset.offer = seed;
        lineage.name(offers[k].firstElementChild, ["latent.offer.alt", { seed, term: term(slot) }], "alt");
      });
    },
  };

  function tellLengths(_, recipe) {
    const told = z(recipe).map((one) => ["latent.length", { value: Math.round(100 * Math.hypot(...one)) / 100 }]);
    const screens = [...root.querySelectorAll("[data-told]")];
    const count = told.length / screens.length;
    screens.forEach((screen, row) => {
      screen.dataset.told = JSON.stringify(told.slice(row * count, (row + 1) * count));
    });
  }

  root.addEventListener("lineage:made", ({ detail: { name, state, recipe } }) => {
    if (find(`[data-shows^="${name} "]`)) made[name]?.(state, recipe); // else something else is played by now
  });

  // ----------------------------------------------------------------

  root.addEventListener("lineage:changed", reflect);
  root.addEventListener("lineage:shown", settle);
  lineage.projector(root, () => panel.get().play);
  reflect();
};
