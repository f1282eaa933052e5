// Style: what belongs to the part that is open, and a switch for each style (panel.py). Films are
// played by films.js, directions turned by style_edit.js, a visitor's own picture painted by style_you.js.

lineage.dishes.style = (state, tools) => {
  const [OTHERS, SWEEP, STATIONS] = [9, 21, 33]; // as panel.py has them, of pictures that are small
  const [ROWS, COLUMNS] = [5, 6];
  const { names, cards, directions, sizeOf, latents, truncation, noise, style, paint, portrait } = tools;
  const { part, model, seed, other, cutoff, label, noise_seed } = state;
  const { sought } = document.getElementById("panel-style");
  if (part === "you" && state.picture) return sought?.(state, tools)?.glance ?? null;
  if (!cards[model]?.graphs.synthesis || cards[model].seeds || state.picture) return null;
  const psi = truncation(model, state.psi, cutoff);
  const grains = noise(model, state.noise === "on" ? noise_seed : null);
  const face = (from, more, noised = grains) => portrait(model, from, psi, noised, label, more);
  const styled = (seeds, name) => style(model, latents(seeds), psi, label, name);
  const onwards = (from, count) => Array.from({ length: count }, (_, k) => (from + k) % 2 ** 32);
  const all = { of: "style.ws" };

  // "coarse", "0-3,6" or "none", as demo/engine/styles.py reads them.
  function rows() {
    const count = sizeOf(model, "mapping", "psi");
    const [first, second] = [Math.min(4, 2 * Math.ceil(count / 6)), Math.min(8, 2 * Math.ceil(count / 3))];
    const ranges = { coarse: [0, first - 1], middle: [first, second - 1], fine: [second, count - 1] };
    const written = state.layers === "none" ? [] : state.layers.split(",").map((run) => run.split("-").map(Number));
    const runs = ranges[state.layers] ? [ranges[state.layers]] : written;
    return [...Array(count).keys()].filter((row) => runs.some(([from, to = from]) => from <= row && row <= to));
  }

  const looked = {
    make: () => ({ made: face(seed), others: paint(model, all, grains, [styled(onwards(seed + 1, OTHERS))]) }),
    truncate() {
      const swept = Array.from({ length: SWEEP }, (_, k) => Math.fround((2 * k) / (SWEEP - 1) - 1));
      const styled = style(model, latents(seed), truncation(model, swept, cutoff), label);
      return { sweep: paint(model, all, grains, [styled]) };
    },
    mix() {
      if (!names.has("children")) return {}; // a large network's, of which there are few
      const take = rows();
      const [a, b] = [onwards(seed, ROWS), onwards(other, COLUMNS)];
      const pairs = a.flatMap((one) => b.map((two) => [one, two]));
      const [one, two] = pairs[state.pick] ?? pairs[0];
      const both = [styled(pairs.map(([kept]) => kept)), styled(pairs.map(([, lent]) => lent), "lent")];
      return {
        child: face(one, { mix: [two, take] }),
        parents: paint(model, all, grains, [styled([...a, ...b])]),
        children: paint(model, { rows: [all, { of: "lent.ws" }], take }, grains, both),
      };
    },
    travel() {
      const at = Array.from({ length: STATIONS }, (_, k) => Math.fround(k / (STATIONS - 1)));
      const round = { blend: [latents(seed), latents(other)], at, way: "circle" };
      const straight = { blend: [0, 1].map((sample) => ({ ...all, sample })), at };
      return {
        z: paint(model, all, grains, [style(model, round, psi, label)]),
        w: paint(model, straight, grains, [styled([seed, other])]),
      };
    },
    noise() {
      const [one, two] = onwards(noise_seed, 2);
      const noised = (grain) => face(seed, {}, noise(model, grain));
      return { noise: noised(one), another: noised(two), none: noised(null) };
    },
    inside() {
      const added = cards[model].graphs.synthesis.outputs.filter(({ name }) => name.startsWith("rgb_"));
      const sizes = added.map(({ name }) => Number(name.slice("rgb_".length))).sort((a, b) => a - b);
      return { inside: { ...face(seed), numbers: sizes.map((size) => `paint.rgb_${size}`) } };
    },
    edit() {
      const pairs = state.moves.split(",").filter(Boolean).map((pair) => pair.split(":"));
      const along = pairs.map(([id, strength]) => [directions[model]?.[id], Number(strength)]);
      if (!along.every(([direction]) => direction)) return {};
      return { before: face(seed), after: face(seed, { along }) };
    },
  };
  const known = Object.entries(looked[part]?.() ?? {}).filter(([name]) => names.has(name)); // on the stage by now
  return known.length ? Object.fromEntries(known) : null;
};
lineage.dishes.style.stage = ({ model, part, bank, picture }) => [model, part, bank, picture !== ""];

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

  // ---------------------------------------------------------------- what this browser has made

  const pictures = (name) =>
    [...all(`[data-shows^="${name} "]`)].map((image) => [image, Number(image.dataset.shows.split(" ")[1])]);
  const alt = (name, words) => pictures(name).forEach(([image, k]) => lineage.name(image, words(k), "alt"));
  const next = (seed, k) => (seed + k) % 2 ** 32;
  const columns = () => all(".crossing th[scope=col]").length;

  const made = {
    made({ model, seed, psi, label, cutoff, noise, noise_seed }) {
      alt("made", () => ["style.picture", { seed }]);
      find(".others").classList.add("stale"); // until their turn comes
      const link = find(".hero [data-address]");
      if (!link) return;
      const { rows, labelled } = models[model];
      const asked = { seed, psi, model, ...(labelled && { label }) };
      link.setAttribute("href", `${link.dataset.address}?${new URLSearchParams(asked)}`);
      link.hidden = cutoff < rows || noise !== "on" || noise_seed !== 0; // of which an address says nothing
    },
    others({ seed }) {
      for (const [image, k] of pictures("others")) {
        image.parentElement.dataset.set = JSON.stringify({ seed: next(seed, k + 1) });
      }
      alt("others", (k) => ["style.seed", { seed: next(seed, k + 1) }]);
      find(".others").classList.remove("stale");
    },
    child({ seed, other, pick, layers }, { recipe }) {
      const [a, b] = [next(seed, Math.floor(pick / columns())), next(other, pick % columns())];
      alt("child", () => ["style.child", { a, b }]);
      for (const one of all(".crossing, .parent")) one.classList.add("stale");
      const { take } = recipe.steps.at(-1).inputs.ws;
      if (layers !== panel.get().layers) return; // a switch was turned meanwhile
      all("[data-layer]").forEach((one, row) => one.setAttribute("aria-pressed", String(take.includes(row))));
    },
    parents({ seed, other }) {
      const rows = all(".crossing th[scope=row]").length;
      const a = (k) => ({ parent: "A", seed: next(seed, k) });
      const b = (k) => ({ parent: "B", seed: next(other, k - rows) });
      alt("parents", (k) => ["style.parent", k < rows ? a(k) : b(k)]);
      for (const one of all(".parent")) one.classList.remove("stale");
    },
    children({ seed, other }) {
      const of = (k) => ({ a: next(seed, Math.floor(k / columns())), b: next(other, k % columns()) });
      alt("children", (k) => ["style.child", of(k)]);
      find(".crossing").classList.remove("stale");
    },
    z: tellChanges,
    w: tellChanges,
    noise: nameNoises,
    inside: grow,
  };

  // How much of the whole way's change each frame brings, 1 being an even share.
  function tellChanges(_, { name, picture: { data, dims } }) {
    const size = data.length / dims[0];
    const changes = Array.from({ length: dims[0] - 1 }, (_, k) => {
      let total = 0;
      for (let n = k * size; n < (k + 1) * size; n++) total += (data[n + size] - data[n]) ** 2;
      return Math.sqrt(total / size);
    });
    const even = Math.max(changes.reduce((total, one) => total + one, 0) / changes.length, 1e-9);
    const share = (change) => Math.round((100 * change) / even) / 100;
    const told = [changes[0], ...changes].map((change) => ["style.change", { value: share(change) }]);
    const screen = find(`[data-reel^="${name} "]`)?.closest("figure");
    if (screen) screen.querySelector("[data-told]").dataset.told = JSON.stringify(told);
  }

  // What noise moves is measured over many noises, by the server.
  function nameNoises({ noise_seed: seed }) {
    for (const [name, k] of [["noise", 0], ["another", 1]]) {
      const words = ["style.noise.seed", { seed: next(seed, k) }];
      alt(name, () => words);
      for (const [image] of pictures(name)) lineage.name(image.closest("figure").querySelector("figcaption"), words);
    }
    find(".plates [data-measured]")?.classList.add("stale");
  }

  // What each size adds, its contrast stretched, and their sum so far.
  function grow(_, { numbers }) {
    let sum = null;
    for (const step of all(".sizes [data-size]")) {
      const { data, dims } = numbers[`paint.rgb_${step.dataset.size}`];
      const most = data.reduce((largest, one) => Math.max(largest, Math.abs(one)), 1e-9);
      sum = sum ? doubled(sum, dims[3] / 2).map((one, n) => one + data[n]) : data;
      const [added, whole] = step.querySelectorAll("img");
      lineage.kitchen.paint(added, { data: data.map((one) => 0.5 + (0.5 * one) / most), dims });
      lineage.kitchen.paint(whole, { data: sum.map((one) => 0.5 + one), dims });
      lineage.name(step.querySelector(".label"), ["style.reach", { value: most }]);
    }
  }

  // Squares of twice the side, as the networks make them (demo/engine/styles.py).
  function doubled(data, side) {
    const outside = (y, x) => Math.min(x, y) < 0 || Math.max(x, y) >= side;
    const at = (plane, y, x) => (outside(y, x) ? 0 : data[(plane * side + y) * side + x]);
    return Float32Array.from({ length: 4 * data.length }, (_, n) => {
      const [x, y] = [n % (2 * side), Math.floor(n / (2 * side)) % (2 * side)];
      const plane = Math.floor(n / (4 * side * side));
      const [left, top] = [x >> 1, y >> 1];
      const [beside, beneath] = [left + (x % 2 ? 1 : -1), top + (y % 2 ? 1 : -1)];
      const row = (down) => 0.75 * at(plane, down, left) + 0.25 * at(plane, down, beside);
      return 0.75 * row(top) + 0.25 * row(beneath);
    });
  }

  root.addEventListener("lineage:made", ({ detail }) => {
    if (pictures(detail.name).length) made[detail.name]?.(detail.state, detail); // else another part is open by now
  });

  // The parents of the chosen child are shown beside it.
  function choose() {
    const { pick } = panel.get();
    const parents = all(".chosen-child .parent img[data-shows]");
    if (!parents.length) return;
    const [rows, across] = [[...all(".crossing th[scope=row]")], [...all(".crossing th[scope=col]")]];
    const [row, column] = [Math.floor(pick / across.length), pick % across.length];
    rows.forEach((head, k) => head.classList.toggle("chosen", k === row));
    across.forEach((head, k) => head.classList.toggle("chosen", k === column));
    [row, rows.length + column].forEach((k, which) => (parents[which].dataset.shows = `parents ${k}`));
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
  for (const event of ["lineage:changed", "lineage:shown"]) root.addEventListener(event, choose);
  root.addEventListener("lineage:added", reflect);
  lineage.projector(root, () => panel.get().part);
  lineage.dials(root, panel);
  lineage.easel(root, panel);
  follow();
  reflect();
};
