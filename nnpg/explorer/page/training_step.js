/** One step of SGD on this image: w - rate dL/dw for every weight; the loss before and after, foretold and happened. @module */

import { forward, gradients, backward, seedOf } from "../engine.js";
import { byId, fill, h } from "./elements.js";
import { kept, netAfter } from "./model.js";
import { counted, digits, signed } from "./numbers.js";

/** @typedef {import("./model.js").View} View */

const lossOf = kept(
  (/** @type {View} */ { model, net, x, label }) => {
    const trace = forward(net, x);
    const quantity = seedOf(net, trace, label, "loss");
    const found = gradients(net, trace, backward(net, trace, quantity));
    let squares = 0;
    for (const { data } of Object.values(found)) for (const value of data) squares += value * value;
    return { loss: quantity.value, squares, y: trace[model.names[model.names.length - 1]].data[label] };
  },
  ({ state: { image, steps } }) => JSON.stringify([image, steps]),
);

/**
 * @param {View} view
 * @param {import("./state.js").Store} store
 */
export function drawStep(view, store) {
  const { model, state, label } = view;
  const panel = byId("step-panel");
  const rate = document.getElementById("rate") instanceof HTMLInputElement ? /** @type {HTMLInputElement} */ (document.getElementById("rate")).value : "0.01";
  const { loss, squares, y } = lossOf(view);
  const name = model.classNames[label];
  const last = state.steps[state.steps.length - 1];
  const take = () => {
    const value = Number(/** @type {HTMLInputElement} */ (byId("rate")).value);
    if (value > 0 && value <= 100) store.set({ steps: [...state.steps, [state.image, value]] });
  };
  /** @type {import("./elements.js").Child[]} */
  let told = [];
  if (last && last[0] === state.image) {
    const net = netAfter(model, state.steps.slice(0, -1));
    const trace = forward(net, view.x);
    const before = seedOf(net, trace, label, "loss");
    const found = gradients(net, trace, backward(net, trace, before));
    let foretold = 0;
    for (const { data } of Object.values(found)) for (const value of data) foretold -= last[1] * value * value;
    told = [
      h("dt", {}, "the last step: loss before"), h("dd", { id: "loss-before" }, digits(before.value)),
      h("dt", {}, "foretold: −rate × sum of squared gradients"), h("dd", { id: "step-foretold" }, signed(foretold)),
      h("dt", {}, "happened to the loss"), h("dd", { id: "step-happened" }, signed(loss - before.value)),
    ];
  }
  fill(
    panel,
    h("p", {}, "Training is this, thousands of times: every weight w becomes w − rate × ", h("span", { class: "gradient" }, "dL/dw"), ", for the right answer of this image, ", h("b", {}, name), "."),
    h("p", { class: "buttons" }, h("label", {}, "rate ", h("input", { id: "rate", type: "number", min: "0.0001", max: "100", step: "any", value: rate })), h("button", { type: "button", id: "take-step", onclick: take }, "take one step"), h("button", { type: "button", id: "reset-steps", disabled: !state.steps.length, onclick: () => store.set({ steps: [] }) }, "weights as saved")),
    h("dl", {}, h("dt", {}, "loss L on this image now"), h("dd", { id: "loss" }, digits(loss)), h("dt", {}, model.isProbability ? `y of ${name}` : `output of ${name}`), h("dd", { id: "step-y" }, digits(y)), h("dt", {}, "sum of all squared gradients"), h("dd", {}, digits(squares)), told),
    h("p", { class: "note" }, state.steps.length ? `${counted(state.steps.length, "step")} taken: every number of this page is of the trained network.` : "No step taken: the weights are as they were saved."),
  );
}
