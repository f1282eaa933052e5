// A drawing as the networks see it: what demo/engine/images.py and corruption.py make of one, for a sheet that this
// page drew itself. Pictures are Float32Array of 28 x 28 numbers, 1 being ink. What takes more, a photograph or a sheet
// inked all over, is the server's: nothing is made of it here.

import { SEED_LIMIT, STREAM, uniforms } from "./recipes.js";

const SIDE = 28;
const BOX = 20;
const MIDDLE = 14;
const FAINTEST_PEAK = 0.08;
const EVEN = 0.03;

/** The nearest whole number, of two the even one, as Python rounds. */
function nearest(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + Math.abs(low % 2) : Math.round(value);
}

/** What so great a part of the values lies below; numpy's linear quantile. */
function quantile(sorted, part) {
  const place = part * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}

/** The ink of the outermost pixels, the faintest first. */
function border(coverage, width, height) {
  const edge = [...coverage.subarray(0, width), ...coverage.subarray((height - 1) * width)];
  for (let row = 0; row < height; row++) edge.push(coverage[row * width], coverage[(row + 1) * width - 1]);
  return Float32Array.from(edge, (value) => value / 255).sort();
}

/** How much of each of `into` equal intervals the old ones fill: [new, old, share], where there is any. */
function overlaps(old, into) {
  const shares = [];
  for (let k = 0; k < into; k++) {
    const [low, high] = [(k * old) / into, ((k + 1) * old) / into];
    for (let n = Math.floor(low); n < Math.min(old, Math.ceil(high)); n++) {
      const share = Math.min(high, n + 1) - Math.max(low, n);
      if (share > 0) shares.push([k, n, (share * into) / old]);
    }
  }
  return shares;
}

/** The rows and columns from the first to the last that hold ink: [top, bottom, left, right], the ends left out. */
function boxOf(coverage, ink, width, height) {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (!ink[coverage[row * width + column]]) continue;
      if (top > row) top = row;
      if (left > column) left = column;
      if (right <= column) right = column + 1;
      bottom = row + 1;
    }
  }
  return [top, bottom, left, right];
}

/** The ink in a box averaged over areas: {data, height, width}. */
function resized(coverage, ink, across, [top, bottom, left, right], height, width) {
  const wide = right - left;
  const rows = new Float64Array(height * wide);
  for (const [to, from, share] of overlaps(bottom - top, height)) {
    const start = (top + from) * across + left;
    for (let n = 0; n < wide; n++) rows[to * wide + n] += share * ink[coverage[start + n]];
  }
  const data = new Float64Array(height * width);
  for (const [to, from, share] of overlaps(wide, width)) {
    for (let row = 0; row < height; row++) data[row * width + to] += share * rows[row * wide + from];
  }
  return { data, height, width };
}

/** Where the centre of mass along one axis wants the ink to begin. */
function corner({ data, height, width }, size, placeOf) {
  let [mass, moment] = [0, 0];
  for (let n = 0; n < height * width; n++) {
    mass += data[n];
    moment += data[n] * placeOf(n);
  }
  // A symmetrical drawing lies half way between two pixels, but for the rounding of its sum.
  const whole = nearest(Math.round(1e5 * (MIDDLE - moment / mass)) / 1e5);
  return Math.min(Math.max(whole, 0), SIDE - size);
}

/**
 * Cut the ink out of a sheet, fit it into the box and its centre of mass into the middle (`prepare_drawing`).
 *
 * @param coverage the opacity of each pixel of a clear sheet with strokes of one tone, 0 to 255
 * @returns a picture, or null where it is the server's to make
 */
export function prepare(coverage, width, height) {
  let [faintest, peak] = [1, 0];
  for (const value of coverage) {
    if (faintest > value / 255) faintest = value / 255;
    if (peak < value / 255) peak = value / 255;
  }
  if (faintest >= 0.5 || peak < FAINTEST_PEAK) return null;
  const edge = border(coverage, width, height);
  if (quantile(edge, 0.95) - quantile(edge, 0.05) > EVEN) return null;
  const grain = Math.min(1.5 * quantile(edge, 0.9), 0.5 * peak);
  const ink = Float32Array.from({ length: 256 }, (_, n) => Math.max((n / 255 - grain) / (1 - grain), 0)); // by opacity
  const box = boxOf(coverage, ink, width, height);
  const sides = [box[1] - box[0], box[3] - box[2]];
  const [high, wide] = sides.map((side) => Math.max(1, nearest((side * BOX) / Math.max(...sides))));
  const small = resized(coverage, ink, width, box, high, wide);
  const top = corner(small, high, (n) => Math.floor(n / wide));
  const left = corner(small, wide, (n) => n % wide);
  const most = small.data.reduce((a, b) => Math.max(a, b));
  const picture = new Float32Array(SIDE * SIDE);
  small.data.forEach((value, n) => {
    picture[(top + Math.floor(n / wide)) * SIDE + left + (n % wide)] = Math.min(value / most, 1);
  });
  return picture;
}

/**
 * A damaged copy of a picture (`corrupt`), or null where that cannot be.
 *
 * @param damage {damage, amount in percent, hidden, seed}, as the panel Draw's state has them
 */
export function corrupt(picture, { damage, amount, hidden, seed }) {
  if (!(Number.isInteger(seed) && seed >= 0 && seed < SEED_LIMIT)) return null;
  const damaged = picture.slice();
  if (damage === "none") return damaged;
  if (damage === "brush") {
    if (!hidden.includes("1")) return damaged;
    return hidden.length === damaged.length ? damaged.map((value, n) => (hidden[n] === "1" ? 0 : value)) : null;
  }
  if (!(amount >= 0 && amount <= 100)) return null;
  if (damage === "salt") {
    const drawn = uniforms(seed, 1, damaged.length, { stream: STREAM.CORRUPTION });
    const part = Math.fround(amount / 100);
    return damaged.map((value, n) => (drawn[n] < part ? 1 : value));
  }
  if (damage !== "half") return null;
  const kept = SIDE - nearest((amount / 100) * SIDE);
  return damaged.map((value, n) => (n % SIDE < kept ? value : 0));
}
