// onnxruntime-web as npm installs it, and models read by fetch: all from this page's own origin.

import { openModel } from "../javascript/models.mjs";
import { Trouble } from "../../onnx_models/recipes.js";

const DIST = new URL("./node_modules/onnxruntime-web/dist/", import.meta.url);
const MODELS = new URL("../../onnx_models/", import.meta.url);

/**
 * The WebAssembly runtime, on one thread: these pictures take it milliseconds, and on a busy machine helpers are
 * waited for longer than they help. Larger networks want more, which needs a cross-origin isolated page (serve.mjs).
 */
export async function loadRuntime() {
  let ort;
  try {
    ort = await import(new URL("ort.wasm.min.mjs", DIST).href);
  } catch {
    throw new Trouble("onnxruntime-web is not installed: run npm ci in examples/web, then load this page again.");
  }
  ort.env.logLevel = "fatal"; // what goes wrong is said on the page, in a sentence
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = DIST.href;
  return ort;
}

async function read(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Trouble(`${url} answers ${answer.status}.`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** The first of these models that is there; the last one where none is, so that it is the one that is missed. */
export async function firstThere(names) {
  for (const name of names.slice(0, -1)) {
    if ((await fetch(new URL(`${encodeURIComponent(name)}/model.json`, MODELS))).ok) return name;
  }
  return names.at(-1);
}

/** A model by the name of its folder. */
export function fetchModel(ort, name) {
  const folder = new URL(`${encodeURIComponent(name)}/`, MODELS); // a name is one folder, never a way out of it
  return openModel(ort, name, (file) => read(new URL(file, folder)), { executionProviders: ["wasm"] });
}
