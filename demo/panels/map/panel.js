// The maps: a pointer over a plane of codes, and the digit that lies beneath it. The picture is mixed at once from
// those decoded beforehand at the places around it, until this browser or, at rest, the server has decoded the place.

lineage.dishes.map = ({ model, x, y }, { decode }) => ({ decoded: decode(model, [[x, y]]) });

lineage.kinds.map = (element, gradio) => {
  "use strict";

  const STEP = 1 / 60; // of the plane, for an arrow key; four times as far with Shift

  const [, root] = element.querySelector(".view").children;
  const panel = element.closest("[id^='panel-']");
  const planes = new Map(); // by model: {plane, window, places, grid, side, x, y}
  let real = null; // the sheet of test digits

  // ---------------------------------------------------------------- showing a place

  // The four decoded places around a point, each with its part (bilinear).
  function around(u, v, side) {
    const [across, down] = [u, v].map((part) => Math.max(0, Math.min(side - 1, part * side - 0.5)));
    const [column, row] = [across, down].map((place) => Math.min(side - 2, Math.floor(place)));
    const [right, low] = [across - column, down - row];
    return [
      { column, row, part: (1 - right) * (1 - low) },
      { column: column + 1, row, part: right * (1 - low) },
      { column, row: row + 1, part: (1 - right) * low },
      { column: column + 1, row: row + 1, part: right * low },
    ];
  }

  function show(model, { exact = null } = {}) {
    const map = planes.get(model);
    const [left, right, bottom, top] = map.window;
    const u = (map.x - left) / (right - left);
    const v = (top - map.y) / (top - bottom);
    const cross = map.plane.querySelector(".cross");
    cross.style.left = `${100 * u}%`;
    cross.style.top = `${100 * v}%`;
    const card = map.plane.closest(".card");
    const decoded = card.querySelector("[data-decoded]");
    decoded.toggleAttribute("data-exact", exact !== null); // or mixed
    if (exact) lineage.put(decoded, exact, { column: 0, row: 0 });
    else if (map.grid) lineage.put(decoded, map.grid, ...around(u, v, map.side));
    // Nearest as the eye sees it: by distance on the map, whose two axes have scales of their own.
    const far = ([x, y]) => Math.hypot((x - map.x) / (right - left), (y - map.y) / (top - bottom));
    const nearest = map.places.reduce((best, place, k) => (far(place) < far(map.places[best]) ? k : best), 0);
    if (real) lineage.put(card.querySelector("[data-nearest]"), real, { column: nearest, row: 0 });
    const words = ["map.place", { x: map.x, y: map.y, label: map.places[nearest][2] }];
    lineage.name(card.querySelector(".place"), words);
  }

  // ---------------------------------------------------------------- moving the pointer

  function move(model, u, v) {
    const map = planes.get(model);
    const [left, right, bottom, top] = map.window;
    const inside = (part) => Math.max(0, Math.min(1, part));
    map.x = Number((left + inside(u) * (right - left)).toFixed(4));
    map.y = Number((top - inside(v) * (top - bottom)).toFixed(4));
    show(model);
    panel.lineage.set({ model, x: map.x, y: map.y });
  }

  // Whether a place is the one that the panel's state names, be it a hand's, an address's or a station's of the tour.
  function meant({ model, x, y }) {
    const now = panel.lineage.get();
    return now.model === model && now.x === x && now.y === y;
  }

  panel.addEventListener("lineage:made", ({ detail: { state, picture } }) => {
    const { model, x, y } = state;
    if (!planes.has(model) || !meant(state)) return; // the pointer has gone on
    Object.assign(planes.get(model), { x, y });
    show(model, { exact: lineage.kitchen.sheet(picture, 1) });
  });

  function live(plane) {
    const model = plane.dataset.plane;
    const follow = (event) => {
      const box = plane.getBoundingClientRect();
      move(model, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    };
    plane.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" || plane.hasPointerCapture(event.pointerId)) follow(event);
    });
    plane.addEventListener("pointerdown", (event) => {
      plane.setPointerCapture(event.pointerId);
      follow(event);
    });
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    plane.addEventListener("keydown", (event) => {
      const arrow = arrows[event.key];
      if (!arrow) return;
      const { x, y, window: [left, right, bottom, top] } = planes.get(model);
      const step = event.shiftKey ? 4 * STEP : STEP;
      move(model, (x - left) / (right - left) + step * arrow[0], (top - y) / (top - bottom) + step * arrow[1]);
      event.preventDefault();
    });
  }

  // ---------------------------------------------------------------- what the server says

  async function begin(stage) {
    lineage.show(root, stage);
    for (const plane of root.querySelectorAll("[data-plane]")) {
      const { plane: model, window: edges, places, grid, side } = plane.dataset;
      const map = { plane, window: JSON.parse(edges), places: JSON.parse(places), side: Number(side), x: 0, y: 0 };
      planes.set(model, map);
      live(plane);
      lineage.during(lineage.decode(grid).then((sheet) => (map.grid = sheet)));
    }
    const sheet = root.querySelector("[data-real]");
    if (sheet) real = await lineage.decode(sheet.dataset.real);
    for (const model of planes.keys()) show(model);
  }

  async function lay({ data: { stage, points = [] } = {} }) {
    if (stage) await begin(stage);
    for (const { model, x, y, picture } of points) {
      const map = planes.get(model);
      if (!map) continue;
      if (stage || meant({ model, x, y })) Object.assign(map, { x, y });
      const exact = await lineage.decode(picture);
      if (map.x === x && map.y === y) show(model, { exact }); // else the pointer has gone on
    }
    lineage.shown(root);
  }

  // One answer after the other: the maps, whose digits take a while to decode, would come over a place's picture.
  let laid = Promise.resolve();
  const take = (answer) => (laid = laid.catch(() => {}).then(() => lay(answer)));

  // ---------------------------------------------------------------- one class alone

  panel.addEventListener("click", ({ target }) => {
    const key = target.closest("[data-only]");
    if (!key) return;
    const chosen = key.getAttribute("aria-pressed") !== "true";
    for (const other of panel.querySelectorAll("[data-only]")) other.setAttribute("aria-pressed", "false");
    key.setAttribute("aria-pressed", String(chosen));
    if (chosen) panel.dataset.only = key.dataset.only;
    else delete panel.dataset.only;
    for (const mark of root.querySelectorAll(".codes :is(text, rect)")) {
      mark.classList.toggle("faint", chosen && !mark.classList.contains(`digit-${key.dataset.only}`));
    }
  });

  lineage.receive(element, gradio, take);
};
