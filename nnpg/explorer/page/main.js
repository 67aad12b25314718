/** The page: opened, compared with nnpg, drawn after each change of the state. @module */

import { opened } from "../document.js";
import { drawAttack, makeAttack } from "./attack.js";
import { drawBars } from "./bars.js";
import { drawCode } from "./code.js";
import { compare, refuse } from "./comparison.js";
import { byId, fill, h, moved, radios, set } from "./elements.js";
import { listenToKeys } from "./keys.js";
import { drawKnockout, knockUnit, makeKnockout } from "./knockout.js";
import { norms, openModel, seen, symbolOf } from "./model.js";
import { drawNetwork, makeNetwork } from "./network_view.js";
import { drawNudge } from "./nudge.js";
import { largest } from "./numbers.js";
import { drawOneNumber, makeOneNumber } from "./one_number.js";
import { paintImage } from "./paint.js";
import { asPython } from "./python.js";
import { openStore } from "./state.js";
import { drawSums } from "./sums.js";
import { drawTour, makeTour } from "./tour.js";
import { drawStep } from "./training_step.js";
import { drawWeight } from "./weights.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./state.js").Store} Store */

const TABS = { nudge: "Move it", weight: "Its weights", step: "Train a step", code: "The code" };

/**
 * What the page is like without the tour: an image that is answered rightly, and the unit on which its answer depends most.
 * @param {Model} model
 * @returns {State}
 */
function firstState(model) {
  const name = model.blocks[model.blocks.length - 2] ?? model.blocks[0] ?? model.names[1];
  /** @type {State} */
  const state = {
    image: 0, c: model.labels[0], of: model.of[0], unit: { name, index: model.shapes[name].map(() => 0) }, weight: null, show: "outputs", off: [],
    target: -1, along: "slope", clip: model.inBox, size: 0, steps: [], nudge: 0, tab: "nudge", tour: 0, guess: -1,
  };
  const image = Number(byId("document").dataset.first);
  const c = model.labels[image];
  const delta = seen(model, { ...state, image, c }).deltas[name];
  const [, ...shape] = delta.shape;
  const size = shape.reduce((a, b) => a * b, 1);
  const f = largest(norms(delta));
  const at = largest(delta.data.subarray(f * size, (f + 1) * size).map(Math.abs));
  return { ...state, image, c, unit: { name, index: shape.length ? [f, Math.floor(at / shape[1]), at % shape[1]] : [f] } };
}

/** @param {Model} model */
function start(model) {
  const first = firstState(model);
  const draw = () => drawAll(model, store);
  const drawAnew = () => {
    drawn.clear();
    draw();
  };
  const store = openStore(model, first, { ...first, tour: 1 }, draw);
  makeNetwork(model, store);
  makeOneNumber(model, store);
  makeKnockout(model, store);
  makeAttack(model, store, () => seen(model, store.state));
  makeTour(model, store, first);
  byId("undo").addEventListener("click", () => store.undo());
  byId("reset").addEventListener("click", () => store.reset());
  byId("copy").addEventListener("click", () => copy(asPython(seen(model, store.state), fileName())));
  listenToKeys(store, { knock: () => knockUnit(model, store) });
  byId("banner").hidden = true;
  byId("content").hidden = false;
  fill(byId("images"), model.images.map((x, n) => imageButton(model, store, x, n)));
  draw();
  addEventListener("resize", drawAnew);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAnew);
}

/** Name of this page's file. */
function fileName() {
  return decodeURIComponent(location.pathname.split("/").pop() || "") || "explorer.html";
}

/** @param {string} text */
async function copy(text) {
  const button = byId("copy");
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch {
    button.textContent = "below";
  }
  let shown = document.getElementById("program");
  if (!shown) byId("one").append((shown = h("pre", { id: "program", tabindex: 0, "aria-label": "The program" })));
  shown.textContent = text;
  shown.scrollIntoView({ block: "nearest" });
  setTimeout(() => { button.textContent = "copy as Python"; }, 1500);
}

/**
 * @param {Model} model
 * @param {Store} store
 * @param {import("./model.js").Tensor} x
 * @param {number} n
 */
function imageButton(model, store, x, n) {
  const canvas = document.createElement("canvas");
  paintImage(canvas, x);
  const choose = (/** @type {number} */ image) => store.set({ image, c: model.labels[image], size: 0, nudge: 0 });
  const keys = (/** @type {KeyboardEvent} */ event) => {
    const to = moved(event, n, model.images.length);
    if (to === null) return;
    choose(to);
    document.getElementById(`image-${to}`)?.focus();
  };
  return h("button", { type: "button", role: "radio", id: `image-${n}`, title: `image ${n}: ${model.classNames[model.labels[n]]}`, "aria-label": `image ${n}, ${model.classNames[model.labels[n]]}`, onclick: () => choose(n), onkeydown: keys }, canvas);
}

/** What each part of the page was last drawn from. @type {Map<string, string>} */
const drawn = new Map();

/**
 * Draw a part of the page, if what it depends on has changed.
 * @param {string} part
 * @param {unknown[]} on
 * @param {() => void} draw
 */
function once(part, on, draw) {
  const key = JSON.stringify(on);
  if (drawn.get(part) === key) return;
  draw();
  drawn.set(part, key);
}

/**
 * @param {Model} model
 * @param {Store} store
 */
function drawAll(model, store) {
  const { state } = store;
  const view = seen(model, state);
  const { image, c, of, off, steps, unit, weight, show, target, along, clip, size, nudge, tab, tour } = state;
  const passes = [image, c, of, off, steps];
  document.getElementById("program")?.remove();
  model.images.forEach((_, n) => set(byId(`image-${n}`), { "aria-checked": n === state.image ? "true" : "false", tabindex: n === state.image ? 0 : -1 }));
  const titles = { prob: "the probability", logit: "the input of the last squashing function", logprob: "its logarithm", loss: "the loss of training, for this class" };
  radios(byId("of"), model.of.map((of) => ({ value: of, label: symbolOf(of), title: titles[/** @type {keyof typeof titles} */ (of)] })), state.of, (of) => store.set({ of }));
  byId("undo").disabled = byId("back").disabled = !store.undone();
  once("network", [passes, unit, show], () => drawNetwork(view, store));
  once("bars", passes, () => drawBars(view, store));
  once("number", [passes, unit, weight], () => drawOneNumber(view));
  once("sums", [passes, unit], () => drawSums(view, store));
  once("tabs", [passes, unit, weight, nudge, tab], () => drawTabs(view, store));
  once("knockout", [passes, unit], () => drawKnockout(view, store));
  once("attack", [passes, target, along, clip, size], () => drawAttack(view));
  once("tour", [passes, tour, state.guess], () => drawTour(view, store));
  document.body.dataset.state = "drawn";
}

/**
 * @param {import("./model.js").View} view
 * @param {Store} store
 */
function drawTabs(view, store) {
  const { state } = view;
  const names = Object.keys(TABS);
  const choose = (/** @type {string} */ tab) => store.set({ tab });
  fill(
    byId("tabs"),
    Object.entries(TABS).map(([tab, label], n) =>
      h("button", {
        type: "button", role: "tab", id: `tab-${tab}`, "aria-selected": tab === state.tab ? "true" : "false", "aria-controls": "panel", tabindex: tab === state.tab ? 0 : -1, onclick: () => choose(tab),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          const to = moved(event, n, names.length);
          if (to === null) return;
          document.getElementById(`tab-${names[to]}`)?.focus();
          choose(names[to]);
        },
      }, label),
    ),
  );
  set(byId("panel"), { "aria-labelledby": `tab-${state.tab}` });
  for (const tab of names) byId(`${tab}-panel`).hidden = tab !== state.tab;
  if (state.tab === "nudge") drawNudge(view, store);
  if (state.tab === "weight") drawWeight(view, store);
  if (state.tab === "step") drawStep(view, store);
  if (state.tab === "code") drawCode(view);
}

try {
  const element = byId("document");
  const written = opened(element.textContent, Number(element.dataset.crc32));
  if (compare(written)) start(openModel(written, document.title));
} catch (error) {
  refuse(`This page cannot be shown: ${error instanceof Error ? error.message : error}. Write it again with nnpg explore.`);
  console.info(error);
}
