/** Elements of the page: made, found, and kept in focus. @module */

/** @typedef {string | number | Node | null | undefined | false} Child */

/**
 * Make an HTML element. Attributes that start with "on" are listeners; true and false are present and absent.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  set(element, attributes);
  append(element, children.flat());
  return element;
}

/**
 * Make an SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, attributes);
  append(element, children.flat());
  return element;
}

/**
 * Set attributes, and leave those alone that already have their value.
 * @param {Element} element
 * @param {Record<string, any>} attributes
 */
export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === false || value === null || value === undefined) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * @param {Element} element
 * @param {Child[]} children
 */
function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * The element of this id, which the page has.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element ${id}`);
  return element;
}

/**
 * Put children in place of an element's own; the element that has the focus keeps it, by its id.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  const focused = element.contains(document.activeElement) ? document.activeElement?.id : "";
  element.replaceChildren();
  append(element, children.flat());
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/**
 * A group of choices of which one is chosen: arrow keys move the choice, Tab leaves the group.
 * @param {Element} group  with the role radiogroup
 * @param {{value: string, label: Child | Child[], title?: string}[]} choices
 * @param {string} chosen
 * @param {(value: string) => void} choose
 */
export function radios(group, choices, chosen, choose) {
  const at = choices.findIndex((choice) => choice.value === chosen);
  fill(
    group,
    choices.map((choice, n) =>
      h(
        "button",
        {
          id: `${group.id}-${choice.value}`,
          type: "button",
          role: "radio",
          title: choice.title,
          "aria-checked": n === at ? "true" : "false",
          tabindex: n === Math.max(at, 0) ? 0 : -1,
          onclick: () => choose(choice.value),
          onkeydown: (/** @type {KeyboardEvent} */ event) => {
            const to = moved(event, n, choices.length);
            if (to === null) return;
            document.getElementById(`${group.id}-${choices[to].value}`)?.focus();
            choose(choices[to].value);
          },
        },
        choice.label,
      ),
    ),
  );
}

/**
 * Where an arrow key, Home or End leads in a row of `count` things; null for another key.
 * @param {KeyboardEvent} event
 * @param {number} n
 * @param {number} count
 * @param {number} [across]  things in one line, for the keys up and down
 * @returns {number | null}
 */
export function moved(event, n, count, across = 1) {
  const steps = /** @type {Record<string, number>} */ ({
    ArrowLeft: -1,
    ArrowRight: 1,
    ArrowUp: -across,
    ArrowDown: across,
    Home: -n,
    End: count - 1 - n,
  });
  if (!(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return null;
  event.preventDefault();
  const to = n + steps[event.key];
  return to >= 0 && to < count ? to : n;
}
