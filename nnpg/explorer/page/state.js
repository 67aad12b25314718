/** What the page shows, as one value: its text in the URL, and the values before it for Undo. @module */

import { byAddress, unitAddress, weightAddress } from "./addresses.js";

/**
 * @typedef {object} State
 * @property {number} image  number of the image
 * @property {number} c  the class whose output is differentiated
 * @property {string} of  prob, logit, logprob or loss
 * @property {import("./addresses.js").Unit} unit
 * @property {import("./addresses.js").Weight | null} weight
 * @property {string} show  outputs, deltas or products: what the circles show
 * @property {[string, number][]} off  filters that are knocked out, in order
 * @property {number} target  of the attack; -1 is any other class
 * @property {string} along  slope or sign
 * @property {boolean} clip
 * @property {number} size  RMS of the attack
 * @property {[number, number][]} steps  image and rate of each step of SGD
 * @property {number} nudge  how far the unit is moved
 * @property {string} tab  nudge, weight, step or code
 * @property {number} tour  step, from 1; 0 where it is closed
 * @property {number} guess  the answer that was chosen; -1 before
 */

/** @typedef {{state: State, set: (changes: Partial<State>, options?: {again?: boolean}) => void, undo: () => void, undone: () => number, reset: () => void}} Store */

/**
 * The text of a state in the URL; what is as at first is left out.
 * @param {State} state
 * @param {State} first
 * @returns {string}
 */
function asHash(state, first) {
  /** @type {Record<string, string>} */
  const words = {
    image: String(state.image),
    class: String(state.c),
    of: state.of,
    unit: unitAddress(state.unit),
    weight: state.weight ? weightAddress(state.weight) : "",
    show: state.show,
    off: state.off.map(([name, f]) => `${name}:${f}`).join(";"),
    target: String(state.target),
    along: state.along,
    clip: state.clip ? "1" : "0",
    size: String(state.size),
    steps: state.steps.map(([image, rate]) => `${image}:${rate}`).join(";"),
    nudge: String(state.nudge),
    tab: state.tab,
    tour: String(state.tour),
    guess: String(state.guess),
  };
  const before = first === state ? {} : Object.fromEntries(new URLSearchParams(asHash(first, first)));
  const kept = Object.entries(words).filter(([key, word]) => word !== (before[key] ?? (key in before ? "" : null)));
  return kept.map(([key, word]) => `${key}=${encodeURIComponent(word)}`).join("&");
}

/**
 * Read a state; what is not understood is as at first.
 * @param {string} hash
 * @param {State} first
 * @param {import("./model.js").Model} model
 * @returns {State}
 */
function fromHash(hash, first, model) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const state = { ...first };
  const whole = (/** @type {string} */ key, /** @type {number} */ least, /** @type {number} */ most, /** @type {number} */ otherwise) => {
    const value = Number(words.get(key) ?? NaN);
    return Number.isInteger(value) && value >= least && value <= most ? value : otherwise;
  };
  const choice = (/** @type {string} */ key, /** @type {string[]} */ choices, /** @type {string} */ otherwise) => {
    const word = words.get(key) ?? "";
    return choices.includes(word) ? word : otherwise;
  };
  state.image = whole("image", 0, model.images.length - 1, first.image);
  state.c = whole("class", 0, model.K - 1, first.c);
  state.of = choice("of", model.of, first.of);
  state.show = choice("show", ["outputs", "deltas", "products"], first.show);
  state.along = choice("along", ["slope", "sign"], first.along);
  state.tab = choice("tab", ["nudge", "weight", "step", "code"], first.tab);
  state.target = whole("target", -1, model.K - 1, first.target);
  state.clip = choice("clip", ["0", "1"], first.clip ? "1" : "0") === "1";
  state.tour = whole("tour", 0, 9, first.tour);
  state.guess = whole("guess", -1, 9, first.guess);
  const size = Number(words.get("size") ?? NaN);
  if (size >= 0 && size <= 10) state.size = size;
  const nudge = Number(words.get("nudge") ?? NaN);
  if (Number.isFinite(nudge)) state.nudge = nudge;
  const unit = byAddress(model, words.get("unit") ?? "");
  if (unit && "name" in unit) state.unit = unit;
  const weight = byAddress(model, words.get("weight") ?? "");
  if (weight && "layer" in weight) state.weight = weight;
  if (words.has("off")) state.off = pairs(words.get("off")).filter(([name, f]) => knockable(model, name, f)).map(([name, f]) => [name, f]);
  if (words.has("steps")) {
    const steps = pairs(words.get("steps")).map(([image, rate]) => /** @type {[number, number]} */ ([Number(image), rate]));
    state.steps = steps.filter(([image, rate]) => Number.isInteger(image) && image >= 0 && image < model.images.length && rate > 0 && rate <= 100);
  }
  return state;
}

/**
 * @param {string | null} text  "pool1:2;pool2:0"
 * @returns {[string, number][]}
 */
function pairs(text) {
  return (text ?? "").split(";").filter(Boolean).map((pair) => {
    const at = pair.lastIndexOf(":");
    return [pair.slice(0, at), Number(pair.slice(at + 1))];
  });
}

/**
 * Whether an output has a filter of this number that can be knocked out.
 * @param {import("./model.js").Model} model
 * @param {string} name
 * @param {number} f
 */
function knockable(model, name, f) {
  return name in model.shapes && Number.isInteger(f) && f >= 0 && f < model.shapes[name][0];
}

/**
 * Hold the state, write it into the URL, and call `draw` after each change.
 * @param {import("./model.js").Model} model
 * @param {State} first
 * @param {State} opening  what the page opens with, where the URL says nothing
 * @param {() => void} draw
 * @returns {Store}
 */
export function openStore(model, first, opening, draw) {
  /** @type {State[]} */
  const past = [];
  const written = (/** @type {State} */ state) => {
    const hash = `#${asHash(state, first)}`;
    if (hash !== location.hash && (hash !== "#" || location.hash)) history.replaceState(null, "", hash);
  };
  const go = (/** @type {State} */ state) => {
    store.state = state;
    written(state);
    draw();
  };
  /** @type {Store} */
  const store = {
    state: location.hash.length > 1 ? fromHash(location.hash, first, model) : opening,
    set(changes, { again = false } = {}) {
      const state = { ...store.state, ...changes };
      if (asHash(state, state) === asHash(store.state, store.state)) return;
      if (!again) past.push(store.state);
      go(state);
    },
    undo() {
      const before = past.pop();
      if (before) go(before);
    },
    undone: () => past.length,
    reset() {
      store.set(first);
    },
  };
  addEventListener("hashchange", () => {
    const state = fromHash(location.hash, first, model);
    if (asHash(state, state) !== asHash(store.state, store.state)) {
      past.push(store.state);
      store.state = state;
      draw();
    }
  });
  return store;
}
