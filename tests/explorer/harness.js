// Runs the engine on cases that Python sends. A case holds a document's layers, an image x, what is knocked out, and
// either a seed or a class and what of it is differentiated.
// @ts-check

/** The public names of the engine's script, which may be a mutant. @param {string} script */
function engineOf(script) {
  const names = [...script.matchAll(/^(?:function|const) (\w+)/gm)].map((found) => found[1]);
  return new Function(`${script}; return { ${names.join(", ")} };`)();
}

/** Every output, delta and gradient of a case, and L. @param {any} engine @param {any} sent */
function passesOf(engine, sent) {
  const net = engine.netOf(sent), options = { off: sent.off };
  const trace = engine.forward(net, engine.unpacked(sent.x), options), last = engine.namesOf(net).at(-1);
  const seed = sent.seed
    ? { start: last, seed: engine.unpacked(sent.seed), value: 0 }
    : engine.seedOf(net, trace, sent.class, sent.of);
  const deltas = engine.backward(net, trace, seed, options);
  const gradients = engine.gradients(net, trace, deltas, options);
  return { trace, deltas, gradients, L: { L: { shape: [], data: [seed.value] } } };
}

/** The passes of each case as JSON. @param {string} script @param {any[]} cases */
function passes(script, cases) {
  const engine = engineOf(script);
  return JSON.stringify(cases.map((sent) => passesOf(engine, sent)), (_, v) => (ArrayBuffer.isView(v) ? [.../** @type {any} */ (v)] : v));
}
