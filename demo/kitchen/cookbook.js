// The recipes that a browser writes by itself, as onnx_models/cookbook.py writes them. `cards` are what the kitchen
// knows of each model (demo/kitchen/service.py).

export const cookbook = (cards) => {
  /** How many classes can be asked for, 0 where none can. */
  const classes = (model, role) => {
    const label = cards[model].graphs[role].inputs.find(({ name }) => name === "label");
    const [, last = 9] = label?.range.match(/^\{-1, \.\.\., (\d+)\}$/) ?? [];
    return label ? Number(last) + 1 : 0;
  };

  /** The size of a graph's input, but for its samples. */
  const sizeOf = (model, role, input) => cards[model].graphs[role].inputs.find(({ name }) => name === input).shape[1];

  const step = (name, model, role, given) => {
    const { inputs } = cards[model].graphs[role];
    return { name, model, role, inputs: Object.fromEntries(inputs.map(({ name: input }) => [input, given(input)])) };
  };

  /** Pictures of z, an input or rows of numbers; of an earlier generator where training images seen are given. */
  const generate = (model, z, label, snapshot) => {
    const source = Array.isArray(z) ? { numbers: z } : z;
    const made = step("made", model, "generate", (input) => ({ z: source, label: { fill: label } })[input]);
    return { recipe: 1, steps: [snapshot === undefined ? made : { ...made, snapshot }], picture: "made.image" };
  };

  /** The first pictures of a seed. */
  const sample = (model, seed, count, label, snapshot) =>
    generate(model, { normals: { seed, sample: 0, count } }, label, snapshot);

  /** Pictures at fractions of the way from the first z of one seed to that of another. */
  const interpolate = (model, seeds, at, spherical, label) => {
    const blend = seeds.map((seed) => ({ normals: { seed } }));
    return generate(model, { blend, at, way: spherical ? "circle" : "straight" }, label);
  };

  /** A recipe's pictures shown to a graph that takes them, no class asked: its outputs are numbers beside them. */
  const judged = (recipe, model, role) => ({
    ...recipe,
    steps: [
      ...recipe.steps,
      step(role, model, role, (input) => ({ image: { of: recipe.picture }, label: { fill: -1 } })[input]),
    ],
    numbers: cards[model].graphs[role].outputs.map(({ name }) => `${role}.${name}`),
  });

  /** A picture of each code. */
  const decode = (model, code) => ({
    recipe: 1,
    steps: [step("made", model, "decode", () => ({ numbers: code }))],
    picture: "made.image",
  });

  /** A picture rebuilt. */
  const reconstruct = (model, image) => ({
    recipe: 1,
    steps: [step("rebuilt", model, "reconstruct", () => ({ numbers: [image] }))],
    picture: "rebuilt.reconstruction",
    numbers: ["rebuilt.code"],
  });

  /** What a classifier makes of a picture. */
  const classify = (model, image) => ({
    recipe: 1,
    steps: [step("read", model, "classify", () => ({ numbers: [image] }))],
    numbers: ["read.class_logits"],
  });

  // ---------------------------------------------------------------- styles

  /** z of one seed, or the first z of each of several. */
  const latents = (seed) => ({ normals: Array.isArray(seed) ? { seed } : { seed, sample: 0, count: 1 } });

  /** The input psi: one for all samples or one each, on so many styles; 1 on those after. */
  const truncation = (model, psi, cutoff) => {
    const whole = { fill: psi };
    if (cutoff >= sizeOf(model, "mapping", "psi")) return whole;
    return { rows: [{ fill: 1 }, whole], take: [...Array(cutoff).keys()] };
  };

  /** The inputs noise_K of one sample: normals of a seed, zeros for null. */
  const noise = (model, seed) => {
    const names = cards[model].graphs.synthesis.inputs.map(({ name }) => name).filter((name) => name !== "ws");
    const of = { seed, stream: "NOISE", sample: 0, count: 1 };
    const grain = (name) =>
      seed === null ? { fill: 0 } : { normals: { ...of, layer: Number(name.replace("noise_", "")) } };
    return Object.fromEntries(names.map((name) => [name, grain(name)]));
  };

  /** Styles moved along directions, [direction, so many of its deviations] each. */
  const moved = (ws, along) => {
    if (!along.length) return ws;
    const pushes = along.map(([{ vector, layers }]) => ({ rows: [{ fill: 0 }, { numbers: [vector] }], take: layers }));
    const weights = along.map(([{ deviation }, strength]) => strength * deviation);
    return { sum: [ws, ...pushes], weights: [1, ...weights] };
  };

  /** The step that maps z to styles. */
  const style = (model, z, psi, label, name = "style") =>
    step(name, model, "mapping", (input) => ({ z, psi, label: { fill: label } })[input]);

  /** Paint styles, after the steps that make them. */
  const paint = (model, ws, grains, first) => ({
    recipe: 1,
    steps: [...first, step("paint", model, "synthesis", (input) => ({ ws, ...grains })[input])],
    picture: "paint.image",
  });

  /** Paint a seed, mixed with the rows that another seed's style lends, [seed, rows], then moved along directions. */
  const portrait = (model, seed, psi, grains, label, { mix = null, along = [] } = {}) => {
    const [other, take] = mix ?? [];
    const z = latents(mix ? [seed, other] : seed);
    const parents = [0, 1].map((parent) => ({ of: "style.ws", sample: parent }));
    const ws = mix ? { rows: parents, take } : { of: "style.ws" };
    return paint(model, moved(ws, along), grains, [style(model, z, psi, label)]);
  };

  return {
    ...{ cards, classes, sizeOf, step, generate, sample, interpolate, judged, decode, reconstruct, classify },
    ...{ latents, truncation, noise, moved, style, paint, portrait },
  };
};
