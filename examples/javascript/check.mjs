// What `--check` does in every example: run test_data_set_0 of each graph, say how far the answers are away.

import { oneLine } from "./models.mjs";
import { readTensor } from "./tensors.mjs";
import { Trouble } from "../../onnx_models/recipes.js";

/** Outputs of this range are sampled bits: another rounding of a probability may turn one, so none is compared. */
const BINARY = "{0, 1}";

/** A StyleGAN's pictures are compared relative to their standard deviation, as where they were exported. */
const BY_DEVIATION = new Set(["synthesis/image", "refine/picture"]);

/** At least one measured run, at most so many, and no new one after so many milliseconds. */
const RUNS = 50;
const PATIENCE = 300;

/** Refuse the first file that is missing or not the one promised, before anything is reported. */
export async function verify(model) {
  for (const role of roles(model)) {
    await model.verified(role);
    await vectors(model, role);
  }
}

/** The graphs that have test vectors: those with inputs. */
export const roles = (model) => Object.keys(model.card.graphs).filter((role) => model.graph(role).inputs.length);

/**
 * Check one graph.
 *
 * @returns {Promise<object>}  a row of the report; what could not run has `error`, a sentence
 */
export async function checkGraph(model, role, { runtime, version, time = false }) {
  const { tolerance } = model.graph(role);
  const row = { model: model.card.id, graph: role, runtime, version, difference: null, tolerance };
  try {
    const { inputs, expected } = await vectors(model, role);
    const found = await (await model.session(role)).run(feeds(model.ort, inputs));
    row.difference = Math.max(...model.graph(role).outputs.map((output) => distance(role, output, found, expected)));
    row.milliseconds = time ? { 1: await fastest(model, role, inputs, 1), 64: await fastest(model, role, inputs, 64) } : null;
    row.error = null;
  } catch (error) {
    row.difference = row.milliseconds = null;
    row.error = withoutPaths(oneLine(error)).slice(0, 199) + ".";
  } finally {
    await model.close(role); // dozens of graphs would not fit the memory that WebAssembly may have
  }
  return row;
}

async function vectors(model, role) {
  const read = async (end, { name }, k) => {
    const file = `test_data_set_0/${role}/${end}_${k}.pb`;
    return [name, readTensor(await model.bytes(file), `${file} of ${model.name}`)];
  };
  const all = (end, list) => Promise.all(list.map((tensor, k) => read(end, tensor, k)));
  return {
    inputs: Object.fromEntries(await all("input", model.graph(role).inputs)),
    expected: Object.fromEntries(await all("output", model.graph(role).outputs)),
  };
}

function feeds(ort, tensors) {
  const out = {};
  for (const [name, { dtype, data, dims }] of Object.entries(tensors)) out[name] = new ort.Tensor(dtype, data, dims);
  return out;
}

/** The largest difference of an output, relative to its size; 0 for sampled bits. */
function distance(role, { name, range }, found, expected) {
  if (range === BINARY) return 0;
  const { data, dims } = found[name];
  const wanted = expected[name];
  if (dims.join() !== wanted.dims.join()) {
    throw new Trouble(`${name} has the shape [${dims}], its test vector [${wanted.dims}]`);
  }
  let apart = 0;
  let largest = 0;
  let mean = 0;
  let square = 0;
  for (let n = 0; n < data.length; n++) {
    const value = Number(wanted.data[n]);
    apart = Math.max(apart, Math.abs(Number(data[n]) - value)); // NaN stays NaN
    largest = Math.max(largest, Math.abs(value));
    mean += value / data.length;
    square += (value * value) / data.length;
  }
  if (!Number.isFinite(apart)) throw new Trouble(`${name} holds NaN or infinity`);
  const deviation = Math.sqrt(Math.max(square - mean * mean, 0));
  return apart / (BY_DEVIATION.has(`${role}/${name}`) ? Math.max(deviation, 1e-6) : Math.max(largest, 1));
}

/** The shortest run on `batch` rows, in milliseconds, after one to warm up. */
async function fastest(model, role, tensors, batch) {
  const session = await model.session(role);
  const repeated = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, repeat(tensor, batch)]));
  await session.run(feeds(model.ort, repeated));
  let best = Infinity;
  const start = performance.now();
  for (let run = 0; run < RUNS && (run === 0 || performance.now() - start < PATIENCE); run++) {
    const given = feeds(model.ort, repeated);
    const before = performance.now();
    await session.run(given);
    best = Math.min(best, performance.now() - before);
  }
  return best;
}

/** The rows of a tensor, over and over, until there are `batch`. */
function repeat({ dtype, data, dims: [rows, ...rest] }, batch) {
  const size = data.length / rows;
  const out = new data.constructor(batch * size);
  for (let row = 0; row < batch; row++) {
    const from = (row % rows) * size;
    out.set(data.subarray(from, from + size), row * size);
  }
  return { dtype, data: out, dims: [batch, ...rest] };
}

/** Folders of this machine are nobody's business. */
const withoutPaths = (text) => text.replace(/(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}/g, (path) => path.split(/[\\/]/).at(-1));
