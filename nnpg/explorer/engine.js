// The three passes of nnpg for one image, what is differentiated, a step of training, and the arithmetic of one number.
// A trace and deltas are tensors by output, "input" first: deltas[name] is the derivative with respect to trace[name].
// L = prob, logit, logprob or loss of a class; Eq. 2 of Lo & Ding (2015): dL/dw = dL/dy . dy/do . do/dw.

import { argmax, each, indexOf, LAYERS, oneHot, placeOf, sigmoid, sizeOf, sum, zeros } from "./layers.js";

/** @typedef {import("./layers.js").Tensor} Tensor */
/** @typedef {import("./layers.js").Tensors} Tensors */
/** @typedef {import("./layers.js").Layer} Layer */
/** @typedef {{inputShape: number[], layers: Layer[]}} Net */
/** @typedef {[number, number | ArrayLike<number>]} Change  a filter, and the number or the map that it is set to */
/** @typedef {{off?: Record<string, Change[]>, start?: string}} Options */
/** @typedef {"prob" | "logit" | "logprob" | "loss"} Of */
/** @typedef {{start: string, seed: Tensor, value: number, name: string}} Quantity */
/** @typedef {{at: number, index: number[], value: number, slope: number, product: number}} Term */
/** @typedef {{output: string, terms: Term[], total: number}} Terms */
/** @typedef {[number, number]} Slope  a place and a slope */
/** @typedef {{value: number, derivative: number | null, readers: Terms | null}} WeightTerms */
/** @typedef {WeightTerms & {inputs: Terms | null, constant: number | null}} UnitTerms */

export const INPUT = "input";

/** The outputs in order. @param {Net} net */
export const namesOf = (net) => [INPUT, ...net.layers.map((layer) => layer.name)];

/** Every output, from the image on. With `start`, x is that output, and only what follows it is computed. `off` sets
 * filters of all outputs but the last, as nnpg.knock_out does: trace[name] is the output after it.
 * @param {Net} net @param {Tensor} x @param {Options} [options] @returns {Tensors} */
export function forward(net, x, { off = {}, start } = {}) {
  const wrong = Object.keys(off).find((name) => !namesOf(net).slice(0, -1).includes(name));
  if (wrong !== undefined) throw new Error(`off: ${wrong} is not one of ${namesOf(net).slice(0, -1).join(", ")}`);
  let output = start ? x : switched(x, off[INPUT]);
  /** @type {Tensors} */
  const trace = { [start ?? INPUT]: output };
  for (const layer of net.layers.slice(start ? namesOf(net).indexOf(start) : 0))
    trace[layer.name] = output = switched(LAYERS[layer.layer].forward(layer, output), off[layer.name]);
  return trace;
}

/** Every delta, from the output where the seed enters back to the image.
 * @param {Net} net @param {Tensors} trace @param {{start: string, seed: Tensor}} seed @param {Options} [options]
 * @returns {Tensors} */
export function backward(net, trace, { start, seed }, { off = {} } = {}) {
  let delta = seed;
  /** @type {Tensors} */
  const deltas = { [start]: delta };
  for (let n = namesOf(net).indexOf(start) - 1; n >= 0; n--) {
    const layer = net.layers[n], before = namesOf(net)[n];
    delta = LAYERS[layer.layer].backward(layer, unswitched(delta, off[layer.name]), trace[before]);
    deltas[before] = delta;
  }
  return deltas;
}

/** The gradient of every parameter whose layer has a delta, by name: "conv1.W".
 * @param {Net} net @param {Tensors} trace @param {Tensors} deltas @param {Options} [options] @returns {Tensors} */
export function gradients(net, trace, deltas, { off = {} } = {}) {
  /** @type {Tensors} */
  const found = {};
  net.layers.forEach((layer, n) => {
    const rule = LAYERS[layer.layer].gradients;
    if (!rule || !deltas[layer.name]) return;
    const of = rule(layer, unswitched(deltas[layer.name], off[layer.name]), trace[namesOf(net)[n]]);
    for (const [p, gradient] of Object.entries(of)) found[`${layer.name}.${p}`] = gradient;
  });
  return found;
}

/** y' = value where units, y elsewhere. @param {Tensor} y @param {Change[]} [changes] @returns {Tensor} */
function switched(y, changes = []) {
  const units = sizeOf(y.shape.slice(1)), data = changes.length ? y.data.slice() : y.data;
  for (const [f, to] of changes)
    if (typeof to === "number") data.fill(to, f * units, (f + 1) * units);
    else data.set(to, f * units);
  return { shape: y.shape, data };
}

/** dL/dy = 0 where units, delta elsewhere. @param {Tensor} delta @param {Change[]} [changes] */
const unswitched = (delta, changes = []) => switched(delta, changes.map(([f]) => [f, 0]));

/** Whether a filter's unit is set by a knock-out. @param {Tensor} y @param {number} at @param {Change[]} [changes] */
const isOff = (y, at, changes = []) => changes.some(([f]) => f === Math.floor(at / sizeOf(y.shape.slice(1))));

/** What is differentiated, L: y, z, log y or the loss of a class; its value, its seed, and the output where it enters.
 * @param {Net} net @param {Tensors} trace @param {number} c @param {Of} of @returns {Quantity} */
export function seedOf(net, trace, c, of) {
  const names = namesOf(net), last = names[net.layers.length], kind = net.layers[net.layers.length - 1].layer;
  const isSigmoid = kind === "Sigmoid", isSquashed = isSigmoid || kind === "Softmax";
  if (!isSquashed && (of === "prob" || of === "logprob")) throw new Error(`${last}, a ${kind}, gives no probability`);
  const start = of === "prob" || !isSquashed ? last : names[net.layers.length - 1], z = trace[start];
  const loss = isSigmoid ? "binary_cross_entropy" : "softmax_cross_entropy";
  const name = `${of === "loss" ? loss : of} of class ${c}`;
  if (of === "prob" || of === "logit") return { start, seed: oneHot(z.shape, c), value: z.data[c], name };
  const [value, seed] = isSigmoid ? ofSigmoid(z, c, of) : ofSoftmax(z, c, of);
  return { start, seed: each(z, (_, k) => seed(k)), value, name };
}

/** log y_c or L of y = softmax z, L = -log y_c, and its derivative with respect to z_k.
 * @param {Tensor} z @param {number} c @param {Of} of @returns {[number, (k: number) => number]} */
function ofSoftmax(z, c, of) {
  const m = z.data[argmax(z.data)], exponentials = z.data.map((v) => Math.exp(v - m)), total = sum(exponentials);
  const y = exponentials.map((v) => v / total), value = z.data[c] - m - Math.log(total);
  if (of === "loss") return [-value, (k) => y[k] - Number(k === c)]; // dL/dz = y - t
  const others = sum(y.filter((_, k) => k !== c)); // 1 - y_c as the sum of the other y: never rounds to 0
  return [value, (k) => (k === c ? others : -y[k])]; // d log y_c / dz_k = [c = k] - y_k
}

/** log y_c or L of y = sigmoid z, L = -sum_k t_k log y_k + (1 - t_k) log(1 - y_k), and its derivative.
 * @param {Tensor} z @param {number} c @param {Of} of @returns {[number, (k: number) => number]} */
function ofSigmoid({ data: z }, c, of) {
  /** log(1 + e^v), without overflow. @param {number} v */
  const softplus = (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
  if (of === "logprob") return [-softplus(-z[c]), (k) => (k === c ? sigmoid(-z[c]) : 0)]; // 1 - y_c = sigmoid(-z_c)
  return [sum(z.map(softplus)) - z[c], (k) => sigmoid(z[k]) - Number(k === c)]; // dL/dz = y - t
}

/** The parameters after one step on one image, w - rate dL/dw: nnpg.train without momentum and decay.
 * @param {Net} net @param {Tensor} x @param {number} label @param {number} rate @param {Options} [options]
 * @returns {Tensors} */
export function step(net, x, label, rate, options) {
  const trace = forward(net, x, options), deltas = backward(net, trace, seedOf(net, trace, label, "loss"), options);
  const found = gradients(net, trace, deltas, options), old = parametersOf(net);
  return Object.fromEntries(Object.keys(found).map((w) => [w, each(old[w], (v, i) => v - rate * found[w].data[i])]));
}

/** The learned arrays by name: "conv1.W". @param {Net} net @returns {Tensors} */
export const parametersOf = (net) =>
  Object.fromEntries(
    net.layers
      .filter((layer) => LAYERS[layer.layer].gradients)
      .flatMap((layer) => Object.entries(layer.arrays).map(([p, array]) => [`${layer.name}.${p}`, array])),
  );

/** The network with other arrays, by name. @param {Net} net @param {Tensors} parameters @returns {Net} */
export function withParameters(net, parameters) {
  const layers = net.layers.map((layer) => {
    const arrays = Object.entries(layer.arrays).map(([p, array]) => [p, parameters[`${layer.name}.${p}`] ?? array]);
    return { ...layer, arrays: Object.fromEntries(arrays) };
  });
  return { ...net, layers };
}

/** The arithmetic of one unit o, as in nnpg.explain. Forward: the x_i that it reads, and its constant where it is
 * affine, o = sum_i do/dx_i x_i + constant. Backward: the y_j that read it, dL/do = sum_j dL/dy_j dy_j/do; null where
 * the seed enters, and after it.
 * @param {Net} net @param {Tensors} trace @param {Tensors} deltas @param {string} name @param {number[]} index
 * @param {Options} [options] @returns {UnitTerms} */
export function terms(net, trace, deltas, name, index, { off = {} } = {}) {
  const o = trace[name], at = placeOf(o.shape, index), n = namesOf(net).indexOf(name), after = net.layers[n];
  const delta = deltas[name], next = after && deltas[after.name];
  const readers = next ? listed(after.name, next, readersOf(after, o, trace[after.name], at, off)) : null;
  const sides = { value: o.data[at], derivative: delta ? delta.data[at] : null, readers };
  if (n === 0) return { ...sides, inputs: null, constant: null };
  const before = namesOf(net)[n - 1], layer = net.layers[n - 1], kind = LAYERS[layer.layer], x = trace[before];
  if (isOff(o, at, off[name])) return { ...sides, inputs: listed(before, x, []), constant: o.data[at] };
  const slopes = kind.backward(layer, oneHot(o.shape, at), x);
  const read = kind.links ? linked(layer, x, at) : nonZero(slopes).map(([i]) => i);
  const inputs = listed(before, x, read.map((i) => [i, slopes.data[i]]));
  const isAffine = kind.affine || read.length === 0 || (layer.layer === "MaxPool" && read.length === 1);
  return { ...sides, inputs, constant: isAffine ? kind.forward(layer, zeros(x.shape)).data[at] : null };
}

/** The arithmetic of the gradient of one weight, dL/dw = sum_j dL/dy_j dy_j/dw, over the places where it is used.
 * @param {Net} net @param {Tensors} trace @param {Tensors} deltas @param {string} name  such as "conv1.W"
 * @param {number[]} index @param {Options} [options] @returns {WeightTerms} */
export function weightTerms(net, trace, deltas, name, index, { off = {} } = {}) {
  const n = net.layers.findIndex((layer) => Object.keys(layer.arrays).some((p) => `${layer.name}.${p}` === name));
  const layer = net.layers[n], delta = deltas[layer.name], p = name.slice(layer.name.length + 1);
  const array = layer.arrays[p], at = placeOf(array.shape, index), value = array.data[at];
  if (!delta) return { value, derivative: null, readers: null };
  // y is linear in weights and biases together: dy/dw is y with this weight 1 and all others 0
  const arrays = { W: zeros(layer.arrays.W.shape), [p]: oneHot(array.shape, at) };
  const y = LAYERS[layer.layer].forward({ ...layer, arrays }, trace[namesOf(net)[n]]);
  const readers = listed(layer.name, delta, nonZero(y).filter(([j]) => !isOff(y, j, off[layer.name])));
  return { value, derivative: gradients(net, trace, { [layer.name]: delta }, { off })[name].data[at], readers };
}

/** Which y_j read x_i, and dy_j/dx_i.
 * @param {Layer} layer @param {Tensor} x @param {Tensor} y @param {number} i @param {Record<string, Change[]>} off
 * @returns {Slope[]} */
function readersOf(layer, x, y, i, off) {
  const kind = LAYERS[layer.layer], { b: _, ...linear } = layer.arrays;
  /** @type {Slope[]} */
  let read = [];
  if (kind.links)
    kind.links(layer, x, (j, k) => {
      if (k === i) read.push([j, kind.backward(layer, oneHot(y.shape, j), x).data[i]]);
    });
  else read = nonZero(kind.forward({ ...layer, arrays: linear }, oneHot(x.shape, i))); // dy/dx_i = y(e_i) without b
  return read.filter(([j]) => !isOff(y, j, off[layer.name]));
}

/** The x_i that y_j reads. @param {Layer} layer @param {Tensor} x @param {number} j */
function linked(layer, x, j) {
  /** @type {number[]} */
  const read = [];
  LAYERS[layer.layer].links?.(layer, x, (unit, i) => { if (unit === j) read.push(i); });
  return read;
}

/** Places and values that are not 0. @param {Tensor} a @returns {Slope[]} */
const nonZero = (a) => [...a.data.entries()].filter(([, v]) => v !== 0);

/** @param {string} output @param {Tensor} values @param {Slope[]} slopes @returns {Terms} */
function listed(output, values, slopes) {
  const found = slopes.map(([at, slope]) => {
    const value = values.data[at];
    return { at, index: indexOf(values.shape, at), value, slope, product: value * slope };
  });
  return { output, terms: found, total: sum(found.map((term) => term.product)) };
}
