// Latent: sliders of z that answer under the finger, and terms of a sum that are chosen by clicking pictures.
// The state is the desk's; `z` in it lists only the numbers that were turned (demo/panels/latent/panel.py).

lineage.dishes.latent = ({ play, model, seed, label, z }, { normals, cards, generate }) => {
  if (play !== "knobs" || cards[model].seeds) return null;
  const [, size] = cards[model].graphs.generate.inputs.find(({ name }) => name === "z").shape;
  const numbers = normals(seed, 1, size);
  for (const turned of z.split("_").filter(Boolean)) {
    const [position, value] = turned.split(":").map(Number);
    numbers[position] = value;
  }
  return { made: generate(model, [numbers], label) };
};

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
    if (value === null) return;
    // At once, before the picture is there.
    const fader = find(`[data-z="${position}"]`);
    fader.value = value;
    fader.parentElement.classList.add("turned");
    const shown = fader.parentElement.querySelector(".value");
    lineage.name(shown, ["latent.at", { value: Math.round(10 * value) / 10 }]);
    shown.disabled = false;
    const bar = find(`[data-bar="${position}"]`);
    bar?.style.setProperty("--v", (value / FURTHEST).toFixed(3));
    bar?.classList.add("turned");
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

  // ----------------------------------------------------------------

  root.addEventListener("lineage:changed", reflect);
  root.addEventListener("lineage:shown", settle);
  lineage.projector(root, () => panel.get().play);
  reflect();
};
