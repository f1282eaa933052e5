// One z: place i is the same z on every card. A place under the pointer is framed on all of them and shown under
// the looking glasses; the figures, which come after the pictures, are put under these (panel.py).

(() => {
  "use strict";

  const PLACES = 16;

  lineage.dishes.onez = ({ dataset, seed, label }, { names, cards, sample }) => {
    if (![...names].every((model) => cards[model].dataset === dataset)) return null; // another wall is to be hung
    return Object.fromEntries([...names].map((model) => [model, sample(model, seed, PLACES, label)]));
  };

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
        const read = reads(glass.dataset.glass);
        if (!read) continue;
        const { label } = wall().dataset;
        const shown = glass.querySelector(".read");
        lineage.name(shown, read[place] === undefined ? [""] : className(read[place]));
        shown.classList.toggle("other", label !== "-1" && String(read[place]) !== label);
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

    const part = (name) => root.readings?.querySelector(`[data-read="${CSS.escape(name)}"]`);
    const answered = () => root.readings?.firstElementChild.dataset.of === wall()?.dataset.of;

    // The classes that a card's pictures are taken for; none while the figures are those of other pictures.
    function reads(name) {
      if (name === "z") return null;
      return answered() ? JSON.parse(part(name)?.dataset.reads ?? "[]") : [];
    }

    // The last figures stay, faint, until those of the new pictures are there.
    function hang() {
      if (!wall()) return;
      const { label, asks } = wall().dataset;
      root.querySelector("[data-ask]").hidden = asks === undefined; // nobody there can be asked
      for (const slot of wall().querySelectorAll("[data-slot]")) {
        const { slot: name } = slot.dataset;
        lineage.show(slot, part(name)?.innerHTML ?? "");
        slot.classList.toggle("stale", !answered());
        const others = reads(name).map((read, place) => [place, label !== "-1" && String(read) !== label]);
        const veil = ([place]) => `<i style="--row:${Math.floor(place / 4)};--column:${place % 4}"></i>`;
        const veils = others.filter(([, other]) => other).map(veil);
        slot.closest(".card").querySelector(".veils").innerHTML = veils.join("");
      }
      mirror();
      look(looked);
    }

    function mirror() {
      for (const glass of wall().querySelectorAll("[data-glass]")) {
        const image = wall().querySelector(`[data-card="${CSS.escape(glass.dataset.glass)}"] .picture`);
        const content = image?.src.replace("data:", "");
        glass.querySelector(".glass").style.backgroundImage = image ? `url(data:${content})` : "none";
      }
    }

    // Pictures that this browser has made are read when the server has seen them.
    root.addEventListener("lineage:made", () => {
      for (const slot of wall().querySelectorAll("[data-slot]")) slot.classList.add("stale");
      for (const veils of wall().querySelectorAll(".veils")) veils.replaceChildren();
      mirror();
    });

    // The figures are an answer of their own, which can be late when the pictures are long there.
    function awaitFigures() {
      if (answered()) lineage.gotAnswer(root.dataset);
      else lineage.expectAnswer(root.dataset);
    }

    for (const event of ["lineage:shown", "lineage:read"]) {
      root.addEventListener(event, () => {
        hang();
        awaitFigures();
      });
    }
    nameClasses();
    look(chosen());
    hang();
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
