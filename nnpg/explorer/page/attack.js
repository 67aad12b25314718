/** Change the image along its own delta until the network answers something else. @module */

import { unpacked } from "../document.js";
import { backward, forward, seedOf } from "../engine.js";
import { byId, fill, h } from "./elements.js";
import { kept } from "./model.js";
import { digits, largest, rms } from "./numbers.js";
import { paintImage, paintLarge, plane } from "./paint.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./model.js").Tensor} Tensor */

const FURTHEST = 0.5; // RMS at the end of the slider
const COARSE = 64; // sizes that are tried on the line, before halving
const SIDE = 62; // of a picture, in pixels

/** The direction, of RMS 1: towards the target's log y, or away from that of the answer. */
const directionOf = kept(
  (/** @type {View} */ { model, net, x, trace, options, predicted, state }) => {
    const c = state.target < 0 ? predicted : state.target;
    const seed = seedOf(net, trace, c, model.isProbability ? "logprob" : "logit");
    const slope = backward(net, trace, seed, options)[model.names[0]];
    const sign = state.target < 0 ? -1 : 1;
    const size = rms(slope.data) || 1;
    return { shape: x.shape, data: slope.data.map((value) => sign * (state.along === "sign" ? Math.sign(value) : value / size)) };
  },
  ({ state: { image, off, steps, target, along } }) => JSON.stringify([image, off, steps, target, along]),
);

/**
 * The image after a change of this size.
 * @param {View} view
 * @param {number} size
 * @returns {Tensor}
 */
function changedImage(view, size) {
  const r = directionOf(view);
  const move = (/** @type {number} */ value, /** @type {number} */ n) => value + size * r.data[n];
  return { shape: view.x.shape, data: view.x.data.map((value, n) => (view.state.clip ? Math.min(1, Math.max(0, move(value, n))) : move(value, n))) };
}

/**
 * @param {View} view
 * @param {Tensor} x
 */
function answer({ model, net, options }, x) {
  return forward(net, x, options)[model.names[model.names.length - 1]].data;
}

/**
 * The smallest size on the line for which the network answers the target; null where there is none.
 * @param {View} view
 * @returns {number | null}
 */
export function leastOnLine(view) {
  const { state, predicted } = view;
  const isFooled = (/** @type {number} */ size) => {
    const c = largest(answer(view, changedImage(view, size)));
    return state.target < 0 ? c !== predicted : c === state.target;
  };
  if (isFooled(0)) return 0;
  let low = 0;
  for (let n = 1; n <= COARSE; n++) {
    let high = FURTHEST * (n / COARSE) ** 2;
    if (isFooled(high)) {
      for (let half = 0; half < 24; half++) {
        const middle = (low + high) / 2;
        if (isFooled(middle)) high = middle;
        else low = middle;
      }
      return high;
    }
    low = high;
  }
  return null;
}

/**
 * @param {import("./model.js").Model} model
 * @param {Store} store
 * @param {() => View} view
 */
export function makeAttack(model, store, view) {
  fill(byId("target"), h("option", { value: -1 }, "any other class"), model.classNames.map((name, k) => h("option", { value: k }, name)));
  byId("target").addEventListener("change", () => store.set({ target: Number(byId("target").value), size: 0 }));
  byId("along").addEventListener("change", () => store.set({ along: byId("along").value, size: 0 }));
  byId("clip").addEventListener("change", () => store.set({ clip: byId("clip").checked }));
  const slider = byId("size");
  let isMoving = false; // what the slider does from one press, or while it has the focus, is one step of Undo
  slider.addEventListener("input", () => {
    store.set({ size: Number((FURTHEST * (Number(slider.value) / 100) ** 2).toPrecision(4)) }, { again: isMoving });
    isMoving = true;
  });
  for (const kind of ["pointerdown", "blur"]) slider.addEventListener(kind, () => { isMoving = false; });
  byId("least").addEventListener("click", () => {
    const least = leastOnLine(view());
    if (least === null) fill(byId("line-note"), "no size on this line does it");
    else store.set({ size: roundedUp(least) });
  });
}

/** @param {number} size */
export function roundedUp(size) {
  const step = 10 ** (Math.floor(Math.log10(size || 1)) - 3);
  return Number((Math.ceil(size / step) * step).toPrecision(4));
}

/** @param {View} view */
export function drawAttack(view) {
  const { model, state, x } = view;
  byId("target").value = String(state.target);
  byId("along").value = state.along;
  byId("clip").checked = state.clip;
  const slider = byId("size");
  const position = 100 * Math.sqrt(state.size / FURTHEST);
  if (document.activeElement !== slider) slider.value = String(position);
  slider.setAttribute("aria-valuetext", digits(state.size));
  const changed = changedImage(view, state.size);
  const r = { shape: x.shape, data: changed.data.map((value, n) => value - x.data[n]) };
  const y = answer(view, changed);
  const said = largest(y);
  const c = state.target < 0 ? view.predicted : state.target;
  const name = model.classNames[c];
  const symbol = model.isProbability ? "y" : "z";
  fill(byId("size-value"), digits(state.size, 3));
  fill(
    byId("fooled"),
    h("div", { class: "pictures" }, picture("changed", (canvas) => paintSized(canvas, changed)), picture("change", (canvas) => paintLarge(canvas, plane(r, 0), { signed: true, width: SIDE, height: SIDE })), foundPicture(view)),
    h(
      "div",
      {},
      h("dl", {},
        h("dt", {}, "RMS"), h("dd", { id: "rms" }, digits(rms(r.data))),
        h("dt", {}, `${symbol} of ${name}`), h("dd", { id: "fooled-y" }, digits(y[c])),
        h("dt", {}, "answer"), h("dd", { id: "fooled-answer" }, model.classNames[said], said === view.label ? " ✓" : "")),
    ),
    h("p", { id: "line-note", title: "Searched when this page was written, for the network as it was saved" }, leastKnown(view)),
  );
}

/**
 * What `minimal_distortion` found when the page was written.
 * @param {View} view
 */
function leastKnown({ model, state }) {
  const found = model.document.found[state.image];
  if (!found) return "";
  if (found.distortion === null) return "minimal_distortion with effort rough found no change that makes it answer another class.";
  return [`minimal_distortion with effort rough, bound to no line: `, h("b", { id: "found" }, digits(found.distortion)), `, to ${model.classNames[found.target]}`];
}

/**
 * The image that `minimal_distortion` made, where the page holds it.
 * @param {View} view
 */
function foundPicture({ model, state, x }) {
  const change = model.document.found[state.image]?.change;
  if (!change) return null;
  const { data } = unpacked(change);
  return picture("found", (canvas) => paintSized(canvas, { shape: x.shape, data: x.data.map((value, n) => value + data[n]) }));
}

/**
 * @param {string} words
 * @param {(canvas: HTMLCanvasElement) => void} draw
 */
function picture(words, draw) {
  const canvas = document.createElement("canvas");
  draw(canvas);
  return h("figure", {}, canvas, h("figcaption", {}, words));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Tensor} x
 */
function paintSized(canvas, x) {
  paintImage(canvas, x);
  const scale = SIDE / Math.max(canvas.width, canvas.height);
  canvas.style.width = `${canvas.width * scale}px`;
  canvas.style.height = `${canvas.height * scale}px`;
}
