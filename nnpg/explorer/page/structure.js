/** The rows in which a network is drawn, as in Lo & Ding's Fig. 1: the image, its blocks, its dense layers. @module */

/**
 * @typedef {object} Row
 * @property {string[]} outputs  that the row can show, in order
 * @property {boolean} isMaps  feature maps, or units in a line
 */

const STARTS = ["Conv", "Dense"];

/**
 * Divide the outputs into rows: each layer with weights begins one. Flatten goes with the dense layer that reads it.
 * @param {{name: string, layer: string}[]} layers
 * @param {Record<string, number[]>} shapes
 * @returns {Row[]}
 */
export function rowsOf(layers, shapes) {
  const isMaps = (/** @type {string} */ name) => shapes[name].length === 3;
  /** @type {Row[]} */
  const rows = [{ outputs: ["input"], isMaps: isMaps("input") }];
  for (const { name, layer } of layers) {
    const last = rows[rows.length - 1];
    const before = last.outputs[last.outputs.length - 1];
    const begun = last.outputs.some((output) => layers.some((other) => other.name === output && STARTS.includes(other.layer)));
    const begins = STARTS.includes(layer) && (begun || last.outputs.includes("input"));
    if (begins || isMaps(name) !== isMaps(before)) rows.push({ outputs: [name], isMaps: isMaps(name) });
    else last.outputs.push(name);
  }
  return rows;
}

/**
 * The output that a row shows: that of the unit, if it is one of the row's, or the last one; of the first row, the image.
 * @param {Row} row
 * @param {string} name
 * @returns {string}
 */
export function shownOf(row, name) {
  if (row.outputs.includes(name)) return name;
  return row.outputs[0] === "input" ? "input" : row.outputs[row.outputs.length - 1];
}

/**
 * The outputs of the convolutional blocks: the last one before the next layer with weights, as `nnpg.filter_layers`.
 * @param {{name: string, layer: string}[]} layers
 * @returns {string[]}
 */
export function blockOutputs(layers) {
  const outputs = [];
  for (let n = 0; n < layers.length; n++) {
    if (layers[n].layer !== "Conv") continue;
    let last = n;
    while (last + 1 < layers.length && !["Conv", "Dense", "Flatten"].includes(layers[last + 1].layer)) last++;
    outputs.push(layers[last].name);
  }
  return outputs;
}
