// Ask a running page for a picture: npm install, then
//
//     node sample.mjs --model gan --seed 7 --out digit.png
import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

/** The PNG that `model` makes of `seed`, as a Buffer. */
async function sample(page, model, seed) {
  const { Client } = await import("@gradio/client").catch(() => {
    throw new Error("@gradio/client is not installed: run 'npm install' in this folder.");
  });
  const client = await Client.connect(page, { events: ["data"] }).catch(() => {
    throw new Error(`No page answers at ${page}: start one with 'python -m demo'.`);
  });
  const { data } = await client.predict("/sample", { models: [model], label: -1, seed, count: 1 });
  const answer = data[0].samples[0];
  if (answer.error) throw new Error(answer.error.sentence);
  return Buffer.from(answer.images[0].split(",")[1], "base64");
}

// The client keeps a stream open, and complains in the console when it is closed: the process ends with its answer.
try {
  const { values } = parseArgs({
    options: {
      page: { type: "string", default: "http://127.0.0.1:7860" },
      model: { type: "string" },
      seed: { type: "string", default: "7" },
      out: { type: "string" },
    },
  });
  if (!values.model || !values.out) throw new Error("Say which model and where to: --model ID --out FILE.png.");
  await writeFile(values.out, await sample(values.page, values.model, Number(values.seed)));
  console.log(values.out);
  process.exit(0);
} catch (fault) {
  // The page's refusals are sentences already; of parseArgs' the first line is one.
  console.error((fault.message ?? String(fault)).split("\n")[0]);
  process.exit(2);
}
