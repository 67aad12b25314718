/** Units and weights by name: "conv2:3,4,5" is a unit of the output conv2, "conv2.W:3,1,0,2" a weight of its layer. @module */

/** @typedef {{name: string, index: number[]}} Unit */
/** @typedef {{layer: string, p: string, index: number[]}} Weight */

/** @param {Unit} unit */
export function unitAddress(unit) {
  return `${unit.name}:${unit.index.join(",")}`;
}

/** @param {Weight} weight */
export function weightAddress(weight) {
  return `${weight.layer}.${weight.p}:${weight.index.join(",")}`;
}

/**
 * Read the name of a unit or of a weight; null where the network has none of this name.
 * @param {{shapes: Record<string, number[]>, parameters: Record<string, {shape: number[]}>}} model
 * @param {string} text
 * @returns {Unit | Weight | null}
 */
export function byAddress(model, text) {
  const at = text.lastIndexOf(":");
  const name = text.slice(0, at).trim();
  const words = text.slice(at + 1).split(",").map((word) => word.trim());
  if (at < 0 || !words.every((word) => /^\d{1,9}$/.test(word))) return null;
  const index = words.map(Number);
  const fits = (/** @type {number[]} */ shape) => shape.length === index.length && index.every((i, axis) => i < shape[axis]);
  if (Object.hasOwn(model.shapes, name)) return fits(model.shapes[name]) ? { name, index } : null;
  if (!Object.hasOwn(model.parameters, name) || !fits(model.parameters[name].shape)) return null;
  const dot = name.lastIndexOf(".");
  return { layer: name.slice(0, dot), p: name.slice(dot + 1), index };
}

/**
 * Position of an index in an array's numbers, row-major.
 * @param {number[]} shape
 * @param {number[]} index
 * @returns {number}
 */
export function offset(shape, index) {
  return index.reduce((at, i, axis) => at * shape[axis] + i, 0);
}

/**
 * Index of a position: the inverse of `offset`.
 * @param {number[]} shape
 * @param {number} at
 * @returns {number[]}
 */
export function indexAt(shape, at) {
  const index = shape.slice();
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    index[axis] = at % shape[axis];
    at = Math.floor(at / shape[axis]);
  }
  return index;
}

/**
 * A unit in words: "pool2, filter 3, row 4, column 5"; all count from 0, as in Python.
 * @param {Unit} unit
 * @returns {string}
 */
export function inWords(unit) {
  const axes = unit.index.length === 3 ? [unit.name === "input" ? "channel" : "map", "row", "column"] : unit.index.map(() => "unit");
  return [unit.name, ...unit.index.map((i, axis) => `${axes[axis]} ${i}`)].join(", ");
}
