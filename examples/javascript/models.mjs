// A model is a folder: model.json says what its graphs take and give, and what each file's sha256 must be.
// The runtime (onnxruntime-node or onnxruntime-web) and the way files are read are passed in, so this is one
// file for both.

import { SEED_LIMIT, STREAM, normals } from "./seeds.mjs";
import { Trouble } from "./trouble.mjs";

export class Model {
  /**
   * @param ort      what `import * as ort from "onnxruntime-..."` gave
   * @param name     the folder's name, for sentences
   * @param card     the parsed model.json
   * @param read     (file) => Promise<Uint8Array>, relative to the folder; throws where there is none
   * @param options  of InferenceSession.create
   */
  constructor(ort, name, card, read, options) {
    Object.assign(this, { ort, name, card, read, options });
    this.sessions = new Map();
  }

  /** The graph's entry in model.json, or undefined. */
  graph(role) {
    return this.card.graphs[role];
  }

  /** The session of a graph, made at first use after its file's sha256 was found to be the one promised. */
  session(role) {
    if (!this.sessions.has(role)) this.sessions.set(role, this.#open(role));
    return this.sessions.get(role);
  }

  /** Give a session's memory back. */
  async close(role) {
    const session = this.sessions.get(role);
    this.sessions.delete(role);
    await session?.then((one) => one.release()).catch(() => {}); // one that never opened holds nothing
  }

  async #open(role) {
    const content = await this.verified(role);
    try {
      return await this.ort.InferenceSession.create(content, this.options);
    } catch (error) {
      const { file } = this.graph(role);
      throw new Trouble(`${file} of ${this.name} cannot be loaded by this runtime: ${oneLine(error)}.`);
    }
  }

  /** The graph's file, refused unless its sha256 is the one promised. */
  async verified(role) {
    const { file, sha256 } = this.graph(role);
    const content = await this.bytes(file);
    const found = hex(await crypto.subtle.digest("SHA-256", content));
    if (found === sha256) return content;
    throw new Trouble(
      `${file} of ${this.name} is not the file its model.json describes (sha256 expected ${sha256.slice(0, 12)}, ` +
        `found ${found.slice(0, 12)}); restore it or export the model again.`,
    );
  }

  /** A file of the folder. */
  async bytes(file) {
    try {
      return await this.read(file);
    } catch {
      throw new Trouble(`${file} of ${this.name} is missing or unreadable; restore it or export the model again.`);
    }
  }

  /**
   * Run a graph on named arrays; their shapes are those of model.json, with `batch` rows.
   *
   * @param {Record<string, ArrayLike<number | bigint>>} arrays
   * @returns {Promise<Record<string, {data: ArrayLike<number | bigint>, dims: number[]}>>}
   */
  async run(role, arrays, batch = 1) {
    const session = await this.session(role);
    const feeds = {};
    for (const { name, dtype, shape } of this.graph(role).inputs) {
      const dims = shape.map((size) => (typeof size === "string" ? batch : size));
      feeds[name] = new this.ort.Tensor(dtype, arrays[name], dims);
    }
    try {
      return await session.run(feeds);
    } catch (error) {
      throw new Trouble(`${role} of ${this.name} failed while it ran: ${oneLine(error)}.`);
    }
  }
}

/** Open the model that `read` reads from. */
export async function openModel(ort, name, read, options) {
  let content;
  try {
    content = await read("model.json");
  } catch {
    throw new Trouble(`There is no model ${name}: its model.json is missing or unreadable.`);
  }
  let card;
  try {
    card = JSON.parse(new TextDecoder().decode(content));
    if (typeof card.graphs !== "object" || card.graphs === null) throw new SyntaxError();
  } catch {
    throw new Trouble(`model.json of ${name} is not a model's description; restore it or export the model again.`);
  }
  return new Model(ort, name, card, read, options);
}

/** The seed as a number, or a sentence on what a seed is. */
export function checkSeed(text) {
  const seed = Number(text);
  if (!/^\d+$/.test(String(text).trim()) || seed >= SEED_LIMIT) {
    throw new Trouble(`A seed is a whole number from 0 to ${SEED_LIMIT - 1}, not ${text}.`);
  }
  return seed;
}

const numbers = ({ shape }) => shape.slice(1).reduce((product, size) => product * size, 1);
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The first line of what a runtime complains of, without its full stop. */
export const oneLine = (error) => String(error?.message ?? error).trim().split("\n")[0].replace(/\.$/, "");

/** Whether it is a StyleGAN in two graphs, so that psi can be chosen. */
export const isStyled = (model) => Boolean(model.graph("mapping") && model.graph("synthesis"));

/** Sample 0 of a seed's z and, for graphs that take one, the label; -1 is "any class". */
export function latent(graph, seed, label = -1) {
  const z = graph.inputs.find(({ name }) => name === "z");
  return { z: normals(seed, 1, numbers(z), { stream: STREAM.Z }), label: BigInt64Array.of(BigInt(label)) };
}

/** The styles ws of a seed; as psi goes to 0 they go to those of the average picture. */
export async function styles(model, { seed, psi = 0.7, label = -1 }) {
  const graph = model.graph("mapping");
  const rows = numbers(graph.inputs.find(({ name }) => name === "psi"));
  const { ws } = await model.run("mapping", { ...latent(graph, seed, label), psi: new Float32Array(rows).fill(psi) });
  return ws.data;
}

/** The inputs noise_K of a StyleGAN; 0 is the seed that the page and the graph `generate` use. */
export function grains(model, seed = 0) {
  const out = {};
  for (const input of model.graph("synthesis").inputs) {
    const layer = /^noise_(\d+)$/.exec(input.name)?.[1];
    if (layer !== undefined) {
      out[input.name] = normals(seed, 1, numbers(input), { stream: STREAM.NOISE, layer: Number(layer) });
    }
  }
  return out;
}

/**
 * The picture of a seed.
 *
 * @param {Model} model
 * @param {{seed: number, psi?: number, label?: number, noiseSeed?: number}} wish
 * @returns {Promise<{data: Float32Array, dims: number[]}>}  [1, channels, height, width] in [0, 1]
 */
export async function dream(model, { seed, psi = 0.7, label = -1, noiseSeed = 0 }) {
  if (model.card.seeds === "numpy.RandomState") {
    throw new Trouble(`${model.name} takes its makers' seeds, numpy.random.RandomState; use the Python example.`);
  }
  if (isStyled(model)) {
    const ws = await styles(model, { seed, psi, label });
    return (await model.run("synthesis", { ws, ...grains(model, noiseSeed) })).image;
  }
  const graph = model.graph("generate");
  if (!graph) throw new Trouble(`${model.name} makes no pictures from a seed; try dcgan.`);
  return (await model.run("generate", latent(graph, seed, label))).image;
}

/**
 * The bytes of a picture, pixel after pixel: one channel if it is grey, else red, green, blue.
 *
 * @returns {{width: number, height: number, channels: number, bytes: Uint8Array}}
 */
export function toBytes({ data, dims: [, channels, height, width] }) {
  const bytes = new Uint8Array(channels * height * width);
  const plane = height * width;
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let k = 0; k < channels; k++) {
      const value = Math.min(Math.max(data[k * plane + pixel], 0), 1);
      bytes[pixel * channels + k] = Math.floor(value * 255 + 0.5);
    }
  }
  return { width, height, channels, bytes };
}
