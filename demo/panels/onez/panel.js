// One z: place i is the same z on every card. A place under the pointer is framed on all of them and shown under
// the looking glasses; the figures, which come after the pictures, are put under these (panel.py).

(() => {
  "use strict";

  const PLACES = 16;
  const JUDGED = 64; // pictures of each generator

  let judge = ""; // of the wall
  const noises = new WeakMap(); // by state: the z of all places, as many numbers as the largest network takes

  const hung = ({ names, cards }) => [...names].filter((name) => name in cards);

  lineage.dishes.onez = (state, tools) => {
    const { dataset, seed, label } = state;
    const models = hung(tools);
    const hangs = models.length && models.every((model) => tools.cards[model].dataset === dataset);
    if (!hangs) return null; // another wall is to be hung
    const size = Math.max(...models.map((model) => tools.sizeOf(model, "generate", "z")));
    noises.set(state, tools.normals(seed, PLACES, size));
    return Object.fromEntries(models.map((model) => [model, tools.sample(model, seed, PLACES, label)]));
  };

  lineage.dishes.onez.stage = ({ dataset, label }) => [dataset, label];

  // A judge takes longer to read a card than a network to paint it.
  lineage.dishes.onez.rest = ({ seed, label }, tools) => {
    const read = hung(tools).map((model) => {
      const { picture, ...numbers } = tools.judged(tools.sample(model, seed, JUDGED, label), judge, "classify");
      return [`${model}.read`, numbers];
    });
    return Object.fromEntries(read);
  };

  /** What a judge makes of pictures: the class of each, how many there are of each, how far apart they are. */
  function reading({ "classify.class_logits": { data, dims }, "classify.features": features }) {
    const [count, classes] = dims;
    const labels = Array.from({ length: count }, (_, k) => {
      const row = data.subarray(k * classes, (k + 1) * classes);
      return row.indexOf(Math.max(...row));
    });
    const counts = Array(classes).fill(0);
    for (const label of labels) counts[label] += 1;
    return { labels, counts, largest: Math.max(...counts) / count, apart: distance(features) };
  }

  // The mean over all pairs (onnx_models/diversity.py).
  function distance({ data, dims: [count] }) {
    const size = data.length / count;
    let total = 0;
    for (let a = 0; a < count; a++) {
      for (let b = 0; b < a; b++) {
        let squared = 0;
        for (let n = 0; n < size; n++) squared += (data[a * size + n] - data[b * size + n]) ** 2;
        total += Math.sqrt(squared);
      }
    }
    return total / ((count * (count - 1)) / 2);
  }

  /** Numbers as squares of dots, as scene.py draws them. */
  function dotted(z, side) {
    const size = z.length / PLACES;
    const across = Math.ceil(Math.sqrt(size));
    const dot = Math.max(1, Math.floor(side / across));
    const wide = Math.min(side, across * dot);
    const margin = Math.floor((side - wide) / 2);
    const data = new Float32Array(PLACES * side * side);
    for (let n = 0; n < PLACES * wide * wide; n++) {
      const [place, y, x] = [Math.floor(n / wide ** 2), Math.floor(n / wide) % wide, n % wide];
      const k = Math.floor(y / dot) * across + Math.floor(x / dot);
      const tone = k < size ? 1 / (1 + Math.exp(-1.702 * z[place * size + k])) : 0;
      data[(place * side + margin + y) * side + margin + x] = tone;
    }
    return { data, dims: [PLACES, 1, side, side] };
  }

  lineage.onez = (tool, panel, root) => {
    let looked = 0; // the place that is looked at: the chosen one, or what is under the pointer

    const wall = () => root.querySelector(".one-z");
    const chosen = () => {
      const { pick } = panel.get();
      return Number.isInteger(pick) && pick >= 0 && pick < PLACES ? pick : 0;
    };

    const className = (label) => [`dataset.${panel.get().dataset}.class.${label}`, {}, String(label)];

    // The classes to ask for are those of the pictures that are looked at.
    function nameClasses() {
      for (const input of root.querySelectorAll("[name=label]")) {
        if (input.value !== "-1") lineage.name(input.nextElementSibling, className(input.value));
      }
    }

    // ---------------------------------------------------------------- one place on all cards

    function look(place) {
      looked = place;
      root.style.setProperty("--row", Math.floor(place / 4));
      root.style.setProperty("--column", place % 4);
      for (const glass of root.querySelectorAll("[data-glass]")) {
        const { glass: name } = glass.dataset;
        const read = reads(name);
        if (!read) continue;
        const label = asked();
        const word = glass.querySelector(".read");
        lineage.name(word, read[place] === undefined ? [""] : className(read[place]));
        word.classList.toggle("other", label !== "-1" && String(read[place]) !== label);
        word.classList.toggle("stale", waits(name));
      }
    }

    function under({ target, clientX, clientY }) {
      const cells = target.closest?.("[data-cells]");
      if (!cells) return null;
      const { left, top, width, height } = cells.getBoundingClientRect();
      const along = (part) => Math.min(3, Math.max(0, Math.floor(4 * part)));
      return 4 * along((clientY - top) / height) + along((clientX - left) / width);
    }

    root.addEventListener("pointermove", (event) => {
      const place = event.pointerType === "touch" ? null : under(event);
      if ((place ?? chosen()) !== looked) look(place ?? chosen());
    });
    root.addEventListener("pointerleave", () => look(chosen()));
    root.addEventListener("click", (event) => {
      // The radio buttons speak for themselves; the arrow keys click on them without a pointer.
      const place = event.target.matches("input") ? null : under(event);
      if (place !== null) panel.set({ pick: place });
    });
    root.addEventListener("lineage:changed", () => {
      nameClasses();
      look(chosen());
    });

    // ---------------------------------------------------------------- keys

    document.addEventListener("keydown", (event) => {
      if (root.hidden || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.target.closest("[type=number], [type=text], select, textarea, [role=tab]")) return;
      if (/^[0-9]$/.test(event.key)) panel.set({ label: Number(event.key) });
      else if (event.key === "Backspace") panel.set({ label: -1 });
      else return;
      event.preventDefault();
    });

    // ---------------------------------------------------------------- figures

    let painted = null; // what the pictures are of that this browser has made, until the server's are there
    let here = { of: "", readings: new Map() }; // what the judge has read in this browser, by model
    const yardsticks = new Map(); // of real pictures, by data set and class

    const asks = () => wall().dataset.asks !== undefined; // whether anybody there can be asked
    const keyOf = ({ dataset, seed, label }) => `${dataset} ${seed} ${asks() ? label : -1}`;
    const shown = () => painted ?? wall()?.dataset.of;
    const asked = () => shown().split(" ")[2] ?? String(panel.get().label);

    const part = (name) => root.readings?.querySelector(`[data-read="${CSS.escape(name)}"]`);
    const answered = () => root.readings?.firstElementChild.dataset.of === shown();
    // Real pictures stay real: their figures are right for as long as they hang.
    const lasts = (name) => name === "real" && root.readings?.firstElementChild.dataset.of === wall().dataset.of;
    const found = (name) => (here.of === shown() ? here.readings.get(name) : undefined);
    const waits = (name) => !answered() && !lasts(name) && !found(name); // until its pictures are read

    // The classes that a card's pictures are taken for; none while the figures are those of other pictures.
    function reads(name) {
      if (name === "z") return null;
      if (answered() || lasts(name)) return JSON.parse(part(name)?.dataset.reads ?? "[]");
      return found(name)?.labels.slice(0, PLACES) ?? [];
    }

    // The largest share on the wall: its bar is as high as bars go.
    function peak() {
      const real = Number(part("real")?.dataset.largest ?? 0); // of the last that the server has sent
      return Math.max(real, ...[...here.readings.values()].map(({ largest }) => largest));
    }

    function level(slot) {
      for (const bar of slot.querySelectorAll(".bars > li")) {
        const { part } = JSON.parse(bar.dataset.say)["aria-label"][1];
        bar.firstElementChild.style.setProperty("--part", (part / peak()).toFixed(3));
      }
      return true;
    }

    // Figures as the server writes them (panel.py); whether there is a place for them.
    function write(slot, { labels, counts, apart, deaf }) {
      const label = Number(asked());
      const [hits, varied] = slot.querySelectorAll(".figure");
      const yardstick = yardsticks.get(`${panel.get().dataset} ${deaf ? -1 : label}`);
      if (!hits || !yardstick) return false;
      const [name, hint, count, of] =
        label < 0
          ? [["onez.kinds"], "onez.kinds.hint", counts.filter(Boolean).length, counts.length]
          : [["onez.agreement", { label: className(label) }], "onez.agreement.hint", counts[label], labels.length];
      lineage.name(hits.querySelector("dt > span"), name);
      lineage.name(hits.querySelector(".hint"), [hint], "aria-label");
      lineage.name(hits.querySelector("dd"), ["onez.of", { count, of }]);
      lineage.name(varied.querySelector("dd"), ["figure.probability", { value: apart / yardstick }]);
      slot.querySelectorAll(".bars > li").forEach((bar, k) => {
        const share = counts[k] / labels.length;
        bar.firstElementChild.style.setProperty("--part", (share / peak()).toFixed(3));
        bar.classList.toggle("asked", k === label);
        lineage.name(bar, ["verdict.part", { label: className(k), part: share }], "aria-label");
      });
      return true;
    }

    // The last figures stay, faint, until those of the new pictures are there.
    function hang() {
      if (!wall()) return;
      judge = wall().dataset.judge;
      root.querySelector("[data-ask]").hidden = !asks();
      const label = asked();
      for (const slot of wall().querySelectorAll("[data-slot]")) {
        const { slot: name } = slot.dataset;
        const read = answered() ? undefined : found(name);
        if (answered() || !slot.firstChild) lineage.show(slot, part(name)?.innerHTML ?? "");
        const fresh = answered() || (lasts(name) ? level(slot) : read && write(slot, read));
        slot.classList.toggle("stale", !fresh);
        const others = reads(name).map((read, place) => [place, label !== "-1" && String(read) !== label]);
        const veil = ([place]) => `<i style="--row:${Math.floor(place / 4)};--column:${place % 4}"></i>`;
        const veils = others.filter(([, other]) => other).map(veil);
        slot.closest(".card").querySelector(".veils").innerHTML = veils.join("");
      }
      look(looked);
    }

    function mirror() {
      if (!wall()) return;
      for (const glass of wall().querySelectorAll("[data-glass]")) {
        const image = wall().querySelector(`[data-card="${CSS.escape(glass.dataset.glass)}"] .picture`);
        const content = image?.src.replace("data:", "");
        glass.querySelector(".glass").style.backgroundImage = image ? `url(data:${content})` : "none";
      }
    }

    function paintNoise(state) {
      const card = wall().querySelector("[data-card=z]");
      const image = card.querySelector(".picture");
      const side = image.getAttribute("width") / Math.sqrt(PLACES) - 2; // a clear pixel is all round each
      lineage.kitchen.paint(image, dotted(noises.get(state), side), 0, PLACES, Math.sqrt(PLACES));
      lineage.name(card.querySelector(".year"), ["onez.seed", { seed: state.seed }]);
    }

    root.addEventListener("lineage:made", ({ detail: { name, state, recipe, numbers } }) => {
      if (painted !== keyOf(state)) paintNoise(state);
      painted = keyOf(state);
      if (here.of !== painted) here = { of: painted, readings: new Map() };
      const [model, read] = [recipe.steps[0].model, name.endsWith(".read")];
      if (read) here.readings.set(model, { ...reading(numbers), deaf: !recipe.steps[0].inputs.label });
      else mirror();
      hang();
    });

    // The figures are an answer of their own, which can be late when the pictures are long there.
    function awaitFigures() {
      if (answered()) lineage.gotAnswer(root.dataset);
      else lineage.expectAnswer(root.dataset);
    }

    root.addEventListener("lineage:shown", () => (painted = null));
    root.addEventListener("lineage:read", () => {
      const { dataset, yardsticks: held } = root.readings.firstElementChild.dataset;
      for (const [label, apart] of Object.entries(JSON.parse(held))) yardsticks.set(`${dataset} ${label}`, apart);
    });
    for (const event of ["lineage:shown", "lineage:read"]) {
      root.addEventListener(event, () => {
        hang();
        mirror();
        awaitFigures();
      });
    }
    nameClasses();
    look(chosen());
    hang();
    mirror();
  };

  // Figures have no place of their own: each card has one for them.
  lineage.kinds.readings = (element, gradio) => {
    const root = element.closest("[id^='panel-']");
    lineage.receive(element, gradio, ({ markup }) => {
      if (!markup) return;
      const fresh = document.createElement("template");
      fresh.innerHTML = markup;
      root.readings = fresh.content;
      root.dispatchEvent(new CustomEvent("lineage:read"));
    });
  };
})();
