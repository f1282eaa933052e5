// A model is a folder: model.json says what its graphs take and give, and what each file's sha256 must be.
// The runtime (onnxruntime-node or onnxruntime-web) and the way files are read are passed in, so this is one
// file for both.

import { Kitchen, SEED_LIMIT, Trouble } from "../../onnx_models/recipes.js";

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

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The first line of what a runtime complains of, without its full stop. */
export const oneLine = (error) => String(error?.message ?? error).trim().split("\n")[0].replace(/\.$/, "");

/** Whether it is a StyleGAN in two graphs, so that psi can be chosen. */
export const isStyled = (model) => Boolean(model.graph("mapping") && model.graph("synthesis"));

/**
 * The recipe of a seed's picture (onnx_models/RECIPES.md); 0 is the noise that the page and the graph `generate` use.
 *
 * @param {{seed: number, psi?: number, label?: number, noiseSeed?: number}} wish
 */
export function recipeOf({ name: model, card: { graphs } }, { seed, psi = 0.7, label = -1, noiseSeed = 0 }) {
  const step = (name, role, wanted) => {
    const inputs = Object.fromEntries(graphs[role].inputs.map(({ name: input }) => [input, wanted(input)]));
    return { name, model, role, inputs };
  };
  const latent = (input) => ({ z: { normals: { seed } }, label: { fill: label }, psi: { fill: psi } })[input];
  if (!graphs.mapping) return { recipe: 1, steps: [step("made", "generate", latent)], picture: "made.image" };
  const grain = (input) => ({ normals: { seed: noiseSeed, stream: "NOISE", layer: Number(input.split("_")[1]) } });
  const style = step("style", "mapping", latent);
  const paint = step("paint", "synthesis", (input) => (input === "ws" ? { of: "style.ws" } : grain(input)));
  return { recipe: 1, steps: [style, paint], picture: "paint.image" };
}

/**
 * The picture of a seed, by its recipe.
 *
 * @returns {Promise<{data: Float32Array, dims: number[]}>}  [1, channels, height, width] in [0, 1]
 */
export async function dream(model, wish) {
  if (model.card.seeds === "numpy.RandomState") {
    throw new Trouble(`${model.name} takes its makers' seeds, numpy.random.RandomState; use the Python example.`);
  }
  if (!isStyled(model) && !model.graph("generate")) {
    throw new Trouble(`${model.name} makes no pictures from a seed; try dcgan.`);
  }
  try {
    return (await new Kitchen(model.ort, () => model).cook(recipeOf(model, wish))).picture;
  } catch (error) {
    if (error instanceof Trouble) throw error;
    throw new Trouble(`${model.name} failed while it ran: ${oneLine(error)}.`);
  }
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
