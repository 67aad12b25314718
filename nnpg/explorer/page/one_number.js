/** The panel "One number": which it is, and its map beside the map of its deltas. @module */

import { byAddress, indexAt, inWords, offset, unitAddress, weightAddress } from "./addresses.js";
import { byId, fill, h, moved, set } from "./elements.js";
import { symbolOf } from "./model.js";
import { digits } from "./numbers.js";
import { paintLarge, plane, range } from "./paint.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */

const SIDE = 124; // of a map, in pixels

/**
 * @param {import("./model.js").Model} model
 * @param {Store} store
 */
export function makeOneNumber(model, store) {
  byId("maps").append(mapButton("output-map", "Outputs"), h("div", { id: "output-words" }), mapButton("delta-map", "Deltas"), h("div", { id: "delta-words" }));
  for (const id of ["output-map", "delta-map"]) {
    const button = byId(id);
    const choose = (/** @type {number} */ at) => {
      const { unit } = store.state;
      const shape = model.shapes[unit.name];
      const index = shape.length === 3 ? [unit.index[0], ...indexAt(shape.slice(1), at)] : [at];
      store.set({ unit: { name: unit.name, index }, weight: null, nudge: 0 });
    };
    const size = () => {
      const shape = model.shapes[store.state.unit.name];
      return shape.length === 3 ? { rows: shape[1], columns: shape[2], count: shape[1] * shape[2] } : { ...plane({ shape, data: new Float64Array(shape[0]) }, 0), count: shape[0] };
    };
    button.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      if (!event.detail) return;
      const box = button.firstChild.getBoundingClientRect();
      const { rows, columns, count } = size();
      const row = Math.floor(((event.clientY - box.top) / box.height) * rows);
      const at = row * columns + Math.floor(((event.clientX - box.left) / box.width) * columns);
      if (at >= 0 && at < count) choose(at);
    });
    button.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const { columns, count } = size();
      const { at } = placeOfUnit({ model, state: store.state });
      const to = moved(event, at, count, columns);
      if (to !== null && to !== at) choose(to);
    });
  }
  byId("address-form").addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = byId("address").value;
    const found = byAddress(model, text);
    fill(byId("problem"), found ? "" : problemWith(model, text));
    if (!found) return;
    if ("name" in found) store.set({ unit: found, weight: null, nudge: 0 });
    else store.set({ weight: found, tab: "weight" });
  });
  byId("back").addEventListener("click", () => store.undo());
}

/**
 * What is wrong with the name of a unit, and what would be right.
 * @param {import("./model.js").Model} model
 * @param {string} text
 */
function problemWith(model, text) {
  const name = text.split(":")[0].trim();
  const shape = model.shapes[name] ?? model.parameters[name]?.shape;
  if (!shape) return `No output or weight "${name}": write the name, a colon and an index, such as ${unitAddress({ name: model.names[1], index: model.shapes[model.names[1]].map(() => 0) })}.`;
  return `${name} is ${shape.join(" × ")}: write ${name}:${shape.map(() => 0).join(",")} to ${name}:${shape.map((size) => size - 1).join(",")}.`;
}

/**
 * @param {string} id
 * @param {string} words
 */
function mapButton(id, words) {
  return h("button", { type: "button", id, class: "map", "aria-label": words }, h("canvas", { "aria-hidden": "true" }));
}

/**
 * The sign of a derivative in words.
 * @param {View} view
 * @param {number} derivative
 */
function meaning({ model, state }, derivative) {
  const y = `${symbolOf(state.of)} of ${model.classNames[state.c]}`;
  if (derivative === 0) return `${y} would not change with it`;
  return `a little more of it ${derivative > 0 ? "raises" : "lowers"} ${y}`;
}

/** @param {View} view */
export function drawOneNumber(view) {
  const { model, state, trace, deltas } = view;
  const { unit } = state;
  const { f, at } = placeOfUnit(view);
  const output = trace[unit.name];
  const delta = deltas[unit.name];
  const flat = output.shape.length === 3 ? f * output.shape[1] * output.shape[2] + at : at;
  const o = output.data[flat];
  const derivative = delta ? delta.data[flat] : null;
  const field = byId("address");
  if (document.activeElement !== field) field.value = state.weight ? weightAddress(state.weight) : unitAddress(unit);
  fill(byId("problem"), "");
  fill(byId("sentence"), h("b", { id: "which" }, inWords(unit)), derivative === null ? ": the seed enters before it, so it has no delta" : `: ${meaning(view, derivative)}`);
  const isImage = unit.name === "input" && output.shape.length === 3 && [1, 3].includes(output.shape[0]);
  const [low, high] = range(output);
  paintMap("output-map", plane(output, f), isImage ? { signed: false, low, high } : { signed: true }, at);
  fill(byId("output-words"), h("span", {}, "output o"), h("strong", { id: "o" }, digits(o)), h("small", {}, output.shape.length === 3 ? `all ${output.shape[1]} × ${output.shape[2]} of map ${f}` : `all ${output.shape[0]} units`));
  const symbol = `d${symbolOf(state.of)}/do`;
  if (delta) paintMap("delta-map", plane(delta, f), { signed: true }, at);
  byId("delta-map").hidden = !delta;
  fill(byId("delta-words"), delta ? [h("span", {}, "delta ", h("span", { class: "delta" }, symbol)), h("strong", { id: "derivative" }, digits(/** @type {number} */ (derivative))), h("small", {}, "− lowers, the others raise")] : "");
}

/**
 * @param {string} id
 * @param {import("./paint.js").Plane} shown
 * @param {{signed: boolean, low?: number, high?: number}} how
 * @param {number} at
 */
function paintMap(id, shown, how, at) {
  const button = byId(id);
  paintLarge(button.firstChild, shown, { ...how, at, width: SIDE, height: SIDE });
  set(button, { "aria-label": `${id === "output-map" ? "Outputs" : "Deltas"}, ${shown.rows} rows of ${shown.columns}; at row ${Math.floor(at / shown.columns)}, column ${at % shown.columns}; arrow keys move` });
}

/**
 * The place of the chosen unit in its map, and the size of the map.
 * @param {{model: import("./model.js").Model, state: import("./state.js").State}} view
 */
function placeOfUnit({ model, state: { unit } }) {
  const shape = model.shapes[unit.name];
  return shape.length === 3 ? { f: unit.index[0], at: offset(shape.slice(1), unit.index.slice(1)) } : { f: 0, at: unit.index[0] };
}
