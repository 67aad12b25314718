/** What the page is about: the network, its images and their classes; and what a state makes of them. @module */

import { imagesOf, netOf } from "../document.js";
import { backward, forward, gradients, namesOf, parametersOf, seedOf, step, withParameters } from "../engine.js";
import { largest } from "./numbers.js";
import { blockOutputs, rowsOf } from "./structure.js";

/** @typedef {import("../engine.js").Net} Net */
/** @typedef {import("../layers.js").Tensor} Tensor */
/** @typedef {import("./state.js").State} State */

/**
 * @typedef {object} Model
 * @property {Net} net  as it was saved
 * @property {string} title
 * @property {string[]} names  the outputs in order
 * @property {Record<string, number[]>} shapes  of the outputs
 * @property {Record<string, Tensor>} parameters
 * @property {number} K
 * @property {string[]} of  what can be differentiated
 * @property {boolean} isProbability  whether the network ends in probabilities
 * @property {Tensor[]} images
 * @property {boolean} inBox  whether all pixels lie between 0 and 1
 * @property {number[]} labels
 * @property {string[]} classNames
 * @property {import("./structure.js").Row[]} rows
 * @property {string[]} blocks  outputs whose filters are ranked
 * @property {import("../document.js").Document} document
 */

/**
 * @typedef {object} View
 * @property {Model} model
 * @property {State} state
 * @property {Net} net  after the steps of training
 * @property {{off: Record<string, [number, number][]>}} options
 * @property {Tensor} x
 * @property {Record<string, Tensor>} trace
 * @property {import("../engine.js").Quantity} quantity
 * @property {Record<string, Tensor>} deltas
 * @property {Float64Array} y
 * @property {number} predicted
 * @property {number} label
 */

/**
 * @param {import("../document.js").Document} document
 * @param {string} title
 * @returns {Model}
 */
export function openModel(document, title) {
  const net = netOf(document);
  const images = imagesOf(document);
  const trace = forward(net, images[0]);
  const names = namesOf(net);
  const shapes = Object.fromEntries(names.map((name) => [name, trace[name].shape]));
  const last = net.layers[net.layers.length - 1].layer;
  const isProbability = last === "Softmax" || last === "Sigmoid";
  return {
    net,
    title,
    names,
    shapes,
    parameters: parametersOf(net),
    K: shapes[names[names.length - 1]][0],
    of: isProbability ? ["prob", "logit", "logprob", "loss"] : ["logit", "loss"],
    isProbability,
    images,
    inBox: images.every(({ data }) => data.every((value) => value >= 0 && value <= 1)),
    labels: document.labels,
    classNames: document.classNames,
    rows: rowsOf(net.layers, shapes),
    blocks: blockOutputs(net.layers),
    document,
  };
}

/**
 * Keep the last result of a function, and return it again for the same key.
 * @template T
 * @param {(...parts: any[]) => T} f
 * @param {(...parts: any[]) => string} keyOf
 * @returns {(...parts: any[]) => T}
 */
export function kept(f, keyOf) {
  let key = "\0";
  /** @type {T} */
  let result;
  return (...parts) => {
    const next = keyOf(...parts);
    if (next !== key) [key, result] = [next, f(...parts)];
    return result;
  };
}

/** The network after steps of SGD, each on one image with its label. */
export const netAfter = kept(
  (/** @type {Model} */ model, /** @type {[number, number][]} */ steps) =>
    steps.reduce((net, [image, rate]) => withParameters(net, step(net, model.images[image], model.labels[image], rate)), model.net),
  (_, steps) => JSON.stringify(steps),
);

/**
 * Filters that are set to 0, as the engine takes them.
 * @param {[string, number][]} off
 * @returns {{off: Record<string, [number, number][]>}}
 */
export function optionsOf(off) {
  /** @type {Record<string, [number, number][]>} */
  const changes = {};
  for (const [name, f] of off) (changes[name] ??= []).push([f, 0]);
  return { off: changes };
}

/** The three passes for a state. */
const viewOf = kept(
  (/** @type {Model} */ model, /** @type {State} */ state) => {
    const net = netAfter(model, state.steps);
    const options = optionsOf(state.off);
    const x = model.images[state.image];
    const trace = forward(net, x, options);
    const quantity = seedOf(net, trace, state.c, /** @type {any} */ (state.of));
    const deltas = backward(net, trace, quantity, options);
    const y = trace[model.names[model.names.length - 1]].data;
    return { net, options, x, trace, quantity, deltas, y, predicted: largest(y), label: model.labels[state.image] };
  },
  (_, { image, c, of, off, steps }) => JSON.stringify([image, c, of, off, steps]),
);

/** The gradients of all weights for a state. */
export const gradientsOf = kept(
  (/** @type {View} */ view) => gradients(view.net, view.trace, view.deltas, view.options),
  ({ state: { image, c, of, off, steps } }) => JSON.stringify([image, c, of, off, steps]),
);

/**
 * @param {Model} model
 * @param {State} state
 * @returns {View}
 */
export function seen(model, state) {
  return { model, state, .../** @type {any} */ (viewOf(model, state)) };
}

/**
 * The quantity that is differentiated, as the page writes it.
 * @param {string} of
 * @returns {string}
 */
export function symbolOf(of) {
  return { prob: "y", logit: "z", logprob: "log y", loss: "L" }[of] ?? of;
}

/**
 * Norm of each map of an output, or size of each unit, as `nnpg rank` takes it: Frobenius.
 * @param {Tensor} a
 * @returns {number[]}
 */
export function norms(a) {
  const size = a.data.length / a.shape[0];
  return Array.from({ length: a.shape[0] }, (_, f) => {
    let sum = 0;
    for (let n = f * size; n < (f + 1) * size; n++) sum += a.data[n] * a.data[n];
    return Math.sqrt(sum);
  });
}

/**
 * Output times delta, element by element.
 * @param {Tensor} a
 * @param {Tensor} b
 * @returns {Tensor}
 */
export function product(a, b) {
  return { shape: a.shape, data: a.data.map((value, n) => value * b.data[n]) };
}
