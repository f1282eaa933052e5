// Dream: its sheet with the scores, and the way to the other seed, under a moving hand; what else it shows is the
// server's (panel.py).

lineage.dishes.dream = ({ model, seed, count, other, way }, { cards, names, sample, judged, interpolate }) => {
  const STATIONS = 10;
  if (!cards[model]?.graphs.generate) return null;
  const made = sample(model, seed, count, -1);
  const scorer = ["criticise", "discriminate"].find((role) => role in cards[model].graphs);
  const at = Array.from({ length: STATIONS }, (_, k) => Math.fround(k / (STATIONS - 1)));
  return {
    made: scorer ? judged(made, model, scorer) : made,
    // The server lays the way out when the hand rests: until then it is nowhere.
    ...(names.has("way") && { way: interpolate(model, [seed, other], at, way !== "linear", -1) }),
  };
};
lineage.dishes.dream.stage = ({ model, count }) => [model, count];

lineage.dream = (tool, panel, root) => {
  "use strict";

  const made = {
    made(_, { "criticise.score": critic, "discriminate.score": discriminator = critic }) {
      for (const [k, cell] of root.querySelectorAll("[data-sheet=made] .cell").entries()) {
        const score = discriminator?.data[k];
        if (score === undefined) return;
        const [picture, note] = cell.children;
        lineage.name(picture, ["dream.made.alt.scored", { number: k + 1, score }], "aria-label");
        lineage.name(note.firstElementChild, [critic ? "figure.number" : "figure.probability", { value: score }]);
        if (!critic) note.style.setProperty("--score", Math.min(1, Math.max(0, score)).toFixed(3));
      }
    },
    way({ seed, other }) {
      const ends = root.querySelectorAll("[data-shows^='way '] > li > :last-child");
      for (const [end, at] of [[0, seed], [ends.length - 1, other]]) {
        lineage.name(ends[end], ["dream.station.seed", { seed: at }]);
      }
    },
  };

  root.addEventListener("lineage:made", ({ detail: { name, state, numbers } }) => made[name](state, numbers));
};
