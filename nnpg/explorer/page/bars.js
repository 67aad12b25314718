/** The network's answer: a bar for each class; the true class is marked, and a click chooses what is differentiated. @module */

import { byId, fill, h, moved } from "./elements.js";
import { digits } from "./numbers.js";
import { extent } from "./paint.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./state.js").Store} Store */

/**
 * @param {View} view
 * @param {Store} store
 */
export function drawBars(view, store) {
  const { model, state, y } = view;
  const chosen = (/** @type {number} */ k) => k === state.c;
  const highest = model.isProbability ? 1 : extent(y);
  fill(byId("answer-note"), `the network says ${model.classNames[view.predicted]}; a click asks what a class depends on`);
  fill(
    byId("bars"),
    Array.from(y, (value, k) =>
      h(
        "button",
        {
          type: "button",
          role: "radio",
          id: `class-${k}`,
          "aria-checked": chosen(k) ? "true" : "false",
          "aria-label": `${model.classNames[k]}${k === view.label ? ", the true class" : ""}${k === view.predicted ? ", the answer" : ""}: ${digits(value)}`,
          tabindex: chosen(k) ? 0 : -1,
          onclick: () => store.set({ c: k }),
          onkeydown: (/** @type {KeyboardEvent} */ event) => {
            const to = moved(event, k, model.K);
            if (to === null) return;
            document.getElementById(`class-${to}`)?.focus();
            store.set({ c: to });
          },
        },
        h("span", { class: "name" }, model.classNames[k], k === view.label ? h("b", { title: "the true class" }, " ✓") : ""),
        h("span", { class: "bar" }, bar(Math.abs(value) / highest)),
        h("span", { class: "value" }, digits(value)),
      ),
    ),
  );
}

/** @param {number} share */
function bar(share) {
  const element = h("i");
  element.style.width = `${100 * Math.min(1, share)}%`;
  return element;
}
