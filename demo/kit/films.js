// A projector for films that the server has made (demo/panels/films.py): every screen of a panel shows the same
// moment. `kind` names what is played now: a film of another kind begins anew, one of the same kind goes on.

lineage.projector = (root, kind) => {
  "use strict";

  const find = (selector) => root.querySelector(selector);
  const all = (selector) => root.querySelectorAll(selector);

  let film = null; // {uri, sheet, count, kind, pace, circles}
  let step = 0;
  let way = 1; // forwards or backwards
  let playing = false;
  let last = 0;
  let frame = 0;

  async function load() {
    const screens = find("[data-film]");
    if (!screens) {
      film = null;
      return play(false);
    }
    const { film: uri, frames, start, rate, plays, circles } = screens.dataset;
    if (film?.uri === uri) return show();
    const image = new Image();
    image.src = uri;
    await image.decode();
    const sheet = await createImageBitmap(image);
    if (!screens.isConnected || screens.dataset.film !== uri) return; // another one has come
    const fresh = film?.kind !== kind();
    film = { uri, sheet, count: Number(frames), kind: kind(), pace: 1000 / rate, circles: circles === "true" };
    if (fresh) {
      step = Number(start);
      way = step > 0 ? -1 : 1;
    }
    step = Math.min(step, film.count - 1);
    if (fresh) play(plays === "true" && !root.hidden && !lineage.calm());
    else show();
  }

  function show() {
    const scrub = find("[data-scrub]");
    if (!film || !scrub) return;
    for (const screen of all("[data-screen]")) {
      const { width, height } = screen;
      const context = screen.getContext("2d");
      context.clearRect(0, 0, width, height);
      const top = Number(screen.dataset.screen) * height;
      context.drawImage(film.sheet, step * width, top, width, height, 0, 0, width, height);
    }
    for (const told of all("[data-told]")) lineage.name(told, JSON.parse(told.dataset.told)[step]);
    scrub.max = film.count - 1;
    scrub.value = step;
    lineage.name(scrub, JSON.parse(find("[data-told]").dataset.told)[step], "aria-valuetext");
    scrub.style.setProperty("--ready", `${(100 * step) / (film.count - 1)}%`);
    const stops = [...all("[data-seek]")];
    const reached = Math.max(...stops.map(place).filter((at) => at <= step));
    for (const stop of stops) {
      stop.classList.toggle("shown", place(stop) === reached);
      stop.classList.toggle("passed", place(stop) <= step);
    }
    const button = find(".play");
    const words = [playing ? "movie.pause" : "movie.play"];
    button.classList.toggle("playing", playing);
    lineage.name(button, words, "aria-label");
  }

  const place = (stop) => Number(stop.dataset.seek);

  function play(wish) {
    playing = wish && film !== null;
    cancelAnimationFrame(frame);
    if (playing) frame = requestAnimationFrame(tick);
    show();
  }

  // Round and round, or there and back.
  function tick(now) {
    frame = requestAnimationFrame(tick);
    if (root.hidden) return play(false);
    if (now - last < film.pace) return;
    last = now;
    if (film.circles) step = (step + 1) % film.count;
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
    const stop = target.closest("[data-seek]");
    if (stop) seek(place(stop));
    if (target.closest(".play")) play(!playing);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target.dataset.scrub === undefined) return;
    play(!playing);
    event.preventDefault();
  });
  root.addEventListener("lineage:shown", () => lineage.during(load()));
  lineage.during(load());
};
