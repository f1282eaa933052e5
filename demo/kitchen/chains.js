// Gibbs chains, state by state, as demo/engine/inference.py tells them (`gibbs_steps`): the first state is the start,
// and the picture of every other one is the mean that its units were drawn from.

const UNIFORMS = { hidden_noise: "HIDDEN", visible_noise: "VISIBLE", label_noise: "LABEL" };

/** A part for each chain, where all of them may have one in common. */
const each = ({ data, dims: [samples] }, count) =>
  samples === count ? data : Float32Array.from({ length: count * data.length }, (_, n) => data[n % data.length]);

export const chains = ({ cards, step }) => {
  const named = (tensors, name) => tensors.find((tensor) => tensor.name === name);
  const sizeOf = ({ shape }) => shape.slice(1).reduce((product, size) => product * size, 1);

  /** Whether the chain runs above other layers, its visible units not being the pixels. */
  const isStack = (model) => {
    const { graphs, image } = cards[model];
    return sizeOf(named(graphs.gibbs_step.inputs, "visible")) !== image.channels * image.height * image.width;
  };

  /** The layers that are passed on the way down to the pixels. */
  const passed = (model) =>
    isStack(model)
      ? cards[model].graphs.decode.outputs.map(({ name }) => name).filter((name) => name.startsWith("hidden_")).sort()
      : [];

  /** How many classes a chain can be held to, 0 where none. */
  const clamps = (model) => {
    const { inputs, outputs } = cards[model].graphs.gibbs_step;
    const labels = named(outputs, "label_mean");
    return named(inputs, "label") && labels ? sizeOf(labels) : 0;
  };

  /**
   * The recipe of `count` chains of so many steps from a picture, or from coins where it is null. A step tells the free
   * energy of the state it starts from, so the last state is run once more.
   */
  const chain = (model, start, { steps, seed, label = -1, count = 1 }) => {
    const stack = isStack(model);
    const picture = { numbers: [start] };
    const coins = { coins: { seed, stream: "BINARY", count } };
    const visible = !start ? coins : stack ? { of: "up.code" } : picture;
    const given = { visible, label: { fill: label } };
    const drawn = (input) => ({ uniforms: { seed, stream: UNIFORMS[input], count } });
    const gibbs = step("gibbs", model, "gibbs_step", (input) => given[input] ?? drawn(input));
    gibbs.repeat = { times: steps + 1, feed: { visible: "visible_sample" } };
    const units = ["visible", "hidden", "free_energy", ...(clamps(model) ? ["label_mean"] : [])];
    const numbers = units.map((name) => `gibbs.${name}`);
    if (!stack) return { recipe: 1, steps: [gibbs], numbers: [...numbers, "gibbs.visible_mean"] };
    const down = (name, code) => step(name, model, "decode", () => code);
    const layers = ["image", ...passed(model)].flatMap((name) => [`start.${name}`, `down.${name}`]);
    return {
      recipe: 1,
      steps: [
        ...(start ? [step("up", model, "encode", () => picture)] : []),
        down("start", visible),
        gibbs,
        down("down", { of: "gibbs.visible_mean" }),
      ],
      numbers: [...numbers, ...layers],
    };
  };

  /**
   * What reads the moments of such a film, which come in their order: of each {picture, layers: [{values, bits}, ...],
   * labels, energy}, arrays that have a part for each chain; no labels where there are none. Layers stand from the one
   * above the pixels to the top, bits where the chain draws them, means in between.
   */
  const states = (model) => {
    const stack = isStack(model);
    const [first, later] = stack ? ["start", "down"] : ["gibbs", "gibbs"];
    const image = (begun) => (stack ? "image" : begun ? "visible_mean" : "visible");
    let before = null;
    return ({ numbers }) => {
      const [chains] = numbers["gibbs.free_energy"].dims;
      const of = (name) => numbers[name] && each(numbers[name], chains);
      const shown = before ?? of;
      const from = before ? later : first;
      const state = {
        picture: shown(`${from}.${image(before)}`),
        layers: [
          ...passed(model).map((name) => ({ values: shown(`${from}.${name}`), bits: false })),
          ...(stack ? [{ values: of("gibbs.visible"), bits: true }] : []),
          { values: of("gibbs.hidden"), bits: true },
        ],
        labels: of("gibbs.label_mean"),
        energy: of("gibbs.free_energy"),
      };
      before = of;
      return state;
    };
  };

  return { chain, clamps, states };
};
