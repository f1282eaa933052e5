// Cooks every recipe of recipe.json, in Node and in a browser alike, and says how far it is from expected.json.

import { Kitchen } from "./recipes.js";

const BOUNDS = { steps: 8, samples: 1e5, times: 1e5, work: Infinity };
const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

/**
 * @param ort   what onnxruntime-node or onnxruntime-web gave
 * @param read  (file) => Promise<Uint8Array>, relative to this folder
 * @yields {name, picture, values: [{what, difference, tolerance}]}, a recipe after the other
 */
export async function* cook(ort, read) {
  const json = async (file) => JSON.parse(new TextDecoder().decode(await read(file)));
  const models = new Map();
  const open = (id) => models.get(id) ?? models.set(id, model(id)).get(id);

  async function model(id) {
    const card = await json(`models/${id}/model.json`);
    const sessions = new Map();
    const session = async (file) => ort.InferenceSession.create(await read(`models/${id}/${file}`));
    return {
      card,
      session(role, snapshot) {
        const moment = card.snapshots.find(({ images_seen }) => images_seen === snapshot);
        const { file } = moment ?? card.graphs[role];
        if (!sessions.has(file)) sessions.set(file, session(file));
        return sessions.get(file);
      },
    };
  }

  const kitchen = new Kitchen(ort, open, BOUNDS);
  const expected = await json("expected.json");
  for (const [name, recipe] of Object.entries(await json("recipe.json"))) {
    const { picture, numbers } = await kitchen.cook(recipe);
    const made = { ...numbers, ...(picture && { [recipe.picture]: picture }) };
    const values = Object.entries(expected[name]).map(([what, { data, tolerance }]) => {
      const wanted = floats(data);
      const difference = wanted.reduce((most, value, n) => Math.max(most, Math.abs(made[what].data[n] - value)), 0);
      return { what, difference, tolerance };
    });
    yield { name, picture, values };
  }
}

export const sentence = (name, { what, difference, tolerance }) =>
  `${name} ${what}: largest difference ${difference.toExponential(1)} (tolerance ${tolerance.toExponential(1)})`;
