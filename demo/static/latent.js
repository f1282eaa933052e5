// Latent: sliders of z that answer under the finger, and a projector for films that the server has made.
// The state is the desk's; `z` in it lists only the numbers that were turned (demo/panels/latent.py).

lineage.latent = (tool, panel, root) => {
  "use strict";

  const FRAMES_A_SECOND = 24;
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
    shown.textContent = (Math.round(10 * value) / 10 + 0).toFixed(1).replace("-", "\u2212");
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

  // ---------------------------------------------------------------- films

  let film = null; // {uri, sheet, lengths, count}
  let step = 0;
  let way = 1; // forwards or backwards
  let playing = false;
  let last = 0;
  let frame = 0;
  let kind = ""; // what was played when the film came

  async function load() {
    const cinema = find("[data-film]");
    if (!cinema) {
      film = null;
      kind = "";
      return play(false);
    }
    const uri = cinema.dataset.film;
    if (film?.uri === uri) return show();
    const image = new Image();
    image.src = uri;
    await image.decode();
    const sheet = await createImageBitmap(image);
    if (!cinema.isConnected || cinema.dataset.film !== uri) return; // another one has come
    const lengths = JSON.parse(cinema.dataset.lengths);
    film = { uri, sheet, lengths, count: lengths[0].length };
    const fresh = kind !== panel.get().play;
    kind = panel.get().play;
    if (fresh) step = kind === "way" ? (film.count - 1) / 2 : 0; // half way the two ways differ most
    step = Math.min(step, film.count - 1);
    show();
    if (fresh) play(kind === "walk" && !root.hidden && !lineage.calm());
  }

  function show() {
    if (!film || !find("[data-scrub]")) return;
    for (const screen of root.querySelectorAll("[data-screen]")) {
      const { width, height } = screen;
      const row = Number(screen.dataset.screen);
      const context = screen.getContext("2d");
      context.clearRect(0, 0, width, height);
      context.drawImage(film.sheet, step * width, row * height, width, height, 0, 0, width, height);
      const length = find(`[data-length="${row}"]`);
      length.dataset.say = JSON.stringify({ text: ["latent.length", { value: film.lengths[row][step] }] });
      length.textContent = lineage.say(["latent.length", { value: film.lengths[row][step] }]);
    }
    const scrub = find("[data-scrub]");
    scrub.max = film.count - 1;
    scrub.value = step;
    for (const station of root.querySelectorAll("[data-seek]")) {
      station.classList.toggle("passed", Number(station.dataset.seek) <= step);
    }
    const button = find(".play");
    const words = ["movie.pause", "movie.play"][Number(!playing)];
    button.classList.toggle("playing", playing);
    button.dataset.say = JSON.stringify({ "aria-label": [words] });
    button.setAttribute("aria-label", lineage.say([words]));
  }

  function play(wish) {
    playing = wish && film !== null;
    cancelAnimationFrame(frame);
    if (playing) frame = requestAnimationFrame(tick);
    show();
  }

  // A walk goes round and round, a way there and back.
  function tick(now) {
    frame = requestAnimationFrame(tick);
    if (root.hidden) return play(false);
    if (now - last < 1000 / FRAMES_A_SECOND) return;
    last = now;
    if (kind === "walk") step = (step + 1) % film.count;
    else {
      if (step + way < 0 || step + way >= film.count) way = -way;
      step += way;
    }
    show();
  }

  function seek(wish) {
    step = wish;
    play(false);
  }

  root.addEventListener("input", ({ target }) => {
    if (target.dataset.scrub !== undefined) seek(target.valueAsNumber);
  });
  root.addEventListener("click", ({ target }) => {
    const station = target.closest("[data-seek]");
    if (station) seek(Number(station.dataset.seek));
    if (target.closest(".play")) play(!playing);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target.dataset.scrub === undefined) return;
    play(!playing);
    event.preventDefault();
  });

  // ----------------------------------------------------------------

  root.addEventListener("lineage:changed", reflect);
  root.addEventListener("lineage:shown", () => {
    settle();
    load();
  });
  reflect();
};
