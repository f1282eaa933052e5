// The wall: each frame holds a model, its wish (a seed, and psi for a StyleGAN) and the picture of that wish.

import { checkSeed, dream, isStyled, oneLine, toBytes } from "../javascript/models.mjs";
import { SEED_LIMIT, Trouble } from "../../onnx_models/recipes.js";
import { fetchModel, firstThere, loadRuntime } from "./runtime.mjs";

const address = new URLSearchParams(location.search);
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The largest whole multiple of the picture's own pixels that fits its plate: never blurred, never stretched. */
function fit(canvas) {
  const { clientWidth, clientHeight } = canvas.parentElement;
  const times = Math.floor(Math.min(clientWidth / canvas.width, clientHeight / canvas.height));
  canvas.style.width = `${Math.max(times, 1) * canvas.width}px`;
  canvas.style.height = `${Math.max(times, 1) * canvas.height}px`;
}

/** A grey picture is ink, as much as it is bright, on whatever paper lies behind. */
function paint(canvas, { width, height, channels, bytes }) {
  const [, ...ink] = /(\d+), (\d+), (\d+)/.exec(getComputedStyle(canvas).color).map(Number);
  const picture = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const here = bytes.subarray(pixel * channels, (pixel + 1) * channels);
    picture.data.set(channels === 1 ? [...ink, here[0]] : [...here, 255], 4 * pixel);
  }
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(picture, 0, 0);
  fit(canvas);
}

class Frame {
  constructor(figure) {
    const find = (name) => figure.querySelector(`.${name}`);
    this.figure = figure;
    this.canvas = figure.querySelector("canvas");
    this.seed = find("seed");
    this.psi = find("psi");
    this.find = find;
    this.busy = false;
    this.stale = false;

    find("controls").addEventListener("submit", (event) => event.preventDefault());
    find("another").addEventListener("click", () => {
      this.seed.value = Math.floor(Math.random() * SEED_LIMIT);
      this.show();
    });
    this.seed.addEventListener("input", () => this.show());
    this.psi?.addEventListener("input", () => {
      find("psi-value").value = this.psi.valueAsNumber.toFixed(2);
      this.show();
    });
    dark.addEventListener("change", () => this.picture && paint(this.canvas, this.picture));
    new ResizeObserver(() => fit(this.canvas)).observe(this.canvas.parentElement);
  }

  async open(ort) {
    const wished = address.get(this.figure.id);
    const model = await fetchModel(ort, wished ?? (await firstThere(this.figure.dataset.models.split(" "))));
    const { card } = model;
    const role = isStyled(model) ? "synthesis" : "generate";
    if (!model.graph(role)) throw new Trouble(`${model.name} makes no pictures from a seed.`);
    this.model = model;
    const image = model.graph(role).outputs.find(({ name }) => name === "image");
    const meaning = image.meaning.replace("red, green and blue of ", "");
    this.find("title").textContent = card.title.en;
    this.find("year").textContent = card.year;
    this.find("meaning").textContent = `${meaning[0].toUpperCase()}${meaning.slice(1)}.`;
    this.figure.style.setProperty("--era", card.colour);
    this.meaning = meaning;
    await this.show();
  }

  /** Paint what is wished now. While a picture is being made the last wish waits, and only the last one. */
  async show() {
    this.stale = true;
    if (this.busy || !this.model) return;
    this.busy = true;
    while (this.stale) {
      this.stale = false;
      try {
        await this.#make();
        this.say("");
      } catch (error) {
        this.say(sentence(error));
      }
      await new Promise(requestAnimationFrame); // the browser shows this one before the next is made
    }
    this.busy = false;
  }

  async #make() {
    const seed = checkSeed(this.seed.value);
    const psi = this.psi?.valueAsNumber ?? 1;
    const start = performance.now();
    const made = await dream(this.model, { seed, psi });
    const milliseconds = performance.now() - start;
    this.picture = toBytes(made);
    paint(this.canvas, this.picture);
    const truncated = this.psi ? `, psi ${psi.toFixed(2)}` : "";
    this.canvas.setAttribute("aria-label", `${this.meaning}: seed ${seed}${truncated}`);
    // Whoever waits for a picture (the tests do) waits for this.
    this.canvas.dataset.shows = `${seed}${this.psi ? ` ${psi}` : ""}`;
    if (this.shown) this.find("time").textContent = `${Number(milliseconds.toPrecision(2))} ms`;
    this.shown = true; // the first one took the loading of the graph as well
  }

  /** Say what is wrong, where the picture should be; beside the controls where one is already there. */
  say(trouble) {
    const line = this.find("trouble");
    const place = this.picture ? this.figure.querySelector("figcaption") : this.find("plate");
    if (line.parentElement !== place) place.append(line);
    line.textContent = trouble;
    this.find("time").hidden = Boolean(trouble);
    this.seed.setAttribute("aria-invalid", String(trouble.startsWith("A seed")));
  }
}

const sentence = (error) => (error instanceof Trouble ? error.message : `Something unforeseen went wrong: ${oneLine(error)}.`);

const frames = [...document.querySelectorAll("figure")].map((figure) => new Frame(figure));
try {
  const ort = await loadRuntime();
  for (const frame of frames) {
    // One broken model is its own frame's trouble, not its neighbour's.
    await frame.open(ort).catch((error) => frame.say(sentence(error)));
  }
} catch (error) {
  for (const frame of frames) frame.say(sentence(error));
}
document.documentElement.dataset.ready = "";
