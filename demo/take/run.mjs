// npm install onnxruntime-node

import { readFile } from "node:fs/promises";
import * as ort from "onnxruntime-node";

import { cook, sentence } from "./cook.mjs";

for await (const { name, values } of cook(ort, (file) => readFile(new URL(file, import.meta.url)))) {
  for (const value of values) {
    console.log(sentence(name, value));
    if (!(value.difference <= value.tolerance)) process.exitCode = 1;
  }
}
