// Style: what belongs to the part that is open, and a switch for each style (panel.py). Films are
// played by films.js, directions turned by style_edit.js, a visitor's own picture painted by style_you.js.

lineage.dishes.style = (state, { cards, portrait }) => {
  const { part, model, picture, noise, noise_seed } = state;
  if (part !== "make" || picture || cards[model].seeds) return null;
  return { made: portrait(model, { ...state, noise: noise === "on" ? noise_seed : null }) };
};

lineage.style = (tool, panel, root) => {
  "use strict";

  const find = (selector) => root.querySelector(selector);
  const all = (selector) => root.querySelectorAll(selector);
  const models = JSON.parse(tool.dataset.models);

  // ---------------------------------------------------------------- what belongs to what is looked at

  function reflect() {
    const { part, model, cutoff } = panel.get();
    const facts = models[model] ?? {};
    const needs = { noise: facts.noisy, inside: facts.open, edit: facts.movable, you: facts.found };
    for (const place of tool.querySelectorAll("[data-for]")) {
      place.hidden = !place.dataset.for.split(" ").includes(part);
    }
    for (const place of tool.querySelectorAll("[data-needs]")) place.hidden = !facts[place.dataset.needs];
    for (const input of all(".holds-parts input")) {
      input.closest("label").hidden = needs[input.value] === false && input.value !== part;
    }
    // A choice of each class, or a field for any where they are too many for a row.
    const choices = tool.querySelectorAll("[name=label][type=radio]");
    const field = tool.querySelector("[name=label][type=number]");
    const many = facts.classes >= choices.length;
    field.closest(".seed").hidden = !many;
    if (facts.labelled) field.max = facts.classes - 1;
    for (const choice of choices) {
      choice.closest("label").hidden = choice.value >= 0 && (many || choice.value >= facts.classes);
    }
    tool.querySelector("[data-mine]").hidden = !panel.get().picture;
    if (!facts.rows) return;
    const slider = tool.querySelector("[name=cutoff]");
    slider.max = facts.rows;
    slider.value = cutoff;
    const count = Math.min(cutoff, facts.rows);
    const words = count === 0 ? "none" : count < facts.rows ? "some" : "all";
    lineage.name(tool.querySelector("[data-cutoff]"), [`style.cutoff.${words}`, { count, of: facts.rows }]);
  }

  // ---------------------------------------------------------------- another picture: the key N

  document.addEventListener("keydown", (event) => {
    if (root.hidden || event.altKey || event.ctrlKey || event.metaKey || event.key.toLowerCase() !== "n") return;
    if (event.target.closest?.("[type=number], [type=text], select, textarea")) return;
    tool.querySelector("[data-surprise=seed]").click();
    event.preventDefault();
  });

  // ---------------------------------------------------------------- a switch for each style

  // The answer is awaited with the switch turned already: two clicks in a row are two switches.
  root.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-layer]");
    if (!button) return;
    const pressed = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(pressed));
    const taken = [...all("[data-layer]")].map((one) => one.getAttribute("aria-pressed") === "true");
    panel.set({ layers: written(taken) });
  });

  // "0-3,6", as demo/engine/styles.py reads it.
  function written(taken) {
    const runs = [];
    taken.forEach((one, row) => {
      if (one && taken[row - 1]) runs.at(-1)[1] = row;
      else if (one) runs.push([row, row]);
    });
    return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",") || "none";
  }

  // ----------------------------------------------------------------

  // Another seed or network is another face.
  let face = "";
  let network = "";
  function follow() {
    const { seed, model, picture, label } = panel.get();
    const now = `${model} ${seed}`;
    const left = picture && now !== face;
    face = now;
    if (left) panel.set({ picture: "", ws: "", wish: "" });
    // A class of the network before may be none of this one.
    if (models[model]?.labelled && model !== network && label >= models[model].classes) panel.set({ label: -1 });
    network = model;
  }

  root.addEventListener("lineage:changed", follow);
  root.addEventListener("lineage:changed", reflect);
  root.addEventListener("lineage:added", reflect);
  lineage.projector(root, () => panel.get().part);
  lineage.dials(root, panel);
  lineage.easel(root, panel);
  follow();
  reflect();
};
