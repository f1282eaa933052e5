// Style, directions: sliders that answer under the finger. The state's `moves` lists those that were turned,
// "id:deviations,id:deviations" (edit.py).

lineage.dials = (root, panel) => {
  "use strict";

  const turned = () => new Map((panel.get().moves || "").split(",").filter(Boolean).map((pair) => pair.split(":")));

  function turn(id, value) {
    const all = turned();
    if (value === 0) all.delete(id);
    else all.set(id, String(Number(value.toFixed(2))));
    mark(root.querySelector(`[data-move="${id}"]`), value); // at once, before the picture is there
    panel.set({ moves: [...all].map((pair) => pair.join(":")).join(",") });
  }

  function mark(dial, value) {
    dial.value = value;
    dial.parentElement.classList.toggle("turned", value !== 0);
    const shown = dial.parentElement.querySelector(".value");
    lineage.name(shown, ["style.edit.moved", { value: Math.round(10 * value) / 10 || 0 }]); // never -0
    shown.disabled = value === 0;
  }

  root.addEventListener("input", ({ target }) => {
    if (target.dataset.move !== undefined) turn(target.dataset.move, target.valueAsNumber);
  });
  root.addEventListener("keydown", ({ target, key }) => {
    if (target.dataset.move !== undefined && (key === "Delete" || key === "Backspace")) turn(target.dataset.move, 0);
  });
  root.addEventListener("click", ({ target }) => {
    const home = target.closest("[data-home]");
    if (home) turn(home.dataset.home, 0);
  });

  // Undone, or turned by an address: what this browser has made is told by every slider.
  root.addEventListener("lineage:made", ({ detail: { name } }) => {
    if (name !== "after") return;
    const all = turned();
    for (const dial of root.querySelectorAll("[data-move]")) mark(dial, Number(all.get(dial.dataset.move) ?? 0));
    root.querySelector("[data-reset]").disabled = !all.size;
  });

  // A slider keeps what the visitor did to it; what the server says is put into it when both agree.
  root.addEventListener("lineage:shown", () => {
    const dials = root.querySelector(".dials");
    if (!dials || dials.dataset.of !== panel.get().moves) return;
    for (const dial of dials.querySelectorAll("[data-move]")) dial.value = dial.dataset.value;
  });
};
