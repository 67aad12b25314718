/** The nine steps of the guided tour: what each shows, asks and answers, with numbers of this network alone. @module */

import { terms, weightTerms } from "../engine.js";
import { indexAt, unitAddress, weightAddress } from "./addresses.js";
import { leastOnLine, roundedUp } from "./attack.js";
import { nextFilter } from "./knockout.js";
import { seen, symbolOf } from "./model.js";
import { digits, largest } from "./numbers.js";
import { kindOf } from "./sources.js";
import { weightOf } from "./weights.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").State} State */

/**
 * @typedef {object} Question
 * @property {string} ask
 * @property {string[]} choices
 * @property {number} right
 * @property {string} answer
 */

/**
 * @typedef {object} Step
 * @property {string} title
 * @property {string} text
 * @property {(view: View) => boolean} applies
 * @property {(view: View) => Partial<State>} enter  from the first state of the page
 * @property {(view: View) => Question} question
 * @property {(view: View) => Partial<State>} [reveal]  what the answer changes
 * @property {string[]} veil  parts of the page that show the answer
 */

/** @param {View} view */
const name = ({ model, state }) => model.classNames[state.c];

/** The class with the second largest output. @param {View} view */
function runnerUp({ y, predicted }) {
  return largest(y.map((value, k) => (k === predicted ? -Infinity : value)));
}

/** The unit of an output with the largest delta. @param {View} view @param {string} output */
function strongestUnit({ deltas, model }, output) {
  return { name: output, index: indexAt(model.shapes[output], largest(deltas[output].data.map(Math.abs))) };
}

/** The last layer of a kind, and the output that it reads. @param {View} view @param {string} kind */
function lastOf({ model }, kind) {
  const at = model.names.findLastIndex((output) => kindOf(model, output) === kind);
  return at < 0 ? null : { layer: model.names[at], before: model.names[at - 1] };
}

/** @param {View} view */
const sums = (view) => terms(view.net, view.trace, view.deltas, view.state.unit.name, view.state.unit.index, view.options);

/** @type {Step[]} */
export const STEPS = [
  {
    title: "Forward",
    text: "A network is a chain of layers. Each circle is a picture that one layer computes from the row above it. The last row is the answer: a number y for each class.",
    applies: () => true,
    enter: () => ({}),
    question: (view) => {
      const third = view.y.findIndex((_, k) => k !== view.predicted && k !== runnerUp(view));
      const shown = [...new Set([view.predicted, runnerUp(view), third])].filter((k) => k >= 0).sort((a, b) => a - b);
      return {
        ask: "Which class does it give the image that is marked above?",
        choices: shown.map((k) => view.model.classNames[k]),
        right: shown.indexOf(view.predicted),
        answer: `It answers ${view.model.classNames[view.predicted]}, with y = ${digits(view.y[view.predicted])}. "One number" shows a number of the network, and what it is computed from. Click any number there to follow it.`,
      };
    },
    veil: ["answer-part", "last-row", "damage", "fooled", "sentence"],
  },
  {
    title: "The seed",
    text: "Now backward: how would y change if a number o inside were a little larger? That is the delta dy/do. It starts at y itself, with the seed dL/dy, where L is what we ask about. Here we ask about y.",
    applies: () => true,
    enter: ({ quantity, state }) => ({ unit: { name: quantity.start, index: [state.c] } }),
    question: (view) => ({
      ask: `The first delta is that of y of ${name(view)} itself, dy/dy. What is it?`,
      choices: ["0", `${digits(view.y[view.state.c])}, as large as y`, "1"],
      right: 2,
      answer: `It grows as much as it grows, so dy/dy = 1; and for every other class the seed is 0. Nothing else is put in: all deltas of this page come from this one 1. Another seed (${view.model.of.slice(1).map(symbolOf).join(", ")}, at the top) gives other deltas by the same rules.`,
    }),
    veil: ["backward", "sentence", "delta-words", "delta-map", "more"],
  },
  {
    title: "Softmax, back",
    text: "Softmax turns a score z for each class into probabilities that add up to 1. So the score of every class has a delta, also those that we did not ask about.",
    applies: (view) => kindOf(view.model, view.quantity.start) === "Softmax" && view.model.K > 1,
    enter: (view) => ({ unit: { name: view.model.names[view.model.names.length - 2], index: [runnerUp(view)] } }),
    question: (view) => ({
      ask: `The score z of ${view.model.classNames[view.state.unit.index[0]]} grows. What does y of ${name(view)} do?`,
      choices: ["It grows too", "It falls", "Nothing"],
      right: 1,
      answer: `It falls: its delta is −y · y of the other = −${digits(view.y[view.state.c])} × ${digits(view.y[view.state.unit.index[0]])} = ${digits(/** @type {number} */ (sums(view).derivative))}. What one class gains, the others lose.`,
    }),
    veil: ["backward", "sentence", "delta-words", "delta-map", "more"],
  },
  {
    title: "One dense delta",
    text: "Each unit of a dense layer reads every unit before it. So one number is read in many places, and each reader sends something back.",
    applies: (view) => lastOf(view, "Dense") !== null,
    enter: (view) => ({ unit: strongestUnit(view, /** @type {any} */ (lastOf(view, "Dense")).before) }),
    question: (view) => {
      const { readers, derivative } = sums(view);
      const count = readers?.terms.length ?? 0;
      return {
        ask: `What is the delta of ${unitAddress(view.state.unit)}?`,
        choices: ["The largest delta of its readers", "The mean of their deltas", "The sum of their deltas, each times a weight"],
        right: 2,
        answer: `A sum of ${count} products: the delta of each reader times the weight through which it reads. Together ${digits(/** @type {number} */ (derivative))}. Below "Move it" the same is measured: move the number, and see what y does.`,
      };
    },
    veil: ["backward"],
  },
  {
    title: "The pool routes",
    text: "Max pooling keeps the largest number of each window and drops the others. This number is in a window, and it is not the largest.",
    applies: (view) => lastOf(view, "MaxPool") !== null && losers(view).length > 0,
    enter: (view) => ({ unit: losers(view)[0].loser }),
    question: (view) => {
      const { winner, size, delta } = losers(seen(view.model, { ...view.state, guess: -1 }))[0];
      return {
        ask: `The delta of its window is ${digits(delta)}. How much of it does this number get?`,
        choices: ["All of it", `Its share, 1/${size}`, "Nothing"],
        right: 2,
        answer: `Nothing: while it is not the largest, moving it changes nothing. All of it goes to the winner, ${unitAddress(winner)}. Click the pool's unit at Backward, then the winner. And "Move it" far enough, and the pool switches: a kink.`,
      };
    },
    veil: ["backward", "delta-words", "delta-map", "sentence", "more"],
  },
  {
    title: "One convolution delta",
    text: "A filter slides over the map before it. So the same number is read at several places, by every filter.",
    applies: (view) => lastOf(view, "Conv") !== null,
    enter: (view) => ({ unit: strongestUnit(view, /** @type {any} */ (lastOf(view, "Conv")).before) }),
    question: (view) => {
      const { readers, derivative } = sums(view);
      const count = readers?.terms.length ?? 0;
      const F = view.model.shapes[/** @type {any} */ (lastOf(view, "Conv")).layer][0];
      const choices = [...new Set([1, F, count, count === F ? 2 * F : count])].sort((a, b) => a - b);
      return {
        ask: `How many numbers read ${unitAddress(view.state.unit)}?`,
        choices: choices.map(String),
        right: choices.indexOf(count),
        answer: `${count}. Each sends back its delta times the weight at its place: together ${digits(/** @type {number} */ (derivative))}. This is a convolution too, with the filter turned around.`,
      };
    },
    veil: ["backward"],
  },
  {
    title: "The third factor",
    text: "Training changes weights, not outputs. The last factor of the equation at the top, do/dw, is how an output changes with its weight: by the input that the weight multiplies.",
    applies: (view) => weightOf(view) !== null,
    enter: (view) => {
      const last = lastOf(view, "Conv") ?? lastOf(view, "Dense");
      const unit = last ? strongestUnit(view, last.layer) : view.state.unit;
      return { unit, tab: "weight", weight: weightOf(seen(view.model, { ...view.state, unit, weight: null })) };
    },
    question: (view) => {
      const weight = /** @type {import("./addresses.js").Weight} */ (weightOf(view));
      const { readers, derivative } = weightTerms(view.net, view.trace, view.deltas, `${weight.layer}.${weight.p}`, weight.index, view.options);
      const count = readers?.terms.length ?? 0;
      return {
        ask: `What is the gradient of the weight ${weightAddress(weight)}?`,
        choices: ["The delta at one place", "Delta times input, summed over all its places", "The weight times its delta"],
        right: 1,
        answer: `delta × input, summed over ${count === 1 ? "its one place" : `all ${count} places where the filter uses it`}: ${digits(/** @type {number} */ (derivative))}. With the loss as seed, "Train a step" subtracts a little of this from every weight. That is training.`,
      };
    },
    veil: ["panel"],
  },
  {
    title: "Knock it out",
    text: "If deltas say what an answer depends on, then setting a filter with large deltas to 0 must hurt. The ranking takes the mean delta over this class's images on the page.",
    applies: (view) => view.model.blocks.length > 0,
    enter: (view) => {
      const unit = /** @type {{name: string, f: number}} */ (nextFilter(view, "strongest"));
      const place = strongestUnit(view, unit.name).index.slice(1);
      return { unit: { name: unit.name, index: [unit.f, ...place] } };
    },
    question: (view) => {
      const intact = seen(view.model, { ...view.state, off: [] });
      const unit = /** @type {{name: string, f: number}} */ (nextFilter(intact, "strongest"));
      const after = seen(view.model, { ...view.state, off: [[unit.name, unit.f]] });
      const [before, then] = [intact.y[view.state.c], after.y[view.state.c]];
      return {
        ask: `Set the strongest filter for ${name(view)}, ${unit.name}[${unit.f}], to 0. What does y of ${name(view)} do?`,
        choices: ["It falls by more than half", "It falls by less than half", "It grows"],
        right: then >= before ? 2 : then < before / 2 ? 0 : 1,
        answer: `From ${digits(before)} to ${digits(then)}; the network ${after.predicted === intact.predicted ? "still" : "now"} answers ${view.model.classNames[after.predicted]}. Knock out the next strongest, or start again with the weakest, and compare how fast the errors rise.`,
      };
    },
    reveal: (view) => {
      const unit = nextFilter(view, "strongest");
      return unit ? { off: [[unit.name, unit.f]] } : {};
    },
    veil: ["damage"],
  },
  {
    title: "Fool it",
    text: "The pixels have deltas as well: dy/dx says how each must change. So follow them, all pixels at once, towards another class.",
    applies: (view) => view.model.K > 1,
    enter: (view) => ({ unit: strongestUnit(view, "input"), show: "deltas", target: runnerUp(view), size: 0 }),
    question: (view) => {
      const target = view.model.classNames[view.state.target];
      const least = leastOnLine(seen(view.model, { ...view.state, size: 0 }));
      const sizes = [0.01, 0.05, 0.25];
      const right = least === null ? 3 : sizes.map((size) => -Math.abs(Math.log(Math.max(least, 1e-6) / size))).reduce((best, value, n, all) => (value > all[best] ? n : best), 0);
      return {
        ask: `Pixels lie between 0 and 1. By about how much must they change (root mean square) for the answer ${target}?`,
        choices: [...sizes.map((size) => `about ${size}`), "no change does it"].slice(0, least === null ? 4 : 3),
        right,
        answer: least === null ? "On this line nothing does it: a change that is not bound to a line may." : `${digits(least)} is enough on this line. Look at the changed picture, and at the change itself. Try another target, or the sign of the deltas alone.`,
      };
    },
    reveal: (view) => {
      const least = leastOnLine(view);
      return least === null ? {} : { size: roundedUp(least) };
    },
    veil: ["fooled"],
  },
];

/** Units that lose in their window of the last max pooling, where the window's delta is large. @param {View} view */
function losers(view) {
  const pool = lastOf(view, "MaxPool");
  if (!pool || !view.deltas[pool.layer]) return [];
  const unit = strongestUnit(view, pool.layer);
  const { inputs, derivative } = terms(view.net, view.trace, view.deltas, unit.name, unit.index, view.options);
  if (!inputs) return [];
  const winner = inputs.terms.find((term) => term.slope !== 0);
  const loser = inputs.terms.find((term) => term.slope === 0);
  if (!winner || !loser) return [];
  return [{ loser: { name: pool.before, index: loser.index }, winner: { name: pool.before, index: winner.index }, size: inputs.terms.length, delta: /** @type {number} */ (derivative) }];
}
