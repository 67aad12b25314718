/** A program that prints what the page shows, with nnpg: it reads the network and the images from this very file. @module */

import { unitAddress, weightAddress } from "./addresses.js";
import { weightOf } from "./weights.js";

/**
 * @param {import("./model.js").View} view
 * @param {string} file  name of this page's file
 * @returns {string}
 */
export function asPython(view, file) {
  const { model, state } = view;
  const weight = state.tab === "weight" ? weightOf(view) : null;
  const number = weight ? `weight="${weightAddress(weight)}"` : `unit="${unitAddress(state.unit)}"`;
  const lines = [
    ...(state.size ? ["import numpy as np", ""] : []),
    "import nnpg",
    "from nnpg.explorer import read_page",
    "",
    `page = read_page(${JSON.stringify(file)}, backend="numpy")  # the file of the page: its network and its images`,
    'net = page.net.astype("float64")',
  ];
  for (const [image, rate] of state.steps) {
    lines.push(`x, labels = page.x[${image}:${image + 1}], page.labels[${image}:${image + 1}]`);
    lines.push(`net = nnpg.train(net, x, labels, epochs=1, batch=1, rng=0, optimiser=nnpg.SGD(lr=${rate}), progress=False).net`);
  }
  if (state.off.length) lines.push(`net = nnpg.knock_out(net, [${state.off.map(([name, f]) => `("${name}", ${f})`).join(", ")}])`);
  lines.push(`x = page.x[${state.image}:${state.image + 1}]  # ${model.classNames[view.label].replace(/[^\x20-\x7e]/g, "?")}`);
  lines.push(`print(nnpg.explain(net, x, ${number}, classes=${state.c}, of="${state.of}"))`);
  if (state.size) lines.push("", ...attack(view));
  return `${lines.join("\n")}\n`;
}

/** @param {import("./model.js").View} view */
function attack({ model, state, predicted }) {
  const of = model.isProbability ? "logprob" : "logit";
  const [c, sign] = state.target < 0 ? [predicted, "-"] : [state.target, ""];
  return [
    `slope = ${sign}nnpg.prediction_gradient(net, x, classes=${c}, of="${of}", layers="input").deltas["input"]`,
    state.along === "sign" ? `r = ${state.size} * np.sign(slope)` : `r = ${state.size} * slope / np.sqrt((slope**2).mean())`,
    state.clip ? "changed = np.clip(x + r, 0, 1)" : "changed = x + r",
    'print("RMS of the change", np.sqrt(((changed - x) ** 2).mean()))',
    "print(nnpg.predict(net, changed))",
  ];
}
