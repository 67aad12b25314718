/** The guided tour: each step sets the page, asks for a guess, and only then shows the numbers that answer it. @module */

import { byId, fill, h } from "./elements.js";
import { kept, seen } from "./model.js";
import { STEPS } from "./tour_steps.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */
/** @typedef {import("./state.js").State} State */

const ALL_VEILS = [...new Set(STEPS.flatMap(({ veil }) => veil))];
/** Numbers of the steps that this network has something to show for. @type {number[]} */
let numbers = [];
/** @type {State} */
let base;
let shown = ""; // step and whether it was asking, when the page was last scrolled to it
const ONE_COLUMN = 900; // pixels, below which the parts of the page are below each other

/**
 * @param {Model} model
 * @param {Store} store
 * @param {State} first
 */
export function makeTour(model, store, first) {
  base = first;
  const view = seen(model, first);
  numbers = STEPS.map((step, n) => (step.applies(view) ? n + 1 : 0)).filter(Boolean);
  byId("tour-button").addEventListener("click", () => (store.state.tour ? store.set({ tour: 0, guess: -1 }) : enter(model, store, numbers[0])));
}

/**
 * Set the page for a step.
 * @param {Model} model
 * @param {Store} store
 * @param {number} number
 */
function enter(model, store, number) {
  store.set({ ...base, ...STEPS[number - 1].enter(seen(model, base)), tour: number, guess: -1 });
}

/** The question of a step, in the state in which the step begins, whatever was clicked since. */
const questionOf = kept(
  (/** @type {Model} */ model, /** @type {number} */ number) => {
    const step = STEPS[number - 1];
    return step.question(seen(model, { ...base, ...step.enter(seen(model, base)), tour: number }));
  },
  (_, number) => String(number),
);

/**
 * @param {View} view
 * @param {Store} store
 */
export function drawTour(view, store) {
  const { model, state } = view;
  const card = byId("tour");
  card.hidden = !state.tour;
  byId("tour-button").setAttribute("aria-expanded", String(state.tour > 0));
  document.body.classList.toggle("touring", state.tour > 0);
  const step = STEPS[state.tour - 1];
  const isAsking = Boolean(step) && state.guess < 0;
  for (const id of ALL_VEILS) byId(id).toggleAttribute("data-veiled", isAsking && step.veil.includes(id));
  if (!step) return fill(card);
  if (shown !== `${state.tour} ${isAsking}`) {
    shown = `${state.tour} ${isAsking}`;
    if (innerWidth < ONE_COLUMN && (state.tour > 1 || !isAsking)) byId(step.veil[0]).scrollIntoView({ block: "center" });
  }
  const question = questionOf(model, state.tour);
  const hadFocus = card.contains(document.activeElement);
  const at = numbers.indexOf(state.tour);
  const go = (/** @type {number} */ to) => () => enter(model, store, numbers[to]);
  const guess = (/** @type {number} */ n) => () => store.set({ ...(step.reveal?.(view) ?? {}), guess: n });
  const isRight = state.guess === question.right;
  const right = question.choices[question.right];
  const repeats = !isRight && question.answer.startsWith(right); // it is said once
  fill(
    card,
    h("div", { class: "said" }, h("h2", {}, h("span", { class: "number" }, `${at + 1} of ${numbers.length}`), ` ${step.title}`), h("p", {}, step.text)),
    h(
      "div",
      { class: "asked" },
      isAsking ? h("p", {}, h("b", {}, question.ask)) : h("p", { id: "tour-answer", role: "status" }, h("b", {}, isRight ? "Right. " : `Not quite: ${right}${repeats ? "" : ". "}`), repeats ? question.answer.slice(right.length) : question.answer),
      isAsking ? h("div", { class: "choices" }, question.choices.map((choice, n) => h("button", { type: "button", id: `guess-${n}`, onclick: guess(n) }, choice))) : null,
    ),
    h(
      "div",
      { class: "steps" },
      h("button", { type: "button", id: "tour-previous", disabled: at <= 0, onclick: go(at - 1) }, "previous"),
      at + 1 < numbers.length ? h("button", { type: "button", id: "tour-next", class: isAsking ? "" : "main", onclick: go(at + 1) }, "next") : h("button", { type: "button", id: "tour-next", class: isAsking ? "" : "main", onclick: () => store.set({ ...base, tour: 0, guess: -1 }) }, "end"),
      h("button", { type: "button", id: "tour-close", title: "Go on without the tour", onclick: () => store.set({ tour: 0, guess: -1 }) }, "close"),
    ),
  );
  if (hadFocus && !card.contains(document.activeElement)) byId(isAsking ? "guess-0" : "tour-next").focus({ preventScroll: true });
}
