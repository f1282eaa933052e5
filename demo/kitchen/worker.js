// The kitchen beside the page: cooks recipes (onnx_models/RECIPES.md) on onnxruntime-web, in a worker, so that the
// page goes on meanwhile. Nothing is fetched before it is needed, and no file is used unverified.
//
//   in   {id, begin: true}, to have the engine ready
//   out  {id}
//
//   in   {id, recipe}
//   out  {id, picture, numbers: {name: ...}, ms, engine}, each {data, dims}; {id, trouble: [message, values]};
//        or {loaded, total}, bytes on their way
//
// A film, what a recipe's repeated step gives each time, comes in pieces that are asked for one by one: who asks for
// no more leaves nothing behind.
//
//   in   {id, film: recipe}, then {id, more: true} for each other piece, or {id, left: true}
//   out  {id, moments: [{picture, numbers}, ...], done, ms, engine}
//
// `ms` is the time inside onnxruntime, `engine` who ran there last: "WebAssembly", or "WebGPU" (rival.js).

import * as ort from "./ort.mjs";
import { Kitchen, Trouble } from "./recipes.js";
import { ring } from "./rival.js";

const SHELF = "latent-lineage"; // of the browser's storage: files by their SHA-256
const MODELS = new URL("../models/", import.meta.url);
const here = (name) => new URL(name, import.meta.url);

/** A message of the page's words, with its values. */
class Said extends Error {
  constructor(...words) {
    super(words[0]);
    this.words = words;
  }
}

// -------------------------------------------------------------------------------------------------- fetching

const way = { loaded: 0, total: 0 };

async function read(url) {
  let answer;
  try {
    answer = await fetch(url);
  } catch {
    throw new Said("kitchen.unreachable");
  }
  if (!answer.ok) throw new Said("kitchen.missing", { file: url.pathname.split("/").at(-1) });
  return answer;
}

/** The bytes of a file, counted as they come; of how many, its host says where nobody else does. */
async function take(url, told) {
  const { body, headers } = await read(url);
  const bytes = told ?? Number(headers.get("content-length"));
  way.total += bytes;
  const parts = [];
  let taken = 0;
  try {
    for (const reader = body.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      taken += value.length;
      way.loaded += value.length;
      postMessage(way);
    }
  } catch {
    throw new Said("kitchen.unreachable");
  } finally {
    way.loaded -= taken;
    way.total -= bytes;
    postMessage(way);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function sha256(content) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A graph's file: kept from an earlier visit, or fetched; whichever, it is the one promised. */
async function file({ sha256: promised, bytes }) {
  const url = new URL(`${promised}.onnx`, MODELS);
  // A browser may have no storage for this page, or none left: then every visit fetches.
  const shelf = await globalThis.caches?.open(SHELF).catch(() => null);
  const kept = await shelf?.match(url).catch(() => null);
  if (kept) {
    const content = new Uint8Array(await kept.arrayBuffer());
    if ((await sha256(content)) === promised) return content;
    await shelf.delete(url).catch(() => {});
  }
  const content = await take(url, bytes);
  if ((await sha256(content)) !== promised) throw new Said("kitchen.other", { file: promised.slice(0, 12) });
  await shelf?.put(url, new Response(content)).catch(() => {});
  return content;
}

// --------------------------------------------------------------------------------------------------- cooking

/** What opens models, once; after a failure it is made again. */
let begun = null;
const begin = () => (begun ??= start().catch((error) => ((begun = null), Promise.reject(error))));

async function furnish({ env }, packed) {
  const unpacked = packed.pipeThrough(new DecompressionStream("gzip"));
  env.logLevel = "fatal"; // what goes wrong is said on the page, in a sentence
  env.wasm.numThreads = 1; // these pictures take milliseconds, and a worker of our own is beside the page
  env.wasm.wasmBinary = await new Response(unpacked).arrayBuffer();
}

const rivals = ring(async () => {
  const card = await import("./gpu.mjs");
  await furnish(card, (await read(here("gpu.wasm.gz"))).body); // nobody waits for it, and nobody is told
  return card;
});

async function open(graph) {
  const content = await file(graph);
  const session = await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
  return rivals.enter(session, content, graph.tolerance);
}

async function start() {
  if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") throw new Said("kitchen.old");
  const [cards] = await Promise.all([
    read(here("cards.json")).then((answer) => answer.json()),
    take(here("ort.wasm.gz")).then((packed) => furnish(ort, new Blob([packed]).stream())),
  ]);
  const sessions = new Map();
  const session = (graph) => {
    const { sha256: key } = graph;
    if (!sessions.has(key)) {
      const opened = open(graph);
      sessions.set(key, opened);
      opened.catch(() => sessions.delete(key));
    }
    return sessions.get(key);
  };
  return (id) => {
    const card = cards[id];
    if (!card) throw new Said("kitchen.nobody", { model: id });
    return { card, session: (role, seen) => session(seen === undefined ? card.graphs[role] : card.snapshots[seen]) };
  };
}

/** A kitchen, how long it has been inside onnxruntime, and whose. */
async function kitchen() {
  const menu = await begin();
  const clock = { ms: 0, engine: "" };
  const timed = (session) => ({
    async run(feeds) {
      const began = performance.now();
      const found = await session.run(feeds);
      clock.ms += performance.now() - began;
      clock.engine = session.engine;
      return found;
    },
  });
  const opened = (id) => {
    const { card, session } = menu(id);
    return { card, session: async (...graph) => timed(await session(...graph)) };
  };
  return { clock, cooks: new Kitchen(ort, opened) };
}

/** Copies, as a graph's outputs may be views of the engine's own memory, which cannot be given away. */
function dish({ picture, numbers }) {
  const given = ({ data, dims }) => ({ data: Float32Array.from(data), dims });
  const listed = Object.entries(numbers).map(([name, value]) => [name, given(value)]);
  return { picture: picture && given(picture), numbers: Object.fromEntries(listed) };
}

const buffers = ({ picture, numbers }) =>
  [picture, ...Object.values(numbers)].filter(Boolean).map(({ data }) => data.buffer);

async function ready({ id }) {
  await begin();
  postMessage({ id });
}

async function still({ id, recipe }) {
  const { clock, cooks } = await kitchen();
  const made = dish(await cooks.cook(recipe));
  postMessage({ id, ...made, ...clock }, buffers(made));
}

const PIECE = 100; // milliseconds that are worked before a piece is given and others have their turn
const films = new Map(); // by id: those that have begun and may go on

async function piece({ id, film }) {
  if (film) {
    const { clock, cooks } = await kitchen();
    films.set(id, { clock, frames: cooks.frames(film) });
  }
  const { clock, frames } = films.get(id);
  const moments = [];
  clock.ms = 0;
  let done = false;
  for (const end = performance.now() + PIECE; !done && performance.now() < end; ) {
    const next = await frames.next();
    done = next.done;
    if (!done) moments.push(dish(next.value));
  }
  if (done) films.delete(id);
  postMessage({ id, moments, done, ...clock }, moments.flatMap(buffers));
}

addEventListener("message", async ({ data: asked }) => {
  const { id } = asked;
  rivals.resting();
  if (asked.left) return void films.delete(id);
  try {
    await (asked.begin ? ready(asked) : asked.recipe ? still(asked) : piece(asked));
  } catch (error) {
    films.delete(id);
    const words = error.words ?? [error instanceof Trouble ? error.message : "kitchen.failed"];
    postMessage({ id, trouble: words });
  }
});
