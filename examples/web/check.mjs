// What check.py asks a real browser for. Everything answers with a value, or with `trouble`, a sentence.

import { checkGraph, roles, verify } from "../javascript/check.mjs";
import { dream, oneLine, toBytes } from "../javascript/models.mjs";
import { Trouble } from "../../onnx_models/recipes.js";
import { fetchModel, loadRuntime } from "./runtime.mjs";

const RUNTIME = "onnxruntime-web";
const models = new Map();
let ort;

const open = async (name) => {
  ort ??= await loadRuntime();
  if (!models.has(name)) models.set(name, await fetchModel(ort, name));
  return models.get(name);
};

const answers = {
  async verify(name) {
    await verify(await open(name));
    return roles(models.get(name));
  },
  async check(name, role, time) {
    return checkGraph(await open(name), role, { runtime: RUNTIME, version: ort.env.versions.web, time });
  },
  async picture(name, wish) {
    const { bytes, ...size } = toBytes(await dream(await open(name), wish));
    return { ...size, bytes: [...bytes] };
  },
};

window.lineage = async (question, ...details) => {
  try {
    return { answer: await answers[question](...details) };
  } catch (error) {
    return { trouble: error instanceof Trouble ? error.message : `Something unforeseen went wrong: ${oneLine(error)}.` };
  }
};
