"""Networks and images for the explorer's engine, and what nnpg computes from them in float64 on the numpy backend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from fuzz.random_networks import case
from layer_rows import ROWS, delta

import nnpg
from nnpg.explanation.quantities import quantity
from nnpg.explorer.document import packed, packed_layers

Values = dict[str, dict[str, np.ndarray]]
CHAINS = 50


class Case(NamedTuple):
    """One image, one seed, and the passes: outputs, deltas, gradients and L by name."""

    name: str
    sent: dict[str, Any]
    expected: Values


def of_rows() -> Iterator[Case]:
    """Every layer of the table alone, with a random seed."""
    for row in ROWS:
        net = nnpg.Network({"layer": row.on(nnpg.load_backend("numpy"))}, row.shape, nnpg.load_backend("numpy"))
        trace = net.forward(row.x(1))
        seed = delta(trace.y)
        yield _case(row.name, net, trace, {"seed": packed(seed[0])}, "layer", seed, 0.0)


def of_chains() -> Iterator[Case]:
    """Random networks with a class that is differentiated, in every second one with filters knocked out."""
    for n in range(CHAINS):
        drawn, rng = case(n), np.random.default_rng(n)
        net = drawn.net.astype("float64").to("numpy")
        c, squashed = int(rng.integers(net.K)), type(net.layers[net.names[-1]]) in (nnpg.Softmax, nnpg.Sigmoid)
        of = str(rng.choice(["prob", "logit", "logprob", "loss"] if squashed else ["logit", "loss"]))
        off = _filters(net, rng) if n % 2 else {}
        changed = _without(net, off)
        trace = changed.forward(drawn.x[:1].astype("float64"))
        L = quantity(changed, trace, c, of)  # type: ignore[arg-type]
        sent = {"class": c, "of": of, "off": off}
        yield _case(f"chain {n}", net, trace, sent, L.start, L.seed, L.value(trace), changed)


def _case(
    name: str,
    net: nnpg.Network,
    trace: nnpg.Trace,
    sent: dict[str, Any],
    start: str,
    seed: np.ndarray,
    value: float,
    changed: nnpg.Network | None = None,
) -> Case:
    changed = changed or net
    deltas = changed.backward(trace, seed, start=start)
    gradients = changed.gradients(trace, deltas)
    expected = {
        "trace": {o: trace[o][0] for o in trace},
        "deltas": {o: d[0] for o, d in deltas.items()},
        "gradients": {f"{o}.{p}": g for o, of in gradients.items() for p, g in of.items()},
        "L": {"L": np.array(value)},
    }
    about = {"inputShape": list(net.input_shape), "layers": packed_layers(net), "x": packed(trace["input"][0])}
    return Case(name, {"off": {}, **about, **sent}, expected)


def _filters(net: nnpg.Network, rng: np.random.Generator) -> dict[str, list[tuple[int, Any]]]:
    """Draw filters of outputs before the last one, each set to 0 or to random values."""
    off: dict[str, list[tuple[int, Any]]] = {}
    for name in rng.permutation(net.names[1:-1])[:2]:
        F, *size = net.shapes[str(name)]
        values = [0, rng.standard_normal(size).ravel().tolist()]
        off[str(name)] = [(int(f), values[int(rng.integers(2))]) for f in rng.permutation(F)[:2]]
    return off


def _without(net: nnpg.Network, off: dict[str, list[tuple[int, Any]]]) -> nnpg.Network:
    for name, filters in off.items():
        F, *size = net.shapes[name]
        for f, to in filters:
            units = (np.arange(F) == f).reshape(-1, *[1] * len(size))
            net = net.intervene(name, nnpg.Override(units, np.broadcast_to(np.reshape(to, size if to else ()), size)))
    return net
