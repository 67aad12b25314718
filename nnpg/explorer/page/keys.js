/** What single keys do, wherever the focus is, except in a field. @module */

import { byId } from "./elements.js";

/**
 * @param {import("./state.js").Store} store
 * @param {{knock: () => void}} actions
 */
export function listenToKeys(store, { knock }) {
  const keys = byId("keys-button");
  const toggle = () => {
    const part = byId("keys");
    part.hidden = !part.hidden;
    keys.setAttribute("aria-expanded", String(!part.hidden));
  };
  keys.addEventListener("click", toggle);
  const press = (/** @type {string} */ id) => {
    const button = document.getElementById(id);
    if (button instanceof HTMLButtonElement && !button.disabled) button.click();
  };
  /** @type {Record<string, () => void>} */
  const actions = {
    u: () => store.undo(),
    b: () => store.undo(),
    0: () => store.reset(),
    x: knock,
    t: () => press("tour-button"),
    n: () => press("tour-next"),
    p: () => press("tour-previous"),
    1: () => press("guess-0"),
    2: () => press("guess-1"),
    3: () => press("guess-2"),
    "?": toggle,
  };
  addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const isField = target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || isField || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}
