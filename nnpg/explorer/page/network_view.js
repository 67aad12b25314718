/** The network as in Lo & Ding's Fig. 1: a circle a feature map with its map inside, units as cells. @module */

import { indexAt } from "./addresses.js";
import { drawCells } from "./cells.js";
import { byId, fill, h, moved, radios, set } from "./elements.js";
import { norms, product, symbolOf } from "./model.js";
import { digits } from "./numbers.js";
import { extent, paint, plane } from "./paint.js";
import { shownOf } from "./structure.js";
import { drawWires } from "./wires.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */

const ROOM = 208; // for all rows of circles, in pixels

/**
 * Make the rows of the network once; `drawNetwork` fills them.
 * @param {import("./model.js").Model} model
 * @param {Store} store
 */
export function makeNetwork(model, store) {
  const network = byId("network");
  model.rows.forEach((row, r) => {
    const name = row.outputs[row.outputs.length - 1];
    const count = row.isMaps ? model.shapes[name][0] : 0;
    const units = row.isMaps
      ? h("div", { class: "circles", role: "group", "aria-label": `Maps of row ${r}` }, Array.from({ length: count }, (_, f) => circle(r, f)))
      : h("button", { type: "button", class: "cells", id: `cells-${r}`, "data-row": r }, h("canvas", { "aria-hidden": "true" }));
    network.append(h("div", { class: row.isMaps ? "row maps" : "row units", id: r === model.rows.length - 1 ? "last-row" : null, "data-row": r, "data-count": count }, h("div", { class: "names", id: `names-${r}` }), units));
  });
  const at = (/** @type {Event} */ event) => /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(".circle"));
  network.addEventListener("click", (/** @type {Event} */ event) => {
    const found = at(event);
    if (found) chooseMap(model, store, Number(found.dataset.row), Number(found.dataset.map));
  });
  network.addEventListener("dblclick", (/** @type {Event} */ event) => {
    const found = at(event);
    if (!found) return;
    const { outputs } = model.rows[Number(found.dataset.row)];
    const f = Number(found.dataset.map);
    const out = store.state.off.find(([name, g]) => g === f && outputs.includes(name));
    knock(store, out ? out[0] : shownOf(model.rows[Number(found.dataset.row)], store.state.unit.name), f);
  });
  network.addEventListener("keydown", (/** @type {Event} */ event) => {
    const found = at(event);
    if (found) walk(/** @type {KeyboardEvent} */ (event), found);
  });
  for (const kind of ["pointerover", "focusin"]) network.addEventListener(kind, (/** @type {Event} */ event) => point(at(event)));
  for (const kind of ["pointerleave", "focusout"]) network.addEventListener(kind, () => point(null));
  const point = (/** @type {HTMLElement | null} */ found) =>
    drawWires(model, store.state, found ? { row: Number(found.dataset.row), map: Number(found.dataset.map) } : null);
}

/**
 * @param {number} r
 * @param {number} f
 */
function circle(r, f) {
  return h("button", { type: "button", class: "circle", id: `map-${r}-${f}`, "data-row": r, "data-map": f, tabindex: f ? -1 : 0 }, h("canvas", { "aria-hidden": "true" }));
}

/**
 * Show the unit of another map at the same place, as far as the map has one.
 * @param {import("./model.js").Model} model
 * @param {Store} store
 * @param {number} r
 * @param {number} f
 */
function chooseMap(model, store, r, f) {
  const { unit } = store.state;
  const name = shownOf(model.rows[r], unit.name);
  const [, H, W] = model.shapes[name];
  if (unit.name === name && unit.index[0] === f) return;
  const before = model.shapes[unit.name];
  const scaled = before.length === 3 ? [1, 2].map((axis) => Math.floor(((unit.index[axis] + 0.5) / before[axis]) * [0, H, W][axis])) : [H >> 1, W >> 1];
  store.set({ unit: { name, index: [f, ...scaled] }, weight: null, nudge: 0 });
}

/**
 * Knock a filter out, or put it back.
 * @param {Store} store
 * @param {string} name
 * @param {number} f
 */
export function knock(store, name, f) {
  if (name === "input") return;
  const rest = store.state.off.filter(([other, g]) => other !== name || g !== f);
  store.set({ off: rest.length < store.state.off.length ? rest : [...rest, [name, f]] });
}

/**
 * Move the focus among the circles with the arrow keys.
 * @param {KeyboardEvent} event
 * @param {HTMLElement} found
 */
function walk(event, found) {
  const [r, f] = [Number(found.dataset.row), Number(found.dataset.map)];
  const isVertical = event.key === "ArrowUp" || event.key === "ArrowDown";
  if (isVertical) {
    event.preventDefault();
    const step = event.key === "ArrowUp" ? -1 : 1;
    const next = document.getElementById(`cells-${r + step}`) ?? document.getElementById(`map-${r + step}-${f}`) ?? lastCircle(r + step);
    next?.focus();
    return;
  }
  const to = moved(event, f, Number(/** @type {HTMLElement} */ (found.closest(".row")).dataset.count));
  if (to !== null) document.getElementById(`map-${r}-${to}`)?.focus();
}

/** @param {number} r */
function lastCircle(r) {
  return /** @type {HTMLElement | null} */ (document.querySelector(`#network .row[data-row="${r}"] .circle:last-child`));
}

/**
 * @param {View} view
 * @param {Store} store
 */
export function drawNetwork(view, store) {
  const { model, state } = view;
  radios(byId("show"), [["outputs", "outputs"], ["deltas", "deltas"], ["products", "output × delta"]].map(([value, label]) => ({ value, label })), state.show, (show) => store.set({ show }));
  const shown = model.rows.map((row) => shownOf(row, state.unit.name));
  const rings = shown.map((name) => (view.deltas[name] ? norms(view.deltas[name]) : null));
  const most = Math.max(...rings.flatMap((ring, r) => (ring && r && model.rows[r].isMaps ? ring : [])), Number.MIN_VALUE);
  fill(byId("legend"), state.show === "outputs" ? "" : [h("i", { class: "minus" }, "−"), " ", h("i", { class: "plus" }, "+"), " sign; "], `ring: |d${symbolOf(state.of)}/do|`);
  model.rows.forEach((row, r) => {
    const name = shown[r];
    drawNames(view, store, r, name);
    const values = shownValues(view, name);
    if (!row.isMaps) return drawCells(view, store, r, name, values);
    const signed = state.show !== "outputs";
    const scale = values && signed ? extent(values.data) : undefined;
    const size = circleSize(model.shapes[name][0], rowHeight(model));
    const element = /** @type {HTMLElement} */ (document.querySelector(`#network .row[data-row="${r}"] .circles`));
    element.style.setProperty("--size", `${size}px`);
    const chosen = state.unit.name === name ? state.unit.index[0] : -1;
    element.style.minHeight = `${rowHeight(model)}px`;
    for (let f = 0; f < model.shapes[name][0]; f++) {
      const button = byId(`map-${r}-${f}`);
      const isOff = state.off.some(([other, g]) => g === f && row.outputs.includes(other));
      const ring = rings[r] ? Math.min(1, rings[r][f] / most) : 0;
      const words = rings[r] ? `|delta| ${digits(rings[r][f])}` : "after the seed: no delta";
      set(button, {
        "aria-label": `${name} map ${f}, ${words}${isOff ? ", knocked out" : ""}`,
        title: `${name}[${f}]: ${words}${name === "input" ? "" : isOff ? "; double click puts it back" : "; double click knocks it out"}`,
        "aria-pressed": chosen === f ? "true" : "false",
        tabindex: f === Math.max(chosen, 0) ? 0 : -1,
        class: `circle${isOff ? " off" : ""}`,
      });
      button.style.setProperty("--ring", `${Math.round(100 * ring ** 0.7)}%`);
      if (values) paint(button.firstChild, plane(values, f), { signed, most: scale });
    }
  });
  drawWires(model, state, null);
}

/**
 * What the circles show of an output; null where it has no delta.
 * @param {View} view
 * @param {string} name
 */
function shownValues({ state, trace, deltas }, name) {
  if (state.show === "outputs") return trace[name];
  if (!deltas[name]) return null;
  return state.show === "deltas" ? deltas[name] : product(trace[name], deltas[name]);
}

/**
 * The names of a row's outputs; the one that is shown is pressed.
 * @param {View} view
 * @param {Store} store
 * @param {number} r
 * @param {string} name
 */
function drawNames({ model, state }, store, r, name) {
  const choose = (/** @type {string} */ output) => {
    const shape = model.shapes[output];
    const index = shape.length === state.unit.index.length ? state.unit.index.map((i, axis) => Math.min(i, shape[axis] - 1)) : indexAt(shape, Math.floor(shape.reduce((a, b) => a * b, 1) / 2));
    store.set({ unit: { name: output, index }, weight: null, nudge: 0 });
  };
  fill(
    byId(`names-${r}`),
    model.rows[r].outputs.map((output) =>
      h("button", { type: "button", id: `output-${output}`, "aria-pressed": output === name ? "true" : "false", title: `${output}: ${model.shapes[output].join(" × ")}`, onclick: () => choose(output) }, output),
    ),
  );
}

/**
 * Height of a row of circles: the fewer rows, the higher.
 * @param {import("./model.js").Model} model
 */
function rowHeight(model) {
  const rows = model.rows.filter((row) => row.isMaps).length;
  return Math.max(34, Math.min(80, Math.floor(ROOM / rows) - 4));
}

/**
 * Size of a circle such that all maps of a row fit in its height.
 * @param {number} count
 * @param {number} height
 */
function circleSize(count, height) {
  const width = byId("network").clientWidth - 74 || 600;
  for (let size = height; size > 14; size -= 2) {
    const lines = Math.max(1, Math.floor((height + 3) / (size + 3)));
    if (Math.floor((width + 4) / (size + 4)) * lines >= count) return size;
  }
  return 14;
}
