// Compare: which plot is looked at, and where the names beside its marks have room (panel.py). All of it
// comes with the page; the server is asked for nothing but the speed.

lineage.compare = (tool, panel, root) => {
  "use strict";

  const RADIUS = 10; // of a mark, with some air
  const AIR = 2; // between two names
  const all = (selector, from = root) => [...from.querySelectorAll(selector)];
  let frame = 0;

  // ---------------------------------------------------------------- what is looked at

  // An address may ask for what is not there: then it is the table, and the largest family.
  function reflect() {
    const panes = all("[data-pane]");
    let { plot, dataset } = panel.get();
    if (!panes.some((pane) => pane.dataset.pane === plot)) plot = "table";
    const mine = panes.filter((pane) => pane.dataset.pane === plot);
    const split = mine.some((pane) => pane.dataset.dataset);
    if (split && !mine.some((pane) => pane.dataset.dataset === dataset)) dataset = mine[0].dataset.dataset;
    for (const pane of panes) {
      pane.hidden = !mine.includes(pane) || (split && pane.dataset.dataset !== dataset);
    }
    const whose = tool.querySelector("[data-whose]");
    if (whose) whose.hidden = !split;
    later();
  }

  // ---------------------------------------------------------------- names that do not cover each other

  // Right, left, above, below, then the corners, then further off with a thread to the mark; the middle of a name lies
  // (right, down) of the mark, in units of what keeps it just clear. Away from the threads of others if it can be; a
  // name that has no room at all is left to the list underneath.
  const NEAR = [
    [1, 0], [-1, 0], [0, -1], [0, 1], [1, -1], [-1, -1], [1, 1], [-1, 1],
  ];
  const FAR = [2, -2, 3, -3, 4, -4, 5, -5].flatMap((down) => [[1.4, down], [-1.4, down]]);

  function settle(plot) {
    const room = plot.getBoundingClientRect();
    if (!room.width) return;
    const marks = all(".mark", plot).map((mark) => {
      const name = mark.querySelector(".name");
      const { left, top, width, height } = mark.querySelector(".dot, .ring").getBoundingClientRect();
      const { width: wide, height: high } = name.getBBox();
      return { mark, name, x: left + width / 2, y: top + height / 2, wide, high };
    });
    const taken = marks.map(({ x, y }) => box(x, y, 2 * RADIUS, 2 * RADIUS));
    for (const level of all(".of-level", plot)) taken.push(level.getBoundingClientRect());
    const threads = all(".course", plot).flatMap((line) => along(line, room));
    // A dot of ours is named before a ring of a paper's.
    for (const { mark, name, x, y, wide, high } of [...marks].sort((a, b) => rank(a) - rank(b))) {
      const clear = (place, others) => {
        const found = box(...centre(x, y, wide, high, place), wide, high);
        const inside = found.left >= room.left - 40 && found.right <= room.right + 8 && found.bottom <= room.bottom;
        return inside && !others.some((other) => overlap(found, other));
      };
      const find = (places, others) => places.find((place) => clear(place, others));
      const strict = [...taken, ...threads];
      const near = find(NEAR, strict) ?? find(NEAR.slice(0, 4), taken);
      const place = near ?? find(FAR, strict) ?? find(FAR, taken);
      mark.classList.toggle("crowded", !place);
      if (!place) continue;
      const [cx, cy] = centre(x, y, wide, high, place);
      taken.push(box(cx, cy, wide + AIR, high));
      name.setAttribute("x", cx - x);
      name.setAttribute("y", cy - y + high * 0.32);
      const leader = mark.querySelector(".leader");
      leader.setAttribute("x2", near ? 0 : cx - x - Math.sign(cx - x) * (wide / 2 + AIR));
      leader.setAttribute("y2", near ? 0 : cy - y);
    }
  }

  const rank = ({ mark }) => Number(mark.classList.contains("paper"));
  const centre = (x, y, wide, high, [right, down]) => [
    x + right * (RADIUS + AIR) * (right && down && Math.abs(right) === 1 ? 0.5 : 1) + (Math.sign(right) * wide) / 2,
    y + down * (right ? high : RADIUS + AIR + high / 2) * (right && Math.abs(down) === 1 ? 0.8 : 1),
  ];
  const box = (x, y, w, h) => ({ left: x - w / 2, right: x + w / 2, top: y - h / 2, bottom: y + h / 2 });
  const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

  // A line's ends are percentages of the plot: small boxes along it.
  function along(line, { left, top, width, height }) {
    const [x1, y1, x2, y2] = ["x1", "y1", "x2", "y2"].map((end) => parseFloat(line.getAttribute(end)) / 100);
    const [a, b] = [left + x1 * width, top + y1 * height];
    const [c, d] = [left + x2 * width, top + y2 * height];
    const count = Math.ceil(Math.hypot(c - a, d - b) / 6) + 1;
    const at = (k) => box(a + ((c - a) * k) / count, b + ((d - b) * k) / count, 4, 4);
    return Array.from({ length: count + 1 }, (_, k) => at(k));
  }

  function later() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => !root.hidden && all("[data-pane]:not([hidden]) .scatter").forEach(settle));
  }

  // ---------------------------------------------------------------- one of them looked at

  function look({ target }) {
    const key = target.closest?.("[data-key]")?.dataset.key;
    const id = key ?? target.closest?.("[data-mark]")?.dataset.mark;
    for (const mark of all("[data-mark]")) mark.classList.toggle("looked", mark.dataset.mark === id);
  }

  root.addEventListener("pointerover", look);
  root.addEventListener("pointerleave", look);
  root.addEventListener("focusin", look);
  root.addEventListener("focusout", look);

  root.addEventListener("lineage:changed", reflect);
  root.addEventListener("lineage:added", reflect);
  root.addEventListener("lineage:shown", reflect);
  root.addEventListener("lineage:opened", later);
  new ResizeObserver(later).observe(root);
  // Another language has longer names.
  new MutationObserver(later).observe(root, { childList: true, characterData: true, subtree: true });
  reflect();
};
