/** Filters are knocked out one after the other; y, and the error on all images of the page, after each. @module */

import { backward, forward, seedOf } from "../engine.js";
import { byId, fill, h } from "./elements.js";
import { kept, norms, optionsOf, seen, symbolOf } from "./model.js";
import { knock } from "./network_view.js";
import { counted, digits, largest } from "./numbers.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */

/** Predictions of all images by network and knock-outs. @type {Map<string, number[]>} */
const known = new Map();
let run = 0;

/**
 * Filters of the blocks by the norm of the mean dy/do over the page's images of the class, as `nnpg rank`; strongest first.
 */
const rankingOf = kept(
  (/** @type {View} */ { model, net, state }) => {
    const own = model.images.filter((_, n) => model.labels[n] === state.c);
    /** @type {Record<string, Float64Array>} */
    const sums = {};
    for (const x of own.length ? own : [model.images[state.image]]) {
      const trace = forward(net, x);
      const deltas = backward(net, trace, seedOf(net, trace, state.c, /** @type {any} */ (state.of)));
      for (const name of model.blocks) {
        sums[name] ??= new Float64Array(deltas[name].data.length);
        deltas[name].data.forEach((value, n) => { sums[name][n] += value; });
      }
    }
    const count = Math.max(own.length, 1);
    const list = model.blocks.flatMap((name) => norms({ shape: model.shapes[name], data: sums[name].map((sum) => sum / count) }).map((score, f) => ({ name, f, score })));
    return list.sort((a, b) => b.score - a.score);
  },
  ({ model, state: { image, c, of, steps } }) => JSON.stringify([model.labels.includes(c) ? -1 : image, c, of, steps]),
);

/**
 * The next filter of the ranking that is still in the network.
 * @param {View} view
 * @param {"strongest" | "weakest" | "random"} which
 * @returns {{name: string, f: number} | undefined}
 */
export function nextFilter(view, which) {
  const isOff = (/** @type {{name: string, f: number}} */ unit) => view.state.off.some(([name, f]) => name === unit.name && f === unit.f);
  const left = rankingOf(view).filter((/** @type {any} */ unit) => !isOff(unit));
  if (which === "random") return left[Math.floor(Math.random() * left.length)];
  return which === "strongest" ? left[0] : left[left.length - 1];
}

/**
 * @param {Model} model
 * @param {Store} store
 */
export function makeKnockout(model, store) {
  for (const which of /** @type {const} */ (["strongest", "weakest", "random"])) {
    byId(`next-${which}`).addEventListener("click", () => {
      const unit = nextFilter(seen(model, store.state), which);
      if (unit) knock(store, unit.name, unit.f);
    });
  }
  byId("restore").addEventListener("click", () => store.set({ off: [] }));
  byId("knock-this").addEventListener("click", () => knockUnit(model, store));
}

/**
 * Knock out the filter of the unit that is shown, or put it back.
 * @param {Model} model
 * @param {Store} store
 */
export function knockUnit(model, store) {
  const { unit } = store.state;
  if (canKnock(model, unit.name)) knock(store, unit.name, unit.index[0]);
}

/**
 * Whether an output's filters can be knocked out: all but the image's channels and the answers.
 * @param {Model} model
 * @param {string} name
 */
function canKnock(model, name) {
  return name !== "input" && name !== model.names[model.names.length - 1];
}

/**
 * @param {View} view
 * @param {Store} store
 */
export function drawKnockout(view, store) {
  const { model, state } = view;
  const { unit } = state;
  const isOff = state.off.some(([name, f]) => name === unit.name && f === unit.index[0]);
  const button = byId("knock-this");
  button.textContent = canKnock(model, unit.name) ? `${unit.name}[${unit.index[0]}] ${isOff ? "back" : "out"}` : "this filter";
  button.disabled = !canKnock(model, unit.name);
  byId("restore").disabled = !state.off.length;
  for (const which of ["strongest", "weakest", "random"]) byId(`next-${which}`).disabled = !model.blocks.length;
  fill(
    byId("off"),
    state.off.length
      ? state.off.map(([name, f]) => h("button", { type: "button", id: `off-${name}-${f}`, title: "put it back", onclick: () => knock(store, name, f) }, `${name}[${f}]`))
      : h("span", { class: "note" }, model.blocks.length ? "Nothing is out: double click a circle." : "Nothing is out."),
  );
  drawDamage(view, ++run);
}

/**
 * Predict every image after each knock-out, a few at a time, and draw the errors as they come.
 * @param {View} view
 * @param {number} turn
 */
function drawDamage(view, turn) {
  const { model, state, y } = view;
  const damage = byId("damage");
  const intact = intactOutputs(view);
  const name = model.classNames[state.c];
  const symbol = model.isProbability ? "y" : "z";
  const change = h("p", {}, `${symbol} of ${name}: `, h("b", { id: "y-intact" }, digits(intact[state.c])), state.off.length ? [" → ", h("b", { id: "y-now" }, digits(y[state.c]))] : "");
  const errors = h("p", { id: "errors" });
  const strip = h("div", { class: "strip", "aria-hidden": "true" });
  damage.dataset.done = "false";
  fill(damage, change, errors, strip);
  const keys = Array.from({ length: state.off.length + 1 }, (_, n) => JSON.stringify([state.steps, state.off.slice(0, n)]));
  const show = () => {
    const counts = keys.map((key) => wrong(model, known.get(key)));
    const [first, last] = [counts[0], counts[counts.length - 1]];
    const of = model.images.length;
    if (first === null || last === null) return fill(errors, `errors on this page's ${counted(of, "image")}: counting …`);
    fill(errors, "errors on this page's ", counted(of, "image"), ": ", h("b", { id: "errors-intact" }, first), counts.length > 1 ? [" → ", h("b", { id: "errors-now" }, last)] : "");
    fill(strip, counts.map((count, n) => column(count ?? 0, of, n ? `${state.off[n - 1].join("[")}] out: ${count} of ${of} wrong` : `intact: ${count} of ${of} wrong`)));
    damage.dataset.done = "true";
  };
  show();
  const work = () => {
    if (turn !== run) return;
    const n = keys.findIndex((key) => (known.get(key)?.length ?? 0) < model.images.length);
    if (n < 0) return show();
    const list = known.get(keys[n]) ?? [];
    known.set(keys[n], list);
    const options = optionsOf(state.off.slice(0, n));
    const until = performance.now() + 25;
    while (list.length < model.images.length && performance.now() < until) {
      const trace = forward(view.net, model.images[list.length], options);
      list.push(largest(trace[model.names[model.names.length - 1]].data));
    }
    setTimeout(work, 0);
  };
  if (damage.dataset.done === "false") setTimeout(work, 60);
}

/** The outputs of the intact network. */
const intactOutputs = kept(
  (/** @type {View} */ { model, net, x }) => forward(net, x)[model.names[model.names.length - 1]].data,
  ({ state: { image, steps } }) => JSON.stringify([image, steps]),
);

/**
 * How many images are answered wrongly; null while they are counted.
 * @param {Model} model
 * @param {number[] | undefined} predictions
 */
function wrong(model, predictions) {
  if (!predictions || predictions.length < model.images.length) return null;
  return predictions.filter((c, n) => c !== model.labels[n]).length;
}

/**
 * @param {number} count
 * @param {number} of
 * @param {string} title
 */
function column(count, of, title) {
  const bar = h("i", { title });
  bar.style.height = `${Math.max(3, (100 * count) / of)}%`;
  return bar;
}
