// From a seed to the same noise as in every other language: Philox-4x32-10, uniforms, Box-Muller normals.
// onnx_models/SEEDS.md specifies this file number by number; onnx_models/seeds.json holds vectors to check it.

export const SEED_LIMIT = 2 ** 32;

/** What a number is drawn for: the second word of the key, so that purposes never share numbers. */
export const STREAM = {
  Z: 0,
  HIDDEN: 1,
  VISIBLE: 2,
  LABEL: 3,
  NOISE: 4,
  CORRUPTION: 5,
  CHOICE: 6,
  BINARY: 7,
};

/** The upper 32 bits of a product of two 32-bit integers, in halves: a double holds 53 bits, the product 64. */
function upper(a, b) {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const low = a1 * b0 + ((a0 * b0) >>> 16);
  const high = a0 * b1 + (low & 0xffff);
  return a1 * b1 + (low >>> 16) + (high >>> 16);
}

/** Ten rounds of Philox-4x32 (Salmon et al., SC 2011): four words of a counter of four and a key of two. */
export function philox([c0, c1, c2, c3], [k0, k1]) {
  for (let round = 0; round < 10; round++) {
    const high0 = upper(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = upper(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1 >>> 0, (high0 ^ c3 ^ k1) >>> 0, low0 >>> 0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * Raw words, `count` rows of `size`: row i is that of sample `first + i`, whatever `count` is.
 *
 * @param {number} seed  from 0 to 2^32 - 1
 * @param {{stream?: number, first?: number, step?: number, layer?: number}} at
 * @returns {Uint32Array} row-major
 */
export function words(seed, count, size, { stream = STREAM.Z, first = 0, step = 0, layer = 0 } = {}) {
  const out = new Uint32Array(count * size);
  for (let row = 0; row < count; row++) {
    for (let n = 0; n < size; n += 4) {
      const block = philox([n / 4, first + row, step, layer], [seed, stream]);
      for (let k = 0; k < 4 && n + k < size; k++) out[row * size + n + k] = block[k];
    }
  }
  return out;
}

/** Numbers in [0, 1): the upper 24 bits of each word, exact in float32. */
export const uniforms = (seed, count, size, at) =>
  Float32Array.from(words(seed, count, size, at), (word) => (word >>> 8) / 2 ** 24);

/** Normal numbers by Box-Muller in float64, rounded to float32 at the end: words in pairs, cosine then sine. */
export function normals(seed, count, size, at) {
  const even = size + (size % 2);
  const raw = words(seed, count, even, at);
  const out = new Float32Array(count * size);
  for (let row = 0; row < count; row++) {
    for (let n = 0; n < size; n += 2) {
      const radius = Math.sqrt(-2 * Math.log((raw[row * even + n] + 0.5) / 2 ** 32));
      const angle = 2 * Math.PI * ((raw[row * even + n + 1] + 0.5) / 2 ** 32);
      out[row * size + n] = radius * Math.cos(angle);
      if (n + 1 < size) out[row * size + n + 1] = radius * Math.sin(angle);
    }
  }
  return out;
}
