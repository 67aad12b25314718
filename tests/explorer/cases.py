"""Networks and images for the explorer's engine, and what nnpg computes from them in float64 on the numpy backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from explanation.nets import OF, K, around, random_address
from fuzz.random_networks import case
from layer_rows import ROWS, Row, delta

import nnpg
from nnpg.explanation.addresses import address
from nnpg.explanation.quantities import OfNumber, quantity
from nnpg.explorer.document import packed, packed_layers

Values = dict[str, dict[str, np.ndarray]]
Off = dict[str, list[tuple[int, Any]]]
CHAINS = 50
T = TypeVar("T")

DEEP = [
    nnpg.Center(np.full((2, 1, 1), 0.25)), nnpg.conv(4, 3, padding=1), nnpg.ReLU(),
    nnpg.LocalResponseNorm(size=3, alpha=0.5), nnpg.MaxPool(3, stride=2),
    nnpg.conv(6, 3, groups=2, dilation=2, padding=2, bias=False), nnpg.ReLU(), nnpg.AvgPool(3, stride=2, padding=1),
    nnpg.Flatten(), nnpg.Dropout(0.3, key=4), nnpg.dense(5), nnpg.Sigmoid(), nnpg.dense(K), nnpg.Softmax(),
]  # fmt: skip


def as_list(function: Callable[[], Iterator[T]]) -> Callable[[], list[T]]:
    return lambda: list(function())


class Case(NamedTuple):
    """A network, one image and one seed, as they are sent to the page; outputs, deltas, gradients and L by name."""

    name: str
    sent: dict[str, Any]
    expected: Values


class Numbers(NamedTuple):
    """A network, one image, one quantity and some units and weights; how nnpg explains each."""

    sent: dict[str, Any]
    expected: list[nnpg.Explanation]


class Step(NamedTuple):
    """A network, one image, its label and a rate; the weights by name after nnpg.train has taken one step."""

    sent: dict[str, Any]
    expected: dict[str, np.ndarray]


MORE_ROWS = [
    Row("center of images", nnpg.Center(np.arange(2.0).reshape(1, 2, 1, 1)), (2, 3, 4), affine=True),
    Row("center of columns", nnpg.Center(np.arange(4.0)), (2, 3, 4), affine=True),
    Row("softmax of 1", nnpg.Softmax(), (1,)),
    Row("softmax of columns", nnpg.Softmax(), (2, 3, 4)),
]
SOFTMAX_ROWS = [row for row in (*ROWS, *MORE_ROWS) if type(row.layer) is nnpg.Softmax]


@cache
@as_list
def of_rows() -> Iterator[Case]:
    """Every layer of the table alone, with a random seed, and once more where all numbers are -1, 0 or 1: ties."""
    for row in (*ROWS, *MORE_ROWS):
        net = nnpg.Network({"layer": row.on(nnpg.load_backend("numpy"))}, row.shape, nnpg.load_backend("numpy"))
        for x in (row.x(1), np.sign(row.x(1).round())):
            trace = net.forward(x)
            seed = delta(trace.y)
            sent = {"seed": packed(seed[0]), **about(net, x)}
            yield Case(row.name, sent, passes(net, trace, "layer", seed, 0.0))


@cache
@as_list
def of_chains() -> Iterator[Case]:
    """Random networks with a class that is differentiated, in every second one with filters knocked out."""
    for n in range(CHAINS):
        drawn, rng = case(n), np.random.default_rng(n)
        net, x = drawn.net.astype("float64").to("numpy"), drawn.x[:1].astype("float64")
        yield of_class(f"chain {n}", net, x, random_of(net, rng), filters(net, rng) if n % 2 else {}, rng)


def of_class(name: str, net: nnpg.Network, x: np.ndarray, of: OfNumber, off: Off, rng: np.random.Generator) -> Case:
    changed, c = without(net, off), int(rng.integers(net.K))
    trace = changed.forward(x)
    L = quantity(changed, trace, c, of)
    sent = {"class": c, "of": of, **about(net, x, off)}
    return Case(name, sent, passes(changed, trace, L.start, L.seed, L.value(trace)))


@cache
@as_list
def of_numbers() -> Iterator[Numbers]:
    """Random units and weights around every layer of the table, and of a deep network."""
    nets = [(around(row), row.x(1)) for row in (*ROWS, *MORE_ROWS)]
    nets += [(around(row, nnpg.Sigmoid()), row.x(1)) for row in (*SOFTMAX_ROWS, *ROWS[::9])]
    deep = nnpg.build(DEEP, input_shape=(2, 9, 9), rng=1, dtype="float64", backend="numpy")
    nets += [(deep, np.random.default_rng(n).standard_normal((1, 2, 9, 9))) for n in range(8)]
    for n, (net, x) in enumerate(nets):
        rng, of = np.random.default_rng(n), OF[n % 4]
        off = filters(net, rng) if n % 3 == 2 else {}
        changed, c = without(net, off), int(rng.integers(K))
        numbers, expected = [], []
        for name, shape in net.shapes.items():
            for index in {random_address(name, shape, rng)[1], tuple(size - 1 for size in shape)}:
                numbers.append(("unit", name, index))
                unit = address(name, index)
                expected.append(nnpg.explain(changed, x, unit=unit, classes=c, of=of))  # type: ignore[arg-type]
        for layer, arrays in net.parameters.items():
            p = str(rng.choice(list(arrays)))
            weight, index = random_address(f"{layer}.{p}", arrays[p].shape, rng)
            numbers.append(("weight", f"{layer}.{p}", index))
            expected.append(nnpg.explain(changed, x, weight=weight, classes=c, of=of))  # type: ignore[arg-type]
        yield Numbers({"class": c, "of": of, "numbers": numbers, **about(net, x, off)}, expected)


@cache
@as_list
def of_steps() -> Iterator[Step]:
    """One step with the loss that `of="loss"` differentiates; a network with dropout would draw a mask."""
    for row in [row for row in ROWS[::4] if type(row.layer) is not nnpg.Dropout]:
        for head, loss in ((nnpg.Softmax(), "softmax_cross_entropy"), (nnpg.Sigmoid(), "binary_cross_entropy")):
            net, x, rate = around(row, head), row.x(1), 0.3
            after = nnpg.train(net, x, [1], epochs=1, batch=1, rng=0, optimiser=nnpg.SGD(lr=rate), loss=loss).net
            expected = {f"{layer}.{p}": a for layer, of in after.parameters.items() for p, a in of.items()}
            yield Step({"class": 1, "rate": rate, **about(net, x)}, expected)


def about(net: nnpg.Network, x: np.ndarray, off: Off | None = None) -> dict[str, Any]:
    """What the engine is given of a network and an image."""
    return {"inputShape": list(net.input_shape), "layers": packed_layers(net), "x": packed(x[0]), "off": off or {}}


def passes(net: nnpg.Network, trace: nnpg.Trace, start: str, seed: np.ndarray, value: float) -> Values:
    deltas = net.backward(trace, seed, start=start)
    gradients = net.gradients(trace, deltas)
    return {
        "trace": {o: trace[o][0] for o in trace},
        "deltas": {o: d[0] for o, d in deltas.items()},
        "gradients": {f"{o}.{p}": g for o, of in gradients.items() for p, g in of.items()},
        "L": {"L": np.array(value)},
    }


def random_of(net: nnpg.Network, rng: np.random.Generator) -> OfNumber:
    is_squashed = type(net.layers[net.names[-1]]) in (nnpg.Softmax, nnpg.Sigmoid)
    kinds: tuple[OfNumber, ...] = ("prob", "logit", "logprob", "loss") if is_squashed else ("logit", "loss")
    return kinds[int(rng.integers(len(kinds)))]


def filters(net: nnpg.Network, rng: np.random.Generator) -> Off:
    """Draw filters of outputs before the last one, each set to 0 or to random values."""
    off: Off = {}
    for name in rng.permutation(net.names[:-1])[:3]:
        F, *size = net.shapes[str(name)]
        values = [0, rng.standard_normal(size).ravel().tolist()]
        off[str(name)] = [(int(f), values[int(rng.integers(2))]) for f in rng.permutation(F)[:2]]
    return off


def without(net: nnpg.Network, off: Off) -> nnpg.Network:
    """The network with these filters set to their values."""
    for name, chosen in off.items():
        F, *size = net.shapes[name]
        for f, to in chosen:
            units = (np.arange(F) == f).reshape(-1, *[1] * len(size))
            held = nnpg.Override(units, np.reshape(to, size if to else ()))
            net = net.intervene(name, held) if to else nnpg.knock_out(net, [(name, f)])
    return net
