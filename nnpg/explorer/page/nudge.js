/** Move one number and run what follows: y against o, with dy/do as its tangent. Foretold beside happened. @module */

import { forward, seedOf } from "../engine.js";
import { offset } from "./addresses.js";
import { byId, fill, h, svg } from "./elements.js";
import { kept, symbolOf } from "./model.js";
import { digits, rms, signed } from "./numbers.js";

/** @typedef {import("./model.js").View} View */

const POINTS = 41; // of the curve
const [WIDTH, HEIGHT] = [330, 108];

/**
 * How far the slider moves a number: as far as three times the spread of its output, at least 1.
 * @param {View} view
 * @returns {number}
 */
function reach({ trace, state }) {
  const size = 3 * rms(trace[state.unit.name].data);
  return Math.max(size, 1e-6) || 1;
}

/**
 * What is differentiated, with the unit moved by `shift`.
 * @param {View} view
 * @param {number} shift
 * @returns {number}
 */
function moveUnit(view, shift) {
  const { net, trace, options, state } = view;
  const { name, index } = state.unit;
  const moved = { shape: trace[name].shape, data: trace[name].data.slice() };
  moved.data[offset(moved.shape, index)] += shift;
  const rest = forward(net, moved, { off: options.off, start: name });
  return seedOf(net, { ...trace, ...rest }, state.c, /** @type {any} */ (state.of)).value;
}

const curveOf = kept(
  (/** @type {View} */ view, /** @type {number} */ most) => Array.from({ length: POINTS }, (_, n) => moveUnit(view, most * ((2 * n) / (POINTS - 1) - 1))),
  ({ state: { image, c, of, off, steps, unit } }) => JSON.stringify([image, c, of, off, steps, unit]),
);

/**
 * @param {View} view
 * @param {import("./state.js").Store} store
 */
export function drawNudge(view, store) {
  const { state, deltas, trace } = view;
  const { name, index } = state.unit;
  const delta = deltas[name];
  const slider = byId("nudge");
  slider.disabled = !delta;
  if (!delta) return fill(byId("nudge-chart"), h("p", {}, "The seed enters before this number: moving it does not change what is differentiated."));
  const most = reach(view);
  const slope = delta.data[offset(delta.shape, index)];
  const o = trace[name].data[offset(delta.shape, index)];
  const values = curveOf(view, most);
  const now = view.quantity.value;
  const shift = state.nudge || Number((most / 4).toPrecision(1));
  const then = moveUnit(view, shift);
  if (document.activeElement !== slider) slider.value = String(Math.round((100 * shift) / most));
  slider.setAttribute("aria-valuetext", signed(shift, 3));
  fill(byId("nudge-value"), signed(shift, 3));
  const y = symbolOf(state.of);
  fill(
    byId("nudge-chart"),
    chart(values, { most, slope, now, o, then, nudge: shift, y }),
    h(
      "dl",
      {},
      h("dt", {}, `${y} now`), h("dd", { id: "nudge-now" }, digits(now, 5)),
      h("dt", {}, "foretold: ", h("span", { class: "delta" }, "delta"), " × move"), h("dd", { id: "foretold" }, signed(slope * shift)),
      h("dt", {}, `happened to ${y}`), h("dd", { id: "happened" }, signed(then - now)),
    ),
  );
  slider.oninput = () => {
    store.set({ nudge: Number(((Number(slider.value) * most) / 100).toPrecision(4)) }, { again: isMoving });
    isMoving = true;
  };
  slider.onpointerdown = slider.onblur = () => { isMoving = false; };
}

let isMoving = false; // what the slider does from one press, or while it has the focus, is one step of Undo

/**
 * @param {number[]} values
 * @param {{most: number, slope: number, now: number, o: number, then: number, nudge: number, y: string}} at
 */
function chart(values, { most, slope, now, o, then, nudge, y }) {
  const finite = values.filter(Number.isFinite);
  let low = Math.min(...finite, now);
  let high = Math.max(...finite, now);
  const room = (high - low) * 0.08 || Math.abs(now) * 0.1 || 1;
  [low, high] = [low - room, high + room];
  const left = 50;
  const x = (/** @type {number} */ shift) => left + ((shift / most + 1) / 2) * (WIDTH - left - 6);
  const height = (/** @type {number} */ value) => 4 + ((high - value) / (high - low)) * (HEIGHT - 24);
  const line = values.map((value, n) => `${x(most * ((2 * n) / (POINTS - 1) - 1)).toFixed(1)},${height(value).toFixed(1)}`).join(" ");
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": `${y} against o: a curve, and the delta as its tangent at o = ${digits(o)}` },
    svg("defs", {}, svg("clipPath", { id: "inside" }, svg("rect", { x: left, y: 2, width: WIDTH - left - 6, height: HEIGHT - 20 }))),
    svg("path", { class: "axis", d: `M${left} 2V${HEIGHT - 18}H${WIDTH - 6}` }),
    svg("line", { class: "guide", x1: x(0), x2: x(0), y1: 2, y2: HEIGHT - 18 }),
    svg("line", { class: "tangent", "clip-path": "url(#inside)", x1: x(-most), x2: x(most), y1: height(now - slope * most), y2: height(now + slope * most) }),
    svg("polyline", { class: "curve", points: line, "clip-path": "url(#inside)" }),
    svg("circle", { class: "now", cx: x(0), cy: height(now), r: 3 }),
    svg("circle", { class: "moved", cx: x(nudge), cy: height(then), r: 4 }),
    svg("text", { x: left - 4, y: 11, "text-anchor": "end" }, digits(high, 3)),
    svg("text", { x: left - 4, y: HEIGHT - 19, "text-anchor": "end" }, digits(low, 3)),
    svg("text", { x: left, y: HEIGHT - 4 }, digits(o - most, 3)),
    svg("text", { x: x(0), y: HEIGHT - 4, "text-anchor": "middle" }, `o = ${digits(o, 3)}`),
    svg("text", { x: WIDTH - 6, y: HEIGHT - 4, "text-anchor": "end" }, digits(o + most, 3)),
  );
}
