/** One weight: its filter, and its gradient as the sum over the places where it is used, delta times input. @module */

import { weightTerms } from "../engine.js";
import { indexAt, offset, unitAddress, weightAddress } from "./addresses.js";
import { byId, fill, h, moved, set } from "./elements.js";
import { gradientsOf, symbolOf } from "./model.js";
import { counted, digits } from "./numbers.js";
import { paintLarge } from "./paint.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./addresses.js").Weight} Weight */

const FEW = 3; // terms that are shown

/**
 * The weight that is shown: the chosen one, or of the unit's filter the one with the largest gradient.
 * @param {View} view
 * @returns {Weight | null}
 */
export function weightOf(view) {
  const { model, state } = view;
  if (state.weight) return state.weight;
  const at = model.names.indexOf(state.unit.name);
  const weighted = (/** @type {string} */ name) => `${name}.W` in model.parameters;
  const layer = model.names.slice(0, at + 1).reverse().find(weighted) ?? model.names.find(weighted);
  if (!layer) return null;
  const { shape, data } = gradientsOf(view)[`${layer}.W`] ?? model.parameters[`${layer}.W`];
  const f = model.names.indexOf(layer) <= at && state.unit.index[0] < shape[0] && model.shapes[layer].length === state.unit.index.length ? state.unit.index[0] : 0;
  const size = data.length / shape[0];
  let best = f * size;
  for (let n = best; n < (f + 1) * size; n++) if (Math.abs(data[n]) > Math.abs(data[best])) best = n;
  return { layer, p: "W", index: indexAt(shape, best) };
}

/**
 * @param {View} view
 * @param {Store} store
 */
export function drawWeight(view, store) {
  const { model, state, net, trace, deltas, options } = view;
  const weight = weightOf(view);
  const panel = byId("weight-panel");
  if (!weight) return fill(panel, h("p", {}, "This network has no weights."));
  const name = `${weight.layer}.${weight.p}`;
  const { value, derivative, readers } = weightTerms(net, trace, deltas, name, weight.index, options);
  const L = symbolOf(state.of);
  const choose = (/** @type {number[]} */ index) => store.set({ weight: { ...weight, index } });
  const parameter = net.layers.find((layer) => layer.name === weight.layer)?.arrays[weight.p] ?? model.parameters[name];
  const words = h(
    "p",
    { class: "head" },
    h("b", { id: "weight-name" }, weightAddress(weight)), " = ", h("span", { id: "w" }, digits(value)), ", ",
    derivative === null ? "no gradient: the seed enters before it" : [h("span", { class: "gradient" }, `d${L}/dw`), " = ", h("b", { id: "gradient" }, digits(derivative)), ` = sum of ${counted(readers?.terms.length ?? 0, "product")} delta × input`],
  );
  fill(panel, h("div", { class: "filter" }, filterOf(parameter, weight, choose)), h("div", {}, words, readers ? products(view, store, readers) : null));
}

/**
 * The filter as a picture, in which a click or the arrow keys choose a weight.
 * @param {import("./model.js").Tensor} parameter
 * @param {Weight} weight
 * @param {(index: number[]) => void} choose
 */
function filterOf(parameter, weight, choose) {
  const { shape, data } = parameter;
  const isKernel = shape.length === 4;
  const count = isKernel ? shape[2] * shape[3] : shape[shape.length - 1];
  const columns = isKernel ? shape[3] : Math.min(count, 20);
  const at = offset(shape, weight.index) % count;
  const first = offset(shape, weight.index) - at;
  const canvas = document.createElement("canvas");
  paintLarge(canvas, { rows: Math.ceil(count / columns), columns, values: data.subarray(first, first + count) }, { signed: true, at, width: 104, height: 104 });
  const go = (/** @type {number} */ to) => choose(indexAt(shape, first + to));
  const button = h("button", { type: "button", class: "map", id: "filter", "aria-label": `Weights of ${weight.layer}.${weight.p}, place ${at} of ${count}; arrow keys move` }, canvas);
  button.addEventListener("click", (event) => {
    if (!event.detail) return;
    const box = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * Math.ceil(count / columns));
    go(Math.min(count - 1, row * columns + Math.floor(((event.clientX - box.left) / box.width) * columns)));
  });
  button.addEventListener("keydown", (event) => {
    const to = moved(event, at, count, columns);
    if (to !== null && to !== at) go(to);
  });
  const axes = shape.length === 4 ? ["filter", "channel"] : shape.length === 2 ? ["unit"] : [];
  const selects = axes.map((axis, n) => {
    const select = h("select", { id: `weight-${axis}` }, Array.from({ length: shape[n] }, (_, i) => h("option", { value: i, selected: i === weight.index[n] }, i)));
    select.addEventListener("change", () => choose(weight.index.map((i, m) => (m === n ? Number(/** @type {HTMLSelectElement} */ (select).value) : i))));
    return h("label", {}, axis, " ", select);
  });
  set(button, { title: isKernel ? "One channel of the filter: click a weight" : "The weights of one unit: click one" });
  return [button, h("div", { class: "selects" }, selects)];
}

/**
 * @param {View} view
 * @param {Store} store
 * @param {import("../engine.js").Terms} readers
 */
function products({ state }, store, readers) {
  const list = readers.terms.slice().sort((a, b) => Math.abs(b.product) - Math.abs(a.product) || a.at - b.at);
  const rows = list.slice(0, FEW).map((term, n) =>
    h("tr", {}, h("th", { scope: "row" }, h("button", { type: "button", id: `place-${n}`, title: "Go to this number", onclick: () => store.set({ unit: { name: readers.output, index: term.index } }) }, unitAddress({ name: readers.output, index: term.index }))), h("td", {}, digits(term.value)), h("td", {}, digits(term.slope)), h("td", { class: "product" }, digits(term.product))),
  );
  const rest = list.slice(FEW);
  return [
    h("table", { id: "weight-table" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "at"), h("th", { scope: "col", class: "delta" }, "delta"), h("th", { scope: "col", class: "gradient" }, "input"), h("th", { scope: "col" }, "product"))), h("tbody", {}, rows)),
    h("p", { class: "total" }, rest.length ? [`${rest.length} more, together `, h("span", {}, digits(rest.reduce((sum, term) => sum + term.product, 0))), "; "] : "", "sum ", h("b", { "data-value": "weight-sum" }, digits(readers.total))),
  ];
}
