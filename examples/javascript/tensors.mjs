// Reads the test vectors: each file is a serialised TensorProto, of which a few fields are enough.
// The wire format is protobuf's: a varint key (field number, kind of value) before each value.

import { Trouble } from "../../onnx_models/recipes.js";

const DTYPES = {
  1: ["float32", Float32Array],
  6: ["int32", Int32Array],
  7: ["int64", BigInt64Array],
  11: ["float64", Float64Array],
};

/**
 * @param {Uint8Array} bytes
 * @returns {{name: string, dtype: string, dims: number[], data: ArrayLike<number|bigint>}}
 */
export function readTensor(bytes, file = "the tensor") {
  let at = 0;
  const broken = () => new Trouble(`${file} is not a whole TensorProto; restore it or export the model again.`);

  function varint() {
    // The numbers that matter here (sizes, kinds) are far below 2^53, so doubles hold them.
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length || scale > 2 ** 63) throw broken();
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  function chunk(length) {
    if (at + length > bytes.length) throw broken();
    at += length;
    return bytes.subarray(at - length, at);
  }

  const dims = [];
  let type = 0;
  let name = "";
  let raw = new Uint8Array();
  while (at < bytes.length) {
    const key = varint();
    const field = Math.floor(key / 8);
    const kind = key % 8;
    if (kind === 0) {
      const value = varint();
      if (field === 1) dims.push(value);
      if (field === 2) type = value;
    } else if (kind === 2) {
      const length = varint();
      const end = at + length;
      if (field === 1) {
        while (at < end) dims.push(varint());
      } else {
        const content = chunk(length);
        if (field === 8) name = new TextDecoder().decode(content);
        if (field === 9) raw = content;
      }
    } else if (kind === 1 || kind === 5) {
      chunk(kind === 1 ? 8 : 4);
    } else throw broken();
  }
  if (!(type in DTYPES)) throw broken();
  const [dtype, Typed] = DTYPES[type];
  const size = dims.reduce((product, dim) => product * dim, 1);
  if (raw.length !== size * Typed.BYTES_PER_ELEMENT) throw broken();
  // A copy: typed arrays must begin at a multiple of their element's size, fields of a file need not.
  return { name, dtype, dims, data: new Typed(new Uint8Array(raw).buffer) };
}
