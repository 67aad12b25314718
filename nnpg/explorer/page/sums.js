/** The two sums of a unit: what it is computed from, and what its delta comes from. Each term leads to its unit. @module */

import { terms } from "../engine.js";
import { unitAddress } from "./addresses.js";
import { byId, fill, h } from "./elements.js";
import { symbolOf } from "./model.js";
import { counted, digits } from "./numbers.js";
import { formulaOf } from "./sources.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("../engine.js").Term} Term */

const FEW = 4; // terms of a sum that are shown at first
const MANY = 40; // and after a click
const open = new Set();

/**
 * @param {View} view
 * @param {Store} store
 */
export function drawSums(view, store) {
  const { state, net, trace, deltas, options } = view;
  const found = terms(net, trace, deltas, state.unit.name, state.unit.index, options);
  drawForward(view, store, found);
  drawBackward(view, store, found);
}

/**
 * @param {View} view
 * @param {Store} store
 * @param {ReturnType<typeof terms>} found
 */
function drawForward(view, store, found) {
  const { model, state } = view;
  const { unit } = state;
  const title = h("h3", {}, h("span", {}, `Forward: where ${digits(found.value)} comes from`), formula(model, unit.name, "forward"));
  if (!found.inputs) return fill(byId("forward"), title, h("p", { class: "total" }, "This is a number of the image itself."));
  if (state.off.some(([name, f]) => name === unit.name && f === unit.index[0])) return fill(byId("forward"), title, h("p", { class: "total" }, "Knocked out: it is set to ", h("b", { "data-value": "forward-sum" }, digits(found.value)), ", whatever comes before it."));
  const { inputs, constant } = found;
  const isSum = constant !== null;
  const list = ordered(inputs.terms, isSum);
  const total = isSum
    ? [constant ? `${constantWord(model, unit.name)} ${digits(constant)}; ` : "", "sum ", h("b", { "data-value": "forward-sum" }, digits(inputs.total + constant))]
    : instead(model, unit.name, list, found.value);
  fill(byId("forward"), title, table(view, store, "forward", inputs.output, ["x", "dy/dx", isSum ? "product" : ""], list, isSum, total));
}

/**
 * @param {View} view
 * @param {Store} store
 * @param {ReturnType<typeof terms>} found
 */
function drawBackward(view, store, found) {
  const { model, state, quantity } = view;
  const { unit } = state;
  const L = symbolOf(state.of);
  if (found.derivative === null) return fill(byId("backward"), h("h3", {}, "Backward"), h("p", { class: "total" }, `${L} is read before this output: nothing flows back through it.`));
  const next = model.names[model.names.indexOf(unit.name) + 1];
  const title = h("h3", {}, h("span", {}, `Backward: where ${digits(found.derivative)} comes from`), formula(model, next, "backward"));
  if (unit.name === quantity.start || !found.readers) {
    const words = state.of === "prob" || state.of === "logit" ? `The seed enters here: 1 for ${model.classNames[state.c]}, 0 for every other class.` : `The seed enters here: ${L} of ${model.classNames[state.c]} is differentiated.`;
    return fill(byId("backward"), h("h3", {}, h("span", {}, "Backward: "), h("span", { class: "seed" }, `dL/dy = ${digits(found.derivative)}`)), h("p", { class: "total" }, words));
  }
  const { readers } = found;
  const total = ["sum ", h("b", { "data-value": "backward-sum" }, digits(readers.total))];
  fill(byId("backward"), title, table(view, store, "backward", readers.output, [`delta of y`, "dy/do", "product"], ordered(readers.terms, true), true, total));
}

/**
 * @param {import("./model.js").Model} model
 * @param {string | undefined} name
 * @param {"forward" | "backward"} method
 */
function formula(model, name, method) {
  const text = name ? formulaOf(model, name, method) : "";
  return text ? h("code", { title: `${name}: ${text}` }, text) : null;
}

/**
 * Terms with the largest product, or the largest slope, first.
 * @param {Term[]} list
 * @param {boolean} byProduct
 */
function ordered(list, byProduct) {
  const size = (/** @type {Term} */ term) => Math.abs(byProduct ? term.product : term.slope);
  return list.slice().sort((a, b) => size(b) - size(a) || a.at - b.at);
}

/**
 * @param {View} view
 * @param {Store} store
 * @param {string} which
 * @param {string} output
 * @param {string[]} header
 * @param {Term[]} list
 * @param {boolean} isSum
 * @param {import("./elements.js").Child[]} total
 */
function table(view, store, which, output, header, list, isSum, total) {
  const isOpen = open.has(which);
  const shown = list.slice(0, isOpen ? MANY : FEW);
  const rest = list.slice(shown.length);
  const follow = (/** @type {Term} */ term) => () => store.set({ unit: { name: output, index: term.index }, weight: null, nudge: 0 });
  const rows = shown.map((term, n) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("button", { type: "button", id: `${which}-${n}`, title: "Go to this number", onclick: follow(term) }, unitAddress({ name: output, index: term.index }))),
      h("td", {}, digits(term.value)),
      h("td", {}, digits(term.slope)),
      h("td", { class: isSum ? "product" : "" }, isSum ? digits(term.product) : ""),
    ),
  );
  const toggle = () => {
    if (isOpen) open.delete(which);
    else open.add(which);
    drawSums(view, store);
  };
  const more = list.length > FEW ? h("button", { type: "button", id: `${which}-more`, "aria-expanded": isOpen ? "true" : "false", onclick: toggle }, isOpen ? "fewer" : `… ${rest.length} more`) : null;
  const together = isSum && rest.length ? [isOpen ? `; ${rest.length} more not shown` : "", ", together ", h("span", { "data-value": `${which}-rest` }, digits(rest.reduce((sum, term) => sum + term.product, 0))), "; "] : more ? " " : "";
  const [first, second, third] = header;
  return [
    list.length
      ? h("div", { class: isOpen ? "terms open" : "terms", tabindex: isOpen ? 0 : null, role: isOpen ? "region" : null, "aria-label": isOpen ? `All terms ${which}` : null }, h("table", { id: `${which}-table` }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, counted(list.length, "term")), h("th", { scope: "col" }, first), h("th", { scope: "col" }, second), isSum ? h("th", { scope: "col" }, third) : h("td"))), h("tbody", {}, rows)))
      : null,
    h("p", { class: "total" }, more, together, total),
  ];
}

/**
 * @param {import("./model.js").Model} model
 * @param {string} name
 */
function constantWord(model, name) {
  const kind = model.net.layers.find((layer) => layer.name === name)?.layer;
  return kind === "Conv" || kind === "Dense" ? "bias" : "constant";
}

/**
 * What stands in place of a sum where a layer is no sum: its formula with the number put in.
 * @param {import("./model.js").Model} model
 * @param {string} name
 * @param {Term[]} list
 * @param {number} value
 */
function instead(model, name, list, value) {
  const kind = model.net.layers.find((layer) => layer.name === name)?.layer ?? "";
  const x = list.length ? digits(list[0].value) : "";
  const y = h("b", { "data-value": "forward-sum" }, digits(value));
  if (kind === "Tanh") return ["tanh(", x, ") = ", y];
  if (kind === "ReLU") return ["max(0, ", x, ") = ", y];
  if (kind === "Sigmoid") return ["1 / (1 + e^−(", x, ")) = ", y];
  if (kind === "MaxPool") return [`the largest of ${list.length} is `, y];
  if (kind === "Softmax") return [`e^x over the sum of all ${list.length} e^x = `, y];
  return ["by the formula above: ", y];
}
