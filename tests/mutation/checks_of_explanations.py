"""Explanations of units and weights against the three passes, and by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from explanation.checks import check_unit, check_weight, close
from explanation.nets import OF, K, around, derivatives, knocked_out
from layer_rows import ROWS

import nnpg
from mutation.samples import refused, same
from nnpg.explanation import Nudge, Terms, arithmetic, explain_passes
from nnpg.explanation.addresses import address, as_unit, as_weight
from nnpg.explanation.explaining import formula_of

ROW = {row.name: row for row in ROWS}
HAND = nnpg.Network(
    {"dense1": nnpg.Dense(np.array([[2.0, -1.0], [0.0, 3.0]]), np.array([0.5, 0.0])), "tanh1": nnpg.Tanh()}, (2,)
)


@dataclass(frozen=True)
class Leaky:
    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Any, x: Any) -> Any:
        """y = x where x > 0, 0.5 x elsewhere."""
        return np.where(x > 0, x, 0.5 * x), x

    def backward(self, k: Any, delta: Any, saved: Any) -> Any:
        return delta * np.where(saved > 0, 1.0, 0.5)

    def gradients(self, k: Any, delta: Any, saved: Any) -> Any:
        return {}


@dataclass(frozen=True)
class Square:
    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Any, x: Any) -> Any:
        """y = the square."""
        return x * x, x

    def backward(self, k: Any, delta: Any, saved: Any) -> Any:
        return 2 * delta * saved

    def gradients(self, k: Any, delta: Any, saved: Any) -> Any:
        return {}


TABLE = """
dense1:0 = -0.5
forward: y[n,f] = sum_d W[f,d] x[n,d] + b[f]
input                 x  dy/dx  product
input:1               3     -1       -3
... 1 more; together  -      -        2
constant              -      -      0.5
sum                   -      -     -0.5

backward: L = prob of class 0 = 0.377541, dL/do = 0.235004
dL/dx_k = y_k (delta_k - sum_j y_j delta_j)
softmax1              dL/dy  dy/do  product
softmax1:0                1  0.235    0.235
... 1 more; together      -      -        0
sum                       -      -    0.235"""


def explanations() -> None:
    terms()
    addresses()
    rng = np.random.default_rng(0)
    for n, name in enumerate(("conv stride with a rest", "max pool, overlapping", "lrn", "tanh", "dropout", "dense")):
        row = ROW[name]
        for net in (around(row), knocked_out(around(row, nnpg.Sigmoid()), rng)):
            for m, output in enumerate(net.names):
                of = OF[(n + m) % (4 if type(net.layers["head"]) is nnpg.Softmax else 3)]
                check_unit(net, row.x(1), output, int(rng.integers(K)), of, rng)
            for layer, of_layer in net.parameters.items():
                for m, p in enumerate(of_layer):
                    check_weight(net, row.x(1), layer, p, int(rng.integers(K)), OF[(n + m) % 3], rng)
    by_hand()
    tables()
    kinks()
    both_passes()


def by_hand() -> None:
    dense = nnpg.Dense(np.array([[2.0, -1.0], [0.0, 0.0]]), np.array([0.5, 0.0]))
    net, x = nnpg.Network({"dense1": dense, "softmax1": nnpg.Softmax()}, (2,)), [[1.0, 3.0]]
    e = nnpg.explain(net, x, unit="dense1:0", classes=0)
    assert e.table(1).rpartition("\n\n")[0] == TABLE.strip("\n")
    assert nnpg.explain(net, x, unit="dense1:0").quantity == "prob of class 1"  # the predicted one
    assert nnpg.explain(net, x, unit="dense1:0", classes="true", labels=[1]).quantity == "prob of class 1"
    bent = nnpg.Network({"sigmoid1": nnpg.Sigmoid(), "dense1": dense, "softmax1": nnpg.Softmax()}, (2,))
    assert nnpg.explain(bent, x, unit="input:0", of="loss").quantity.startswith("softmax_cross_entropy")
    bent = nnpg.Network({"softmax1": nnpg.Softmax(), "dense1": dense, "sigmoid1": nnpg.Sigmoid()}, (2,))
    assert nnpg.explain(bent, x, unit="input:0", of="loss").quantity.startswith("binary_cross_entropy")
    loss = nnpg.explain(net, x, unit="dense1:1", classes=0, of="loss")
    y = net.forward(x).y[0]
    assert close(loss.L, -np.log(y[0]))
    assert close(loss.derivative or 0, y[1])
    assert nnpg.explain(HAND, x, unit="tanh1:0", classes=0, of="logit").substituted == "tanh (-0.5) = -0.462117"
    assert nnpg.explain(HAND, x, unit="tanh1:1", classes=0, of="logit").substituted == "tanh 9 = 1"
    assert nnpg.explain(HAND, x, unit="dense1:1", classes=0, of="logit").substituted == ""
    sigmoid = nnpg.Network({"sigmoid1": nnpg.Sigmoid()}, (2,))
    assert nnpg.explain(sigmoid, x, unit="sigmoid1:0", classes=0).substituted == "1 / (1 + e^-1) = 0.731059"
    assert (
        nnpg.explain(sigmoid, x, unit="sigmoid1:1", classes=0, of="loss").quantity == "binary_cross_entropy of class 0"
    )
    assert nnpg.explain(net, x, unit="softmax1:0", classes=0).substituted == ""
    words = nnpg.Network({"relu": nnpg.ReLU(), "center": nnpg.Center(np.array(1.0)), "square": Square()}, (2,))
    substituted = {
        unit: nnpg.explain(words, [[0.5, 0.0]], unit=unit, classes=0, of="logit").substituted
        for unit in ("relu:0", "relu:1", "center:0", "square:0")
    }
    assert substituted == {"relu:0": "max(0, 0.5) = 0.5", "relu:1": "max(0, 0) = 0", "center:0": "", "square:0": ""}
    cases = nnpg.Network({"leaky": Leaky(), "step": nnpg.Step()}, (2,))
    substituted = {
        unit: nnpg.explain(cases, [[3.0, -2.0]], unit=unit, classes=0, of="logit").substituted
        for unit in ("leaky:0", "leaky:1", "step:1")
    }
    assert substituted == {  # after a comma the formula goes on
        "leaky:0": "3 where 3 > 0, 0.5 (3) elsewhere: 3",
        "leaky:1": "(-2) where (-2) > 0, 0.5 (-2) elsewhere: -1",
        "step:1": "[(-1) > 0], or [(-1) >= 0] with at_zero=1: 0",
    }
    changed = HAND.intervene("dense1", nnpg.Clamp(0.0, 1.0), nnpg.Perturb(np.array([1.0, 1.0])))
    forward = "y[n,f] = sum_d W[f,d] x[n,d] + b[f]; then y' = min(max(y, low), high); then y' = y + r"
    assert formula_of(changed, "dense1", "forward") == forward
    backward = "dL/dy = delta; then dL/dy = delta where low < y < high, 0 elsewhere; then " + (
        "dL/dx[n,d] = sum_f delta[n,f] W[f,d]"
    )
    assert formula_of(changed, "dense1", "backward") == backward
    assert formula_of(changed, "input", "forward") == "the image"
    assert refused(lambda: nnpg.explain(net, [[1.0, 3.0], [0.0, 0.0]], unit="dense1:0"))
    assert refused(lambda: nnpg.explain(net, x))
    assert refused(lambda: nnpg.explain(net, x, unit="dense1:0", weight="dense1.b:0"))
    single = nnpg.explain(net.astype("float32"), x, unit="softmax1:0", classes=0)
    assert close(single.value, y[0])


def tables() -> None:
    """All forms of the two tables."""
    net = nnpg.Network({"pool1": nnpg.MaxPool(2), "flat1": nnpg.Flatten(), "softmax1": nnpg.Softmax()}, (1, 2, 4))
    x = np.array([[[[4.0, 3.0, 1.0, 0.0], [2.0, 1.0, -9.0, -1.0]]]])

    def table(of: Any, top: int = 8, **number: Any) -> list[str]:
        return nnpg.explain(net, x, classes=0, of=of, **number).table(top).rpartition("\n\nmeasured")[0].splitlines()

    steepest = ["tanh1        x  dy/dx", "tanh1:0,0,0  4      1", "... 3 more   -      -"]
    steepest = [line.replace("tanh1:", "input:").replace("tanh1 ", "input ") for line in steepest]
    head = ["pool1:0,0,0 = 4", "forward: y[n,f,h,w] = max_{i,j} x[n,f,h s+i,w s+j]", "depends on 4 of input"]
    assert table("logit", 1, unit="pool1:0,0,0")[:6] == head + steepest
    assert len(table("logit", 4, unit="pool1:0,0,0")) == len(table("logit", 5, unit="pool1:0,0,0"))
    low = table("logit", 1, unit="pool1:0,0,1")
    assert low[4].split() == ["input:0,0,2", "1", "1"]  # not -9, the largest input
    softmax = nnpg.Network({"softmax1": nnpg.Softmax()}, (3,))
    steep = nnpg.explain(softmax, [[0.1, 5.0, 0.0]], unit="softmax1:0", classes=0).table(1).splitlines()
    assert steep[4].split()[:2] == ["input:0", "0.1"]  # not input:1, whose product is larger
    assert table("logit", unit="flat1:0")[-1] == "the seed enters here: this is its entry"
    assert table("logit", unit="flat1:0")[-2] == "backward: L = logit of class 0 = 4, dL/do = 1"
    late = nnpg.explain(net, x, unit="softmax1:0", classes=0, of="logit").table().splitlines()
    assert late[-2:] == [
        "backward: L = logit of class 0 = 4",
        "L does not depend on it: the seed enters at an earlier output",
    ]
    assert table("logit", unit="input:0,0,0")[:2] == ["input:0,0,0 = 4", "forward: the image"]
    assert "that is: tanh 9 = 1" in nnpg.explain(HAND, [[1.0, 3.0]], unit="tanh1:1", classes=0, of="logit").table()
    one = nnpg.explain(HAND, [[1.0, 3.0]], unit="tanh1:1", classes=0, of="logit").table()
    assert "depends on" not in one
    weight = nnpg.explain(HAND, [[1.0, 3.0]], weight="dense1.W:0,1", classes=0, of="logit").table().splitlines()
    assert weight[0] == "dense1.W:0,1 = -1"
    assert weight[4].split() == ["dense1", "dL/dy", "dy/dw", "product"]


def terms() -> None:
    some_terms = Terms("a", np.array([[0], [1], [2]]), np.array([1.0, -3.0, 2.0]), np.array([1.0, 2.0, -4.0]))
    same(some_terms.products, [1, -6, -8])
    assert some_terms.total == -13
    assert some_terms.order.tolist() == [2, 1, 0]
    assert some_terms.names == ("a:0", "a:1", "a:2")
    assert some_terms.rows(2) == [("a:2", 2.0, -4.0, -8.0), ("a:1", -3.0, 2.0, -6.0)]
    assert [row[0] for row in some_terms.rows()] == ["a:2", "a:1", "a:0"]
    steep = Terms("a", np.array([[0], [1]]), np.array([1.0, 9.0]), np.array([-2.0, 1.0]))
    assert [row[0] for row in steep.rows(by_slope=True)] == ["a:0", "a:1"]
    assert [some_terms.rest(n) for n in range(4)] == [-13, -5, 1, 0]
    nudge = Nudge(0.5, -1.0, 1.0, 2.0, 2.0, 2.0, "")
    assert (nudge.error(1.0), nudge.error(2.0), nudge.error(-4.0)) == (0.5, 0, 1.5)
    assert Nudge(0.5, 0.0, 0.0, 0.0, 0.0, 0.0, "").error(0.0) == 0
    seeds = list(
        arithmetic.one_hot_seeds(np.zeros((1, 2, 3)), np.array([[0, 1], [1, 2], [1, 0]]), arithmetic.HELD // 2)
    )
    assert [len(part) for part in seeds] == [2, 1]
    same(np.concatenate(seeds)[:, 0].reshape(3, 6), np.eye(6)[[1, 5, 3]])
    assert len(next(arithmetic.one_hot_seeds(np.zeros((1, 2)), np.array([[0], [1]]), 9 * arithmetic.HELD))) == 1
    x = np.array([1.0, 3.0, 2.0])
    assert arithmetic.distance(x) == 40
    for f, expected in ((np.max, [0, 1, 2]), (np.min, [0, 1, 2]), (lambda a: a[0] * a[2], [0, 2])):
        read = arithmetic.inputs_read(lambda a, f=f: np.array([f(a)]), x, (0,), np.zeros(3))  # type: ignore[misc]
        assert read.ravel().tolist() == expected
    assert arithmetic.inputs_read(lambda a: a * 0, x, (0,), np.array([0.0, 1.0, 0.0])).ravel().tolist() == [1]
    for f, changed in ((lambda a: np.maximum(a, 0), [1]), (lambda a: np.minimum(a, 0), [1]), (np.cumsum, [1, 2])):
        assert arithmetic.readers(f, np.array([1.0, 0.5, -2.0]), (1,)).ravel().tolist() == changed
    for f, slope, affine in (
        (np.abs, 1.0, False),
        (lambda a: 1e-12 * np.abs(a), 1e-12, False),
        (lambda a: np.maximum(a, -20), 1.0, False),  # only a move far down shows it
        (lambda a: 2 * a + 1, 2.0, True),
        (lambda a: 2 * a + 1, 1.0, False),
        (lambda a: 0.3 * a - 0.9, 0.3, True),
        (lambda a: np.sin(a) ** 2 + np.cos(a) ** 2, 0.0, True),
        (lambda a: a * 0, 0.0, True),
    ):
        assert arithmetic.is_affine(f, np.array([3.0]), (0,), np.array([slope])) is affine
    assert arithmetic.distance(np.array([0.5])) == 15


def addresses() -> None:
    net = nnpg.build([nnpg.conv(5, 3)], input_shape=(1, 8, 8), rng=0)
    assert as_unit(net, "conv1:4,0,5") == ("conv1", (4, 0, 5))
    assert as_weight(net, " conv1.W:4, 0,2,1") == ("conv1", "W", (4, 0, 2, 1))
    with pytest.raises(ValueError, match=r"one of conv1:0,0,0 \.\. conv1:4,5,5, as conv1 is \(5, 6, 6\)"):
        as_unit(net, "conv1:5,0,0")
    assert address("conv1", (3, 0)) == "conv1:3,0"
    for unit in ("conv1:5,0,0", "conv1:0,6,0", "conv1:0,0", "conv1", "conv1:0,0,0,0", "conv2:0,0,0", "conv1:-1,0,0"):
        assert refused(lambda unit=unit: as_unit(net, unit))  # type: ignore[misc]
    assert as_unit(net, "conv1:000000004,0,5")[1] == (4, 0, 5)
    assert refused(lambda: as_unit(net, "conv1:0000000004,0,5"))
    for weight in ("conv1.W:5,0,0,0", "conv1.V:0", "conv1.b:5"):
        assert refused(lambda weight=weight: as_weight(net, weight))  # type: ignore[misc]
    assert refused(lambda: as_weight(nnpg.Network({"tanh1": nnpg.Tanh()}, (2,)), "tanh1.W:0"))


def kinks() -> None:
    net = nnpg.Network({"relu": nnpg.ReLU()}, (2,))
    at, near, far = (
        nnpg.explain(net, [[o, 1.0]], unit="input:0", classes=0, of="logit").nudge for o in (0.0, 1e-6, 2.0)
    )
    assert at
    assert near
    assert far
    assert at.kink == "the slope of relu jumps at (0, 0)"
    same([at.below, at.above, at.slope], [0, 1, 0.5])
    assert (near.kink, near.crossed, near.step < 1e-6) == ("", at.kink, True)
    same([near.slope, near.below, near.above], [1, 1, 1], 1e-7)
    assert (far.kink, far.crossed) == ("", "")
    same([far.slope, far.below, far.above], [1, 1, 1], 1e-7)
    same([far.low, far.high, far.step], [2 - far.step, 2 + far.step, 1e-4 * np.sqrt(2.5)])
    small = nnpg.Network({"relu": nnpg.ReLU(), "dense": nnpg.Dense(np.array([[1e-6, 0.0]]))}, (2,))
    nudge = nnpg.explain(small, [[0.0, 1.0]], unit="input:0", classes=0, of="logit").nudge
    assert nudge
    assert nudge.kink == at.kink
    rounded = nnpg.Dense(np.eye(2), np.array([1e6, 1e6]))
    net = nnpg.Network({"dense": rounded, "softmax": nnpg.Softmax()}, (2,))
    nudge = nnpg.explain(net, [[0.1, 0.2]], unit="input:0", classes=0).nudge
    assert nudge
    assert (nudge.kink, nudge.crossed) == ("", "")
    held = HAND.intervene("dense1", nnpg.Clamp(-0.5, 9.0))
    nudge = nnpg.explain(held, [[1.0, 3.0]], weight="dense1.b:0", classes=0, of="logit").nudge
    assert nudge
    assert nudge.kink == "the slope of dense1 jumps at (0, 0)"
    weight = nnpg.explain(HAND, [[1.0, 3.0]], weight="dense1.W:0,1", classes=0, of="logit").nudge
    assert weight
    w, z = weight.step, -0.5
    same([weight.low, weight.high], np.tanh([z - 3 * w, z + 3 * w]))
    same(w, 1e-4 * np.sqrt(14 / 4))


def both_passes() -> None:
    net, x = around(ROW["dense"]), ROW["dense"].x(1)
    trace = net.forward(x)
    for of in OF:
        passes, (deltas, gradients) = explain_passes(net, x, classes=1, of=of), derivatives(net, x, 1, of)  # type: ignore[arg-type]
        for line in passes.outputs:
            name, delta = line.output, deltas.get(line.output)
            shapes = {p: g.shape for p, g in gradients.get(name, {}).items()}
            assert (line.shape, line.gradients) == (net.shapes[name], shapes)
            assert close(line.size, np.linalg.norm(trace[name]))
            factor = "" if delta is None else "dL/dy" if name == next(iter(deltas)) else "dy/do"
            assert line.factor == factor + (", do/dw" if shapes else "")
            expected: Any = None if delta is None else (line.shape, np.linalg.norm(delta))
            if delta is None:
                assert (line.delta_shape, line.delta_size) == (None, None)
            else:
                assert line.delta_shape == expected[0]
                assert close(line.delta_size or 0, expected[1])
