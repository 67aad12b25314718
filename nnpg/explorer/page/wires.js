/** Faint lines from a map to the maps and units that read it. @module */

import { byId, fill, svg } from "./elements.js";
import { shownOf } from "./structure.js";

/**
 * Draw the lines of one map, or of the map that is shown.
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").State} state
 * @param {{row: number, map: number} | null} pointed
 */
export function drawWires(model, state, pointed) {
  const network = byId("network");
  const wires = byId("wires");
  const from = pointed ?? chosen(model, state);
  if (!from || from.row + 1 >= model.rows.length) return fill(wires);
  const box = network.getBoundingClientRect();
  wires.setAttribute("viewBox", `0 0 ${box.width} ${network.scrollHeight}`);
  wires.style.height = `${network.scrollHeight}px`;
  const start = document.getElementById(`map-${from.row}-${from.map}`)?.getBoundingClientRect();
  if (!start) return fill(wires);
  const point = (/** @type {DOMRect} */ b, /** @type {number} */ part) => [b.left + part * b.width - box.left, b.top + b.height / 2 - box.top];
  const [x, y] = point(start, 0.5);
  const next = model.rows[from.row + 1];
  const ends = next.isMaps ? readingMaps(model, from).map((f) => document.getElementById(`map-${from.row + 1}-${f}`)) : [document.getElementById(`cells-${from.row + 1}`)];
  fill(
    wires,
    ends.map((end) => {
      if (!end) return null;
      const [toX, toY] = point(end.getBoundingClientRect(), 0.5);
      return svg("line", { x1: x, y1: y, x2: toX, y2: toY, "stroke-opacity": Math.min(0.6, 8 / ends.length) });
    }),
  );
}

/**
 * @param {import("./model.js").Model} model
 * @param {import("./state.js").State} state
 */
function chosen(model, { unit }) {
  const row = model.rows.findIndex((other) => shownOf(other, unit.name) === unit.name);
  return row < 0 || !model.rows[row].isMaps ? null : { row, map: unit.index[0] };
}

/**
 * The maps of the next row that read a map: all, or those of its group.
 * @param {import("./model.js").Model} model
 * @param {{row: number, map: number}} from
 * @returns {number[]}
 */
function readingMaps(model, { row, map }) {
  const output = model.rows[row + 1].outputs[0];
  const layer = model.net.layers.find(({ name }) => name === output);
  const F = model.shapes[output][0];
  const groups = layer?.layer === "Conv" ? layer.settings.groups : 1;
  const C = model.shapes[model.rows[row].outputs[0]][0];
  const group = Math.floor(map / (C / groups));
  return Array.from({ length: F / groups }, (_, n) => (group * F) / groups + n);
}
