// A projector for films that the server or this browser has made (demo/kit/films.py): every screen of a panel shows
// the same moment. `kind` names what is played now: a film of another kind begins anew, one of the same kind goes on.

lineage.projector = (root, kind) => {
  "use strict";

  const find = (selector) => root.querySelector(selector);
  const all = (selector) => root.querySelectorAll(selector);

  let film = null; // {uri, reels, count, kind, pace, circles}, a reel being {sheet, row}
  let step = 0;
  let way = 1; // forwards or backwards

  async function load() {
    const screens = find("[data-film]");
    if (!screens) {
      film = null;
      return player.play(false);
    }
    const { film: uri, frames, start, rate, plays, circles } = screens.dataset;
    if (film?.uri === uri) return show();
    const sheet = await lineage.decode(uri);
    if (!screens.isConnected || screens.dataset.film !== uri) return; // another one has come
    const fresh = film?.kind !== kind();
    const reels = [...all("[data-screen]")].map((_, row) => ({ sheet, row }));
    film = { uri, reels, count: Number(frames), kind: kind(), pace: 1000 / rate, circles: circles === "true" };
    if (fresh) {
      step = Number(start);
      way = step > 0 ? -1 : 1;
    }
    step = Math.min(step, film.count - 1);
    if (fresh) player.play(plays === "true" && !root.hidden && !lineage.calm());
    else show();
  }

  function show() {
    const scrub = find("[data-scrub]");
    if (!film || !scrub) return;
    for (const screen of all("[data-screen]")) {
      const { sheet, row } = film.reels[screen.dataset.screen];
      lineage.put(screen, sheet, { column: step, row });
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
    player.mark();
  }

  // What this browser has made takes the place of the server's until that is new.
  function thread({ detail: { name, picture } }) {
    if (!film || !picture) return;
    const [count, , height, width] = picture.dims;
    let sheet = null;
    for (const screen of all(`[data-reel^="${name} "]`)) {
      const first = Number(screen.dataset.reel.split(" ")[1]);
      if (first + film.count > count || screen.width !== width || screen.height !== height) continue;
      sheet ??= lineage.kitchen.sheet(picture, film.count);
      film.reels[screen.dataset.screen] = { sheet, row: first / film.count };
    }
    if (!sheet) return;
    film.uri = null;
    show();
  }

  const place = (stop) => Number(stop.dataset.seek);

  // Round and round, or there and back.
  function next() {
    if (film.circles) step = (step + 1) % film.count;
    else {
      if (step + way < 0 || step + way >= film.count) way = -way;
      step += way;
    }
    show();
  }

  function seek(wish) {
    step = wish;
    show();
  }

  const player = lineage.player(root, {
    ready: () => film !== null,
    pace: () => film.pace,
    next,
    scrub: seek,
    changed: show,
  });
  root.addEventListener("click", ({ target }) => {
    const stop = target.closest("[data-seek]");
    if (!stop) return;
    player.halt();
    seek(place(stop));
  });
  root.addEventListener("lineage:made", thread);
  root.addEventListener("lineage:shown", () => lineage.during(load()));
  lineage.during(load());
};
