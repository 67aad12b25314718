/** Dense units as cells in one picture; a click or the arrow keys choose a unit. @module */

import { moved, set, byId } from "./elements.js";
import { counted } from "./numbers.js";
import { paint } from "./paint.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */

/**
 * Dense units as cells, in one picture; click or arrow keys choose a unit.
 * @param {View} view
 * @param {Store} store
 * @param {number} r
 * @param {string} name
 * @param {import("./paint.js").Tensor | null} values
 */
export function drawCells({ model, state }, store, r, name, values) {
  const button = byId(`cells-${r}`);
  const count = model.shapes[name][0];
  const across = count <= 64 ? count : Math.ceil(count / Math.ceil(count / 64));
  const chosen = state.unit.name === name ? state.unit.index[0] : -1;
  const choose = (/** @type {number} */ d) => store.set({ unit: { name, index: [d] }, weight: null, nudge: 0 });
  set(button, { "aria-label": `${counted(count, "unit")} of ${name}${chosen < 0 ? "" : `; unit ${chosen} is shown`}; arrow keys choose`, title: `${name}: ${counted(count, "unit")}; click one` });
  const canvas = /** @type {HTMLCanvasElement} */ (button.firstChild);
  if (values) paintCells(canvas, values, across, chosen, state.off.filter(([other]) => model.rows[r].outputs.includes(other)).map(([, d]) => d));
  else canvas.width = canvas.height = 1;
  button.onclick = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    if (!event.detail) return choose(Math.max(chosen, 0));
    const row = Math.floor(((event.clientY - box.top) / box.height) * Math.ceil(count / across));
    choose(Math.max(0, Math.min(count - 1, row * across + Math.floor(((event.clientX - box.left) / box.width) * across))));
  };
  button.onkeydown = (/** @type {KeyboardEvent} */ event) => {
    const isEdge = (event.key === "ArrowUp" && chosen < across) || (event.key === "ArrowDown" && chosen + across >= count);
    if (isEdge) {
      event.preventDefault();
      const next = r + (event.key === "ArrowUp" ? -1 : 1);
      (document.getElementById(`cells-${next}`) ?? document.getElementById(`map-${next}-0`))?.focus();
      return;
    }
    const to = moved(event, Math.max(chosen, 0), count, across);
    if (to !== null) choose(to);
  };
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import("./paint.js").Tensor} values
 * @param {number} across
 * @param {number} chosen
 * @param {number[]} off
 */
function paintCells(canvas, values, across, chosen, off) {
  const rows = Math.ceil(values.data.length / across);
  const scale = 2 * (window.devicePixelRatio || 1);
  const cell = Math.round(scale * Math.max(5, Math.min(20, 560 / across)));
  const tall = Math.round(scale * (rows === 1 ? 18 : 9));
  const small = document.createElement("canvas");
  paint(small, { rows: 1, columns: values.data.length, values: values.data }, { signed: true });
  canvas.width = cell * across;
  canvas.height = tall * rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingEnabled = false;
  const style = getComputedStyle(document.documentElement);
  const place = (/** @type {number} */ d) => [(d % across) * cell, Math.floor(d / across) * tall];
  for (let d = 0; d < values.data.length; d++) context.drawImage(small, d, 0, 1, 1, ...(/** @type {[number, number]} */ (place(d))), cell - scale / 2, tall - scale / 2);
  context.fillStyle = context.strokeStyle = style.getPropertyValue("--ink");
  context.lineWidth = scale;
  for (let d = 0; d < values.data.length && cell >= 10 * scale; d++) {
    const [x, y] = place(d);
    if (values.data[d] < 0) context.fillRect(x + cell * 0.35, y + tall - 3.5 * scale, cell * 0.3, scale);
  }
  for (const d of off) {
    const [x, y] = place(d);
    context.strokeRect(x + cell * 0.2, y + tall / 2, cell * 0.6, 0);
  }
  if (chosen < 0) return;
  const [x, y] = place(chosen);
  context.lineWidth = 1.5 * scale;
  context.strokeRect(x + 0.75 * scale, y + 0.75 * scale, cell - 2 * scale, tall - 2 * scale);
}
