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
    // At once, before the picture is there.
    if (value !== null) mark(find(`[data-bar="${position}"]`), find(`[data-z="${position}"]`), value, true);
  }

  // A hand that turns one number leaves the others as they are.
  function mark(bar, fader, value, turned) {
    const height = (value / FURTHEST).toFixed(3);
    if (bar?.style.getPropertyValue("--v") === height && bar.classList.contains("turned") === turned) return;
    bar?.style.setProperty("--v", height);
    bar?.classList.toggle("turned", turned);
    if (!fader) return;
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

  // A slider keeps what the visitor did to it; what the server says is put into it when both agree on z.
  function settle() {
    const faders = find(".faders");
    if (!faders || faders.dataset.of !== panel.get().z) return;
    for (const fader of faders.querySelectorAll("[data-z]")) fader.value = fader.dataset.value;
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

  const made = {
    made({ seed }, recipe) {
      const own = turned();
      const by = (name) => new Map([...root.querySelectorAll(`[data-${name}]`)].map((one) => [one.dataset[name], one]));
      const [bars, faders] = ["bar", "z"].map(by);
      z(recipe)[0].forEach((value, position) => {
        const turned = own.get(String(position)); // by now: the hand has gone on
        mark(bars.get(String(position)), faders.get(String(position)), Number(turned ?? value), turned !== undefined);
      });
      find("[data-reset]").disabled = !own.size;
      find(".faders").classList.add("stale"); // but for the numbers, until the turn of the shortcuts comes
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
