#!/usr/bin/env node
// Latent Lineage in Node: a seed becomes a picture, and every graph is checked against its test vectors.
// See README.md beside this file for the two commands.

import { webcrypto } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { checkGraph, roles, verify } from "../javascript/check.mjs";
import { checkSeed, dream, oneLine, openModel, toBytes } from "../javascript/models.mjs";
import { Trouble } from "../../onnx_models/recipes.js";
import { png } from "./png.mjs";

globalThis.crypto ??= webcrypto; // a global of its own from Node 20 on

const SHIPPED = fileURLToPath(new URL("../../onnx_models", import.meta.url));
const RUNTIME = "onnxruntime-node";
const USAGE = `Usage:
  node lineage.mjs --model DIR --seed N [--psi X] [--noise-seed N] [--label K] --out FILE.png
  node lineage.mjs --check [--model DIR | --models DIR] [--json] [--time]

  --model DIR     a folder with a model.json, such as onnx_models/dcgan
  --models DIR    all such folders in DIR (with --check; default: onnx_models)
  --seed N        0 to 4294967295; the same seed is the same picture in every language
  --psi X         0 (the average picture) to 1 (as drawn), for StyleGANs (default 0.7)
  --noise-seed N  of a StyleGAN's noise (default 0)
  --label K       a class, for networks that take one (default -1: any)
  --out FILE.png  where the picture goes
  --check         run test_data_set_0 of each graph, print how far the answers are away
  --json          a JSON object a graph
  --time          and milliseconds at batch 1 and 64, one thread
  --version       the runtime's version
`;

const OPTIONS = {
  model: { type: "string" },
  models: { type: "string" },
  seed: { type: "string" },
  psi: { type: "string", default: "0.7" },
  "noise-seed": { type: "string", default: "0" },
  label: { type: "string", default: "-1" },
  out: { type: "string" },
  check: { type: "boolean" },
  json: { type: "boolean" },
  time: { type: "boolean" },
  version: { type: "boolean" },
  help: { type: "boolean", short: "h" },
};

function readArguments() {
  // A value may begin with a minus: `--label -1` is `--label=-1`.
  const args = process.argv.slice(2).join("\0").replace(/(--[\w-]+)\0(?=-\d)/g, "$1=").split("\0").filter(Boolean);
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new Trouble(`${oneLine(error)}; see --help.`);
  }
}

/** The runtime, only where it is needed: --help works without it. */
async function runtime() {
  try {
    const { default: ort } = await import("onnxruntime-node");
    return ort;
  } catch {
    throw new Trouble(`${RUNTIME} is not installed: run ONNXRUNTIME_NODE_INSTALL=skip npm ci in examples/node.`);
  }
}

/** One thread, so that times can be compared with other runtimes' and small graphs do not wait for helpers. */
const SESSION = { executionProviders: ["cpu"], intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 };

const open = (ort, folder) =>
  openModel(ort, basename(resolve(folder)), (file) => readFile(join(folder, file)), SESSION);

async function picture(ort, options) {
  const missing = ["model", "seed", "out"].filter((name) => options[name] === undefined);
  if (missing.length) throw new Trouble(`--${missing[0]} is missing; see --help.`);
  const wish = {
    seed: checkSeed(options.seed),
    noiseSeed: checkSeed(options["noise-seed"]),
    psi: Number(options.psi),
    label: Number(options.label),
  };
  if (!(wish.psi >= 0 && wish.psi <= 1)) throw new Trouble(`psi is a number from 0 to 1, not ${options.psi}.`);
  if (!Number.isInteger(wish.label)) throw new Trouble(`A label is a whole number, not ${options.label}.`);
  const image = await dream(await open(ort, options.model), wish);
  try {
    await writeFile(options.out, png(toBytes(image)));
  } catch {
    throw new Trouble(`${options.out} cannot be written; choose a folder that exists.`);
  }
}

async function folders({ model, models = SHIPPED }) {
  if (model !== undefined) return [model];
  const names = await readdir(models).catch(() => []);
  const found = names.filter((name) => existsSync(join(models, name, "model.json"))).sort();
  if (found.length) return found.map((name) => join(models, name));
  throw new Trouble(`There are no models in ${models}: --models takes a folder of folders with a model.json.`);
}

/** @returns {Promise<boolean>} whether every graph is within its tolerance */
async function check(ort, options) {
  const models = [];
  for (const folder of await folders(options)) models.push(await open(ort, folder));
  for (const model of models) await verify(model);
  let sound = true;
  let largest = 0;
  const about = { runtime: RUNTIME, version: ort.env.versions.node, time: options.time };
  for (const model of models) {
    for (const role of roles(model)) {
      const row = await checkGraph(model, role, about);
      sound &&= row.error === null && row.difference <= row.tolerance;
      largest = Math.max(largest, row.difference ?? 0);
      console.log(options.json ? JSON.stringify(row) : sentence(row));
    }
  }
  if (!options.json) console.log(`largest difference ${largest.toExponential(1)}`);
  return sound;
}

function sentence({ model, graph, difference, tolerance, milliseconds, error }) {
  const name = `${model}/${graph}`.padEnd(40);
  if (error) return `${name} failed: ${error}`;
  const verdict = difference <= tolerance ? "ok" : "TOO FAR";
  const times = milliseconds ? `  ${milliseconds[1].toFixed(2)} ms, ${milliseconds[64].toFixed(1)} ms for 64` : "";
  return `${name} ${difference.toExponential(1)} of ${tolerance} ${verdict}${times}`;
}

try {
  const options = readArguments();
  if (options.help) {
    process.stdout.write(USAGE);
  } else {
    const ort = await runtime();
    if (options.version) console.log(`${RUNTIME} ${ort.env.versions.node}`);
    else if (options.check) process.exitCode = (await check(ort, options)) ? 0 : 1;
    else await picture(ort, options);
  }
} catch (error) {
  // A bug is no sentence for the visitor to act on, yet a stack trace helps them less.
  console.error(error instanceof Trouble ? error.message : `Something unforeseen went wrong: ${oneLine(error)}.`);
  process.exitCode = 2;
}
