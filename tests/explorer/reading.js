// What a state of the explorer shows, read from the elements of the page by the tests.

/** The text of an element, if it can be seen. @param {string} selector */
const textOf = (selector) => {
  const element = document.querySelector(selector);
  return element?.checkVisibility({ visibilityProperty: true }) ? element.textContent : null;
};

/** The cells of a table of terms. @param {string} id */
const cellsOf = (id) =>
  [...document.querySelectorAll(`#${id} tbody tr`)].map((row) => [...row.querySelectorAll("th, td")].map((cell) => cell.textContent));

const SHOWN = {
  o: "#o", derivative: "#derivative", forward: "#forward [data-value=forward-sum]", backward: "#backward [data-value=backward-sum]",
  weight: "#weight-name", w: "#w", gradient: "#gradient", weightSum: "[data-value=weight-sum]",
  nudgeNow: "#nudge-now", foretold: "#foretold", happened: "#happened",
  yIntact: "#y-intact", yNow: "#y-now", errorsIntact: "#errors-intact", errorsNow: "#errors-now",
  rms: "#rms", fooledY: "#fooled-y", fooledAnswer: "#fooled-answer", loss: "#loss", stepY: "#step-y", agreement: "#agreement",
};

/** What the page shows now. */
function read() {
  const values = Object.fromEntries(Object.entries(SHOWN).map(([key, selector]) => [key, textOf(selector)]));
  const bars = [...document.querySelectorAll("#bars .value")].map((value) => value.textContent);
  return { ...values, bars, forwardTerms: cellsOf("forward-table"), backwardTerms: cellsOf("backward-table"), weightTerms: cellsOf("weight-table") };
}

/** Go to each state by the hash of the URL, wait until the images are counted, and read. @param {string[]} hashes */
async function readStates(hashes) {
  const found = [];
  for (const hash of hashes) {
    location.hash = hash;
    await new Promise((go) => setTimeout(go, 0));
    while (document.getElementById("damage")?.dataset.done !== "true") await new Promise((go) => setTimeout(go, 5));
    found.push(read());
  }
  return found;
}

Object.assign(window, { read, readStates });
