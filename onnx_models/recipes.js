// A recipe becomes a picture, in a browser (onnxruntime-web) or in Node (onnxruntime-node): RECIPES.md is what this
// file follows, recipes.json what it is checked against, recipes.py the same in Python. SEEDS.md is its noise.
//
//   const kitchen = new Kitchen(ort, open);
//   const { picture } = await kitchen.cook(recipe);                     // {data: Float32Array, dims: [n, c, h, w]}
//   for await (const { picture } of kitchen.frames(recipe)) ...         // a Gibbs chain, run by run
//
// `open(id)` gives a model: {card, session(role, snapshot)}, the parsed model.json and a promise of an
// InferenceSession of that graph, or of what it was after so many training images. Who opens files verifies them.

/** Something a person can act on: its message is one sentence. */
export class Trouble extends Error {}

export const BOUNDS = { steps: 8, samples: 128, times: 301, work: 2 ** 25 };
export const SEED_LIMIT = 2 ** 32;
export const STREAM = { Z: 0, HIDDEN: 1, VISIBLE: 2, LABEL: 3, NOISE: 4, CORRUPTION: 5, CHOICE: 6, BINARY: 7 };
const PIECE = 2 ** 17; // pixels of pictures in one run of a graph

/** The upper 32 bits of a product of two 32-bit integers, in halves: a double holds 53 bits, the product 64. */
function upper(a, b) {
  const a0 = a & 0xffff, a1 = a >>> 16, b0 = b & 0xffff, b1 = b >>> 16; // prettier-ignore
  const low = a1 * b0 + ((a0 * b0) >>> 16);
  return a1 * b1 + (low >>> 16) + ((a0 * b1 + (low & 0xffff)) >>> 16);
}

/** Ten rounds of Philox-4x32 (Salmon et al., SC 2011): four words of a counter of four and a key of two. */
export function philox([c0, c1, c2, c3], [k0, k1]) {
  for (let round = 0; round < 10; round++) {
    const high0 = upper(0xd2511f53, c0), low0 = Math.imul(0xd2511f53, c0); // prettier-ignore
    const high1 = upper(0xcd9e8d57, c2), low1 = Math.imul(0xcd9e8d57, c2); // prettier-ignore
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1 >>> 0, (high0 ^ c3 ^ k1) >>> 0, low0 >>> 0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Raw words, `count` rows of `size`: row i is that of sample `first + i`, whatever `count` is. */
export function words(seed, count, size, { stream = STREAM.Z, first = 0, step = 0, layer = 0 } = {}) {
  const out = new Uint32Array(count * size);
  for (let row = 0; row < count; row++) {
    for (let n = 0; n < size; n += 4) {
      const block = philox([n / 4, first + row, step, layer], [seed, stream]);
      for (let k = 0; k < 4 && n + k < size; k++) out[row * size + n + k] = block[k];
    }
  }
  return out;
}

/** Numbers in [0, 1): the upper 24 bits of each word, exact in float32. */
export const uniforms = (seed, count, size, at) =>
  Float32Array.from(words(seed, count, size, at), (word) => (word >>> 8) / 2 ** 24);

/** Normal numbers by Box-Muller in float64, rounded to float32 at the end: words in pairs, cosine then sine. */
export function normals(seed, count, size, at) {
  const even = size + (size % 2);
  const raw = words(seed, count, even, at);
  return Float32Array.from({ length: count * size }, (_, n) => {
    const pair = Math.floor(n / size) * even + (n % size) - ((n % size) % 2);
    const radius = Math.sqrt(-2 * Math.log((raw[pair] + 0.5) / 2 ** 32));
    return radius * ((n % size) % 2 ? Math.sin : Math.cos)(2 * Math.PI * ((raw[pair + 1] + 0.5) / 2 ** 32));
  });
}

const fault = (where, wanted) => {
  throw new Trouble(`The recipe cannot be read at ${where}: ${wanted}.`);
};
const sizeOf = ({ shape }) => shape.slice(1).reduce((product, size) => product * size, 1);
const list = (value) => (Array.isArray(value) ? value : [value]);
const pixelsOf = ({ shape }) => (shape.length === 4 ? shape[2] * shape[3] : 1);

/** How many samples there are in common: one, or as many as the others. */
function common(counts, where) {
  const [several = 1, ...others] = new Set(counts.filter((count) => count !== 1));
  return others.length ? fault(where, "as many samples as elsewhere, or one, are wanted") : several;
}

/** `count` samples from `first` on; of one sample, that one again and again. Values are {data, count, size}. */
function some({ data, count: there, size }, first, count) {
  if (there === count && !first) return data;
  return there > 1 ? data.subarray(first * size, (first + count) * size) : joined(Array(count).fill(data));
}

/** Typed arrays one after another. */
function joined(parts) {
  if (parts.length === 1) return parts[0];
  const whole = new parts[0].constructor(parts.reduce((total, part) => total + part.length, 0));
  parts.reduce((end, part) => (whole.set(part, end), end + part.length), 0);
  return whole;
}

export class Kitchen {
  constructor(ort, open, bounds = BOUNDS) {
    Object.assign(this, { ort, open, bounds });
  }

  /** The picture of a recipe, and the numbers that it lists: {picture, numbers}, each {data, dims}. */
  async cook(recipe) {
    let last;
    for await (const frame of this.#cooking(recipe, false)) last = frame;
    return last;
  }

  /** The same after each run of the repeated step. */
  frames = (recipe) => this.#cooking(recipe, true);

  async *#cooking(recipe, every) {
    if (recipe?.recipe !== 1 || !Array.isArray(recipe.steps)) fault("its top", '"recipe": 1 and steps are wanted');
    this.#check("steps", recipe.steps.length);
    const pot = { values: new Map(), worked: 0 };
    const steps = [];
    for (const step of recipe.steps) steps.push(await this.#step(step));
    const turning = steps.findIndex(({ times, feed }) => times > 1 || Object.keys(feed).length);
    const at = turning < 0 ? steps.length - 1 : turning;
    for (const step of steps.slice(0, at)) await this.#run(step, 0, pot);
    for (let turn = 0; turn < steps[at].times; turn++) {
      await this.#run(steps[at], turn, pot);
      if (!every && turn + 1 < steps[at].times) continue;
      for (const step of steps.slice(at + 1)) await this.#run(step, 0, pot);
      const named = (name) => pot.values.get(name) ?? fault("picture or numbers", `${name} is nothing that a step gives`);
      const numbers = Object.fromEntries((recipe.numbers ?? []).map((name) => [name, named(name)]));
      const picture = recipe.picture && { ...named(recipe.picture) };
      if (picture && picture.dims.length !== 4) {
        const { channels, height, width } = steps.find(({ name }) => recipe.picture.startsWith(`${name}.`)).card.image;
        picture.dims = [picture.count, channels, height, width];
      }
      yield { picture, numbers };
    }
  }

  async #step({ name, model: id, role, snapshot, inputs, repeat: { times = 1, feed = {} } = {} }) {
    const model = await this.open(id);
    const graph = model.card.graphs[role] ?? fault(`step ${name}`, `${id} has no graph ${role}`);
    for (const input of graph.inputs) if (!inputs?.[input.name]) fault(`step ${name}`, `${input.name} is missing`);
    this.#check("times", times);
    return { name, card: model.card, graph, session: () => model.session(role, snapshot), inputs, times, feed };
  }

  async #run({ name, graph, session, inputs, feed }, turn, pot) {
    const given = new Map();
    for (const tensor of graph.inputs) {
      const spec = turn && tensor.name in feed ? { of: `${name}.${feed[tensor.name]}` } : inputs[tensor.name];
      given.set(tensor, this.#input(spec, tensor, turn, pot, `step ${name}, ${tensor.name}`));
    }
    const samples = common([...given.values()].map(({ count }) => count), `step ${name}`);
    const tensors = [...graph.inputs, ...graph.outputs];
    this.#work(samples, Math.max(...tensors.map(sizeOf)), pot);
    const each = Math.max(1, Math.floor(PIECE / Math.max(...tensors.map(pixelsOf))));
    const ready = await session();
    const made = Object.fromEntries(graph.outputs.map((output) => [output.name, []]));
    for (let first = 0; first < samples; first += each) {
      const count = Math.min(each, samples - first);
      const feeds = {};
      for (const [{ name: input, dtype, shape }, value] of given) {
        const data = some(value, first, count);
        const typed = dtype === "int64" ? BigInt64Array.from(data, (one) => BigInt(Number(one))) : Float32Array.from(data);
        feeds[input] = new this.ort.Tensor(dtype, typed, [count, ...shape.slice(1)]);
      }
      const found = await ready.run(feeds);
      for (const output in made) made[output].push(found[output].data);
    }
    const keep = (tensor, data) => {
      const value = { data, count: samples, size: sizeOf(tensor), dims: [samples, ...tensor.shape.slice(1)] };
      pot.values.set(`${name}.${tensor.name}`, value);
    };
    for (const [tensor, value] of given) keep(tensor, some(value, 0, samples));
    for (const tensor of graph.outputs) keep(tensor, joined(made[tensor.name]));
  }

  /** What an input's one form says: {data, count, size}. */
  #input(spec, tensor, turn, pot, where) {
    const size = sizeOf(tensor);
    if (spec.normals || spec.uniforms || spec.coins) return this.#drawn(spec, size, turn, pot, where);
    if (spec.makers) fault(where, "its makers' seeds are drawn by Python alone");
    if (spec.fill !== undefined || spec.numbers) {
      return this.#written(spec.numbers ?? list(spec.fill).map((one) => [one]), size, pot, where);
    }
    if (spec.of) {
      const value = pot.values.get(spec.of);
      if (value?.size !== size) fault(where, `${spec.of} is nothing of ${size} numbers that is there by then`);
      if (spec.sample === undefined) return value;
      return { data: value.data.subarray(spec.sample * size, (spec.sample + 1) * size), count: 1, size };
    }
    const inner = spec.sum ?? spec.blend ?? spec.rows ?? fault(where, "no form of an input is known there");
    const parts = inner.map((part) => this.#input(part, tensor, turn, pot, where));
    const weights = spec.weights ?? parts.map(() => 1);
    const beside = [spec.at ?? 0, ...weights].map((one) => list(one).length);
    const count = common([...parts.map((part) => part.count), ...beside], where);
    this.#work(count, size, pot);
    const width = size / (tensor.shape[1] ?? 1);
    const data = new Float32Array(count * size);
    for (let row = 0; row < count; row++) {
      const of = (value) => (list(value).length === 1 ? list(value)[0] : value[row]);
      const each = parts.map((part) => (part.count === 1 ? part.data : part.data.subarray(row * size, (row + 1) * size)));
      const shares = spec.sum ? weights.map(of) : spec.blend && ways[spec.way ?? "straight"](...each, of(spec.at));
      for (let n = 0; n < size; n++) {
        data[row * size + n] = shares
          ? each.reduce((total, part, k) => total + shares[k] * part[n], 0)
          : each[spec.take.includes(Math.floor(n / width)) ? 1 : 0][n];
      }
    }
    return { data, count, size };
  }

  #drawn(spec, size, turn, pot, where) {
    const place = spec.normals ?? spec.uniforms ?? spec.coins;
    const { stream = spec.normals && "Z", sample = 0, count = 1, step = 0, layer = 0 } = place;
    const seeds = list(place.seed);
    if (!seeds.every((seed) => Number.isInteger(seed) && seed >= 0 && seed < SEED_LIMIT)) {
      fault(where, `a seed is a whole number from 0 to ${SEED_LIMIT - 1}`);
    }
    if (!(stream in STREAM)) fault(where, `a stream is one of ${Object.keys(STREAM).join(", ")}`);
    this.#work(seeds.length * count, size, pot);
    const at = { stream: STREAM[stream], first: sample, step: step + turn, layer };
    const drawn = seeds.map((seed) => (spec.normals ? normals : uniforms)(seed, count, size, at));
    const data = joined(drawn);
    return { data: spec.coins ? data.map((one) => (one < 0.5 ? 1 : 0)) : data, count: seeds.length * count, size };
  }

  #written(rows, size, pot, where) {
    const fit = (row) => row.length && size % row.length === 0 && row.every(Number.isFinite);
    if (!rows.every(fit)) fault(where, `samples of as many numbers as divide ${size} are wanted`);
    this.#work(rows.length, size, pot);
    const whole = rows.map((row) => Float64Array.from({ length: size }, (_, n) => row[n % row.length]));
    return { data: joined(whole), count: rows.length, size };
  }

  #work(samples, size, pot) {
    this.#check("samples", samples);
    this.#check("work", (pot.worked += samples * size));
  }

  #check(what, asked) {
    const most = this.bounds[what];
    if (!(asked <= most)) throw new Trouble(`A recipe may ask for ${most} ${what} at most; this one asks for ${asked}.`);
  }
}

/** How much of each end there is, a fraction t of the way from a to b. */
export const ways = {
  straight: (a, b, t) => [1 - t, t],
  circle: (a, b, t) => {
    const dot = (p, q) => p.reduce((total, one, n) => total + one * q[n], 0);
    const lengths = Math.sqrt(dot(a, a) * dot(b, b));
    const angle = lengths > 0 ? Math.acos(Math.min(Math.max(dot(a, b) / lengths, -1), 1)) : 0;
    if (Math.sin(angle) < 1e-6) return [1 - t, t];
    return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  },
};
