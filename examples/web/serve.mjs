#!/usr/bin/env node
// Files, and nothing else: no inference happens here. `node serve.mjs [--port N] [--models DIR]`
//
// Any static server started at the root of the checkout does as well; this one adds the two headers that let
// a page use WebAssembly threads (COOP and COEP), and serves no more than the example needs.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const PAGE = "/examples/web/";
const COOK = "/onnx_models/recipes.js"; // of this checkout, wherever the models are
const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cache-Control": "no-cache",
};

function refuse(sentence) {
  console.error(sentence);
  process.exit(2);
}

let options;
try {
  options = parseArgs({
    options: {
      port: { type: "string", default: "8000" },
      models: { type: "string", default: here("../../onnx_models") },
    },
  }).values;
} catch (error) {
  refuse(`${error.message.split("\n")[0]}; it is node serve.mjs [--port N] [--models DIR].`);
}
const port = Number(options.port);
if (!Number.isInteger(port) || port < 0 || port > 65535) refuse(`A port is a number from 0 to 65535, not ${options.port}.`);

const ROOMS = {
  [PAGE]: here("./"),
  "/examples/javascript/": here("../javascript/"),
  "/onnx_models/": options.models,
};

/** The file that an address means, or null: an address never leaves its room. */
async function find(address) {
  const path = decodeURIComponent(new URL(address, "http://localhost").pathname);
  if (path === COOK) return { file: here("../..") + COOK, size: (await stat(here("../..") + COOK)).size };
  const room = Object.keys(ROOMS).find((prefix) => path.startsWith(prefix));
  if (!room) return null;
  const root = resolve(ROOMS[room]);
  const file = resolve(root, `./${path.slice(room.length) || "index.html"}`);
  const about = file.startsWith(root + sep) ? await stat(file).catch(() => null) : null;
  return about?.isFile() ? { file, size: about.size } : null;
}

const server = createServer(async (request, response) => {
  if (request.url === "/") {
    response.writeHead(302, { Location: PAGE }).end();
    return;
  }
  const found = await find(request.url).catch(() => null); // a malformed address is one that is not there
  if (!found) {
    response.writeHead(404, HEADERS).end();
    return;
  }
  const type = TYPES[extname(found.file)] ?? "application/octet-stream";
  response.writeHead(200, { ...HEADERS, "Content-Type": type, "Content-Length": found.size });
  if (request.method === "HEAD") response.end();
  else createReadStream(found.file).on("error", () => response.destroy()).pipe(response);
});

server.on("error", (error) =>
  refuse(error.code === "EADDRINUSE" ? `Port ${port} is taken; choose another with --port.` : `${error.message}.`),
);
// This machine's own visitors only.
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}${PAGE}`));
