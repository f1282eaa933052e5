// The recipes that a browser writes by itself, as onnx_models/cookbook.py writes them. `cards` are what the kitchen
// knows of each model (demo/kitchen/service.py).

export const cookbook = (cards) => {
  const step = (name, model, role, given) => {
    const { inputs } = cards[model].graphs[role];
    return { name, model, role, inputs: Object.fromEntries(inputs.map(({ name: input }) => [input, given(input)])) };
  };

  /** Pictures of z, rows of numbers. */
  const generate = (model, z, label) => ({
    recipe: 1,
    steps: [step("made", model, "generate", (input) => ({ z: { numbers: z }, label: { fill: label } })[input])],
    picture: "made.image",
  });

  /** The first pictures of a seed. */
  const sample = (model, seed, count, label) => {
    const recipe = generate(model, [], label);
    recipe.steps[0].inputs.z = { normals: { seed, sample: 0, count } };
    return recipe;
  };

  /** A StyleGAN's picture of a seed: psi on so many styles, 1 on those after; no noise where its seed is null. */
  const portrait = (model, { seed, psi, cutoff, label, noise }) => {
    const [, rows] = cards[model].graphs.mapping.inputs.find(({ name }) => name === "psi").shape;
    const whole = { fill: psi };
    const truncated = cutoff >= rows ? whole : { rows: [{ fill: 1 }, whole], take: [...Array(cutoff).keys()] };
    const grain = (input) =>
      noise === null
        ? { fill: 0 }
        : { normals: { seed: noise, stream: "NOISE", sample: 0, count: 1, layer: Number(input.split("_")[1]) } };
    const latents = { normals: { seed, sample: 0, count: 1 } };
    return {
      recipe: 1,
      steps: [
        step("style", model, "mapping", (input) => ({ z: latents, psi: truncated, label: { fill: label } })[input]),
        step("paint", model, "synthesis", (input) => (input === "ws" ? { of: "style.ws" } : grain(input))),
      ],
      picture: "paint.image",
    };
  };

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

  return { cards, step, generate, sample, portrait, reconstruct, classify };
};
