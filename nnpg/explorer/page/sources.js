/** The lines of nnpg that compute a number: the Python source of a layer's method, and its first line, the equation. @module */

/** @typedef {import("./model.js").Model} Model */

/**
 * The Python source of a method of an output's layer; "" for the image.
 * @param {Model} model
 * @param {string} name
 * @param {"forward" | "backward" | "gradients"} method
 * @returns {string}
 */
export function sourceOf(model, name, method) {
  const layer = model.net.layers.find((other) => other.name === name);
  return layer ? model.document.sources[layer.layer][method].text : "";
}

/**
 * The equation of a method, the first line of its docstring.
 * @param {Model} model
 * @param {string} name
 * @param {"forward" | "backward" | "gradients"} method
 * @returns {string}
 */
export function formulaOf(model, name, method) {
  const layer = model.net.layers.find((other) => other.name === name);
  return layer ? model.document.sources[layer.layer][method].equation : "";
}

/**
 * Where a method stands: "nnpg/layers/linear.py, line 99".
 * @param {Model} model
 * @param {string} name
 * @param {"forward" | "backward" | "gradients"} method
 * @returns {string}
 */
export function placeOf(model, name, method) {
  const source = model.document.sources[kindOf(model, name)];
  return source ? `${source.file}, line ${source[method].line}` : "";
}

/**
 * The address of a method's first line among the source pages of the site, "" where the page stands alone.
 * The site says in the page where its source pages are; there is none beside a page that is opened from a disk.
 * @param {Model} model
 * @param {string} name
 * @param {"forward" | "backward" | "gradients"} method
 * @returns {string}
 */
export function addressOf(model, name, method) {
  const folder = document.documentElement.dataset.sources, source = model.document.sources[kindOf(model, name)];
  return folder && source ? `${folder}${source.file.replace(/\.py$/, ".html")}#L-${source[method].line}` : "";
}

/**
 * The kind of an output's layer.
 * @param {Model} model
 * @param {string} name
 * @returns {string}
 */
export function kindOf(model, name) {
  return model.net.layers.find((layer) => layer.name === name)?.layer ?? "";
}
