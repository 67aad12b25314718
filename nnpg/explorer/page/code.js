/** The lines of nnpg that compute the unit and its delta, each below its equation. @module */

import { byId, fill, h } from "./elements.js";
import { addressOf, kindOf, placeOf, sourceOf } from "./sources.js";

/** @param {import("./model.js").View} view */
export function drawCode({ model, state, quantity }) {
  const { name } = state.unit;
  const next = model.names[model.names.indexOf(name) + 1];
  const isRead = next && name !== quantity.start && model.names.indexOf(name) < model.names.indexOf(quantity.start);
  const part = (/** @type {string} */ output, /** @type {"forward" | "backward"} */ method, /** @type {string} */ words) => {
    const source = sourceOf(model, output, method);
    const address = addressOf(model, output, method), place = h("code", {}, `${kindOf(model, output)}.${method}, ${placeOf(model, output, method)}`);
    return source ? [h("h3", {}, words, address ? h("a", { href: address }, place) : place), h("pre", { tabindex: 0, "aria-label": `${kindOf(model, output)}.${method}` }, dedented(source))] : null;
  };
  fill(
    byId("code-panel"),
    name === "input" ? h("p", {}, "The image is given: no layer computes it.") : part(name, "forward", "The number: "),
    isRead ? part(next, "backward", "Its delta: ") : h("p", {}, "The seed enters here, or before: no layer computes its delta."),
  );
}

/** @param {string} source */
function dedented(source) {
  const lines = source.replace(/\s+$/, "").split("\n");
  const indent = Math.min(...lines.filter((line) => line.trim()).map((line) => line.length - line.trimStart().length));
  return lines.map((line) => line.slice(indent)).join("\n");
}
