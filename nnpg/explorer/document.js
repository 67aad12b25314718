// The document that nnpg/explorer/document.py writes into the page: read, and compared with the engine.

import { backward, forward, gradients, namesOf, seedOf } from "./engine.js";
import { LAYERS, sizeOf } from "./layers.js";

/** @typedef {import("./layers.js").Tensor} Tensor */
/** @typedef {import("./engine.js").Net} Net */
/** @typedef {import("./engine.js").Of} Of */
/** Values are those of the bytes in little-endian order: u1 / 255 in float32, i2 * scale, f4, or f8.
 * @typedef {{shape: number[], type: "u1" | "i2" | "f4" | "f8", scale?: number, data: string}} Packed */
/** @typedef {Omit<import("./layers.js").Layer, "arrays"> & {arrays: Record<string, Packed>}} PackedLayer */
/** @typedef {{equation: string, line: number, text: string}} Method */
/** @typedef {{file: string, forward: Method, backward: Method, gradients: Method}} Source */
/** What nnpg.minimal_distortion with effort rough found for an image; distortion and change are null where it found nothing.
 * @typedef {{target: number, outcome: string, distortion: number | null, change: Packed | null}} Found */
/** @typedef {{class: number, of: Of, values: number[][]}} Digest */
/**
 * @typedef {object} Document
 * @property {string} nnpg  version
 * @property {number[]} inputShape
 * @property {PackedLayer[]} layers
 * @property {string[]} classNames
 * @property {Packed} images  (N, ...inputShape)
 * @property {number[]} labels
 * @property {(Found | null)[]} found
 * @property {Record<string, Source>} sources  by class of layer
 * @property {Digest[]} digests
 */

export const AGREES = 1e-9; // largest relative difference from nnpg with which the page shows numbers

/** The document of its text; an error if the text is not the one that was written.
 * @param {string} text @param {number} crc32 @returns {Document} */
export function opened(text, crc32) {
  if (checksum(text) !== crc32) throw new Error("this file is damaged: its text is not the one that nnpg wrote");
  return JSON.parse(text);
}

/** CRC-32 of a text of ASCII characters, as zlib computes it. @param {string} text */
export function checksum(text) {
  const table = Int32Array.from({ length: 256 }, (_, n) => {
    for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n;
  });
  let crc = -1;
  for (let at = 0; at < text.length; at++) crc = table[(crc ^ text.charCodeAt(at)) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** @param {Packed} packed @returns {Tensor} */
export function unpacked({ shape, type, scale = 1, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  if (type === "u1") return { shape, data: Float64Array.from(bytes, (v) => Math.fround(v / 255)) };
  const View = { i2: Int16Array, f4: Float32Array, f8: Float64Array }[type];
  return { shape, data: Float64Array.from(new View(bytes.buffer), (v) => v * scale) };
}

/** @param {Document} document @returns {Net} */
export function netOf({ inputShape, layers }) {
  return {
    inputShape,
    layers: layers.map((layer) => {
      if (!LAYERS[layer.layer]) throw new Error(`this page does not know the layer ${layer.name}, a ${layer.layer}`);
      const arrays = Object.entries(layer.arrays).map(([p, array]) => [p, unpacked(array)]);
      return { ...layer, arrays: Object.fromEntries(arrays) };
    }),
  };
}

/** Every image as a tensor. @param {Document} document @returns {Tensor[]} */
export function imagesOf({ images, inputShape }) {
  const { data } = unpacked(images), size = sizeOf(inputShape);
  const image = (/** @type {number} */ n) => ({ shape: inputShape, data: data.slice(n * size, (n + 1) * size) });
  return Array.from({ length: images.shape[0] }, (_, n) => image(n));
}

/** Three sums that show any wrong entry of an array a, since no two entries have the same share in them:
 * sum_i (-1)^i (1/2 + {i phi}) a_i, sum_i (-1)^i (1/2 + {i sqrt 2}) a_i and (sum_i a_i^2)^(1/2), i from 1 in row-major
 * order, phi = (sqrt 5 - 1) / 2, {t} = t - floor(t).
 * @param {Tensor} a @returns {number[]} */
export function digestOf({ data }) {
  let first = 0, second = 0, squares = 0;
  data.forEach((v, n) => {
    const t = (n + 1) * 0.6180339887498949, u = (n + 1) * 1.4142135623730951, signed = n % 2 ? v : -v;
    first += (0.5 + (t - Math.floor(t))) * signed;
    second += (0.5 + (u - Math.floor(u))) * signed;
    squares += v * v;
  });
  return [first, second, Math.sqrt(squares)];
}

/** How far the engine is from nnpg: every output, delta and gradient of these images, by its digest, relative to its
 * size (sum_i a_i^2)^(1/2).
 * @param {Document} document @param {number[]} [numbers]  of images; all unless given
 * @returns {{difference: number, agrees: boolean, where: string, arrays: number}} */
export function selfCheck(document, numbers) {
  const net = netOf(document), images = imagesOf(document), names = namesOf(net);
  let difference = 0, where = "", arrays = 0;
  for (const n of numbers ?? images.keys()) {
    const { class: c, of, values } = document.digests[n];
    const trace = forward(net, images[n]), deltas = backward(net, trace, seedOf(net, trace, c, of));
    const sent = names.filter((name) => deltas[name]), found = Object.entries(gradients(net, trace, deltas));
    const words = [...names.map((o) => `output ${o}`), ...sent.map((o) => `delta ${o}`), ...found.map(([w]) => w)];
    const computed = [...names.map((o) => trace[o]), ...sent.map((o) => deltas[o]), ...found.map(([, g]) => g)];
    computed.forEach((array, m) => {
      const expected = values[m] ?? [NaN], size = expected[2];
      const apart = Math.max(...digestOf(array).map((v, s) => Math.abs(v - expected[s])));
      const relative = apart === 0 ? 0 : apart / size;
      arrays++;
      if (relative <= difference) return;
      difference = Number.isNaN(relative) ? Infinity : relative;
      where = `${words[m]}, image ${n}`;
    });
  }
  return { difference, agrees: difference <= AGREES && arrays > 0, where, arrays };
}
