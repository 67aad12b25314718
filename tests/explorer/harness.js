// Runs the engine on cases that Python sends. A case holds a document's layers, an image x, what is knocked out, and
// either a seed or a class and what of it is differentiated.
// @ts-check

/** What the modules of a folder export. @param {string} url @returns {Promise<any>} */
async function engineOf(url) {
  const modules = await Promise.all(["layers", "engine", "document"].map((name) => import(`${url}/${name}.js`)));
  return Object.assign({}, ...modules);
}

/** JSON with arrays of numbers as lists. @param {any} value */
const asJson = (value) => JSON.stringify(value, (_, v) => (ArrayBuffer.isView(v) ? [.../** @type {any} */ (v)] : v));

/** A case's network, trace, deltas, quantity and options. @param {any} engine @param {any} sent */
function passed(engine, sent) {
  const net = engine.netOf(sent), options = { off: sent.off };
  const trace = engine.forward(net, engine.unpacked(sent.x), options), last = engine.namesOf(net).at(-1);
  const quantity = sent.seed
    ? { start: last, seed: engine.unpacked(sent.seed), value: 0 }
    : engine.seedOf(net, trace, sent.class, sent.of);
  return { net, trace, quantity, options, deltas: engine.backward(net, trace, quantity, options) };
}

/** The outputs, deltas, gradients and L of each case. @param {string} url @param {any[]} cases */
async function passes(url, cases) {
  const engine = await engineOf(url);
  return asJson(cases.map((sent) => {
    const { net, trace, quantity, options, deltas } = passed(engine, sent);
    const gradients = engine.gradients(net, trace, deltas, options);
    return { trace, deltas, gradients, L: { L: { shape: [], data: [quantity.value] } } };
  }));
}

/** The arithmetic of the units and weights of each case. @param {string} url @param {any[]} cases */
async function arithmetic(url, cases) {
  const engine = await engineOf(url);
  return asJson(cases.map((sent) => {
    const { net, trace, options, deltas } = passed(engine, sent);
    return sent.numbers.map((/** @type {[string, string, number[]]} */ [kind, name, index]) =>
      (kind === "unit" ? engine.terms : engine.weightTerms)(net, trace, deltas, name, index, options));
  }));
}

/** The parameters after one step for each case. @param {string} url @param {any[]} cases */
async function steps(url, cases) {
  const engine = await engineOf(url);
  return asJson(cases.map((sent) => {
    const net = engine.netOf(sent), after = engine.step(net, engine.unpacked(sent.x), sent.class, sent.rate);
    return engine.parametersOf(engine.withParameters(net, after));
  }));
}

/** Whether a pass from every output on gives the trace of the whole pass. @param {string} url @param {any} sent */
async function continued(url, sent) {
  const engine = await engineOf(url), { net, trace } = passed(engine, { ...sent, off: {} });
  return engine.namesOf(net).every((/** @type {string} */ start, /** @type {number} */ n) => {
    const rest = engine.forward(net, trace[start], { start }), names = engine.namesOf(net).slice(n);
    return asJson(rest) === asJson(Object.fromEntries(names.map((/** @type {string} */ o) => [o, trace[o]])));
  });
}

/** What the page finds when it compares itself with a document's digests, or the error.
 * @param {string} url @param {string} text @param {number} crc32 @param {number[]} [images] */
async function checked(url, text, crc32, images) {
  const engine = await engineOf(url);
  try {
    return engine.selfCheck(engine.opened(text, crc32), images);
  } catch (error) {
    return String(error);
  }
}

/** The error that a case ends in. @param {string} url @param {any} sent */
const refusal = (url, sent) => passes(url, [sent]).then(() => "", String);
