"""`explain`: its terms add up to the trace, the deltas and the gradients, for every layer, seed and intervention."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from explanation.checks import check_unit, check_weight
from explanation.nets import OF, K, around, derivatives, knocked_out, random_address
from layer_rows import ROWS, Row

import nnpg
from nnpg.explanation import explain_passes
from nnpg_kernels import Backend, load


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_terms_of_every_layer_add_up(row: Row, of: str) -> None:
    net, x, rng = around(row), row.x(1), np.random.default_rng(OF.index(of))
    for name in ("input", "before", "layer", rng.choice(["flat", "dense1", "dense2", "head"])):
        check_unit(net, x, name, int(rng.integers(K)), of, rng)
    for layer, of_layer in net.parameters.items():
        if layer != "dense1":
            p = str(rng.choice(list(of_layer)))
            check_weight(net, x, layer, p, int(rng.integers(K)), of, rng)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_an_affine_layer_is_found_to_be_affine(row: Row) -> None:
    net, rng = around(row), np.random.default_rng(5)
    unit, index = random_address("layer", net.shapes["layer"], rng)
    e = nnpg.explain(net, row.x(1), unit=unit)
    if row.affine:
        zeros = np.zeros((1, *row.shape))
        assert e.constant == net.forward(zeros, start="before", stop="layer").y[0][index]


CLOSE: dict[str, Any] = {"rel": 1e-12, "abs": 1e-12}


@pytest.mark.parametrize("of", OF)
@pytest.mark.parametrize("row", ROWS[::5], ids=[row.name for row in ROWS[::5]])
def test_the_terms_of_a_changed_network_add_up(row: Row, of: str) -> None:
    rng = np.random.default_rng(OF.index(of))
    net, x = knocked_out(around(row, nnpg.Sigmoid() if of != "loss" else nnpg.Softmax()), rng), row.x(1)
    for name in net.names:
        check_unit(net, x, name, int(rng.integers(K)), of, rng)
    for layer in net.parameters:
        check_weight(net, x, layer, "W", int(rng.integers(K)), of, rng)


DEEP = [
    nnpg.conv(4, 3, padding=1), nnpg.LocalResponseNorm(size=3, alpha=0.5), nnpg.MaxPool(3, stride=2),
    nnpg.conv(6, 3, groups=2, dilation=2, padding=2), nnpg.ReLU(), nnpg.AvgPool(3, stride=2, padding=1),
    nnpg.Flatten(), nnpg.Dropout(0.3, key=4), nnpg.dense(5), nnpg.Sigmoid(), nnpg.dense(K), nnpg.Softmax(),
]  # fmt: skip


@pytest.mark.parametrize("is_changed", [False, True])
def test_the_terms_of_a_deep_network_add_up(is_changed: bool) -> None:
    rng = np.random.default_rng(3)
    net = nnpg.build(DEEP, input_shape=(2, 9, 9), rng=1, dtype="float64", backend="numpy")
    net, x = knocked_out(net, rng) if is_changed else net, rng.standard_normal((1, 2, 9, 9))
    for name in net.names:
        check_unit(net, x, name, int(rng.integers(K)), OF[rng.integers(4)], rng)
    for layer, of_layer in net.parameters.items():
        for p in of_layer:
            check_weight(net, x, layer, p, int(rng.integers(K)), OF[rng.integers(4)], rng)


def test_every_backend_gives_the_same_terms(backend: Backend) -> None:
    x = np.random.default_rng(0).standard_normal((1, 2, 9, 9))
    expected, explained = (
        nnpg.explain(nnpg.build(DEEP, input_shape=(2, 9, 9), rng=1, dtype="float64").to(k), x, unit="conv2:3,1,2")
        for k in ("numpy", backend)
    )
    assert explained.value == pytest.approx(expected.value, **CLOSE)
    assert explained.derivative == pytest.approx(expected.derivative, **CLOSE)
    for one, other in ((expected.inputs, explained.inputs), (expected.readers, explained.readers)):
        assert one is not None
        assert other is not None
        assert (one.index == other.index).all()
        assert type(other.values) is np.ndarray
        np.testing.assert_allclose(one.products, other.products, rtol=1e-11, atol=1e-14)


def test_a_network_in_float32_is_explained_in_float64() -> None:
    net = nnpg.build(DEEP, input_shape=(2, 9, 9), rng=1, backend="numpy")
    x = np.random.default_rng(0).standard_normal((1, 2, 9, 9)).astype("float32")
    e, trace = nnpg.explain(net, x, unit="dense1:2"), net.forward(x)
    assert e.value == pytest.approx(float(trace["dense1"][0, 2]), rel=1e-5)
    assert e.inputs is not None
    assert e.constant is not None
    assert e.inputs.total + e.constant == pytest.approx(e.value, **CLOSE)


@dataclass(frozen=True)
class Squares:
    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Any, x: Any) -> Any:
        return x * x[:, ::-1], x

    def backward(self, k: Any, delta: Any, saved: Any) -> Any:
        x = saved
        return delta * x[:, ::-1] + (delta * x)[..., ::-1]

    def gradients(self, k: Any, delta: Any, saved: Any) -> Any:
        return {}


def test_a_layer_of_ones_own_is_explained() -> None:
    net = nnpg.Network({"squares": Squares(), "dense": nnpg.Dense(np.array([[1.0, 2.0, 4.0]]))}, (3,))
    e = nnpg.explain(net, [[3.0, 5.0, 7.0]], unit="squares:0", classes=0, of="logit")
    assert (e.value, e.derivative, e.formula, e.constant) == (21.0, 1.0, "", None)
    assert e.inputs is not None
    assert e.inputs.names == ("input:0", "input:2")
    assert e.inputs.slopes.tolist() == [7.0, 3.0]
    back = nnpg.explain(net, [[3.0, 5.0, 7.0]], unit="input:0", classes=0, of="logit")
    assert back.readers is not None
    assert (back.readers.names, back.readers.products.tolist()) == (("squares:0", "squares:2"), [7.0, 28.0])
    assert back.derivative == 35.0


def test_a_pool_shows_all_units_of_its_window_and_the_winner() -> None:
    net = nnpg.Network({"pool": nnpg.MaxPool(2), "flat": nnpg.Flatten()}, (1, 2, 4))
    x = np.array([[[[1.0, 2.0, 9.0, 8.0], [4.0, 3.0, 7.0, 6.0]]]])
    e = nnpg.explain(net, x, unit="pool:0,0,0", classes=0, of="logit")
    assert e.inputs is not None
    assert dict(zip(e.inputs.names, e.inputs.slopes, strict=True)) == {
        "input:0,0,0": 0, "input:0,0,1": 0, "input:0,1,0": 1, "input:0,1,1": 0,
    }  # fmt: skip
    loser = nnpg.explain(net, x, unit="input:0,0,0", classes=0, of="logit")
    assert loser.readers is not None
    assert (loser.readers.names, loser.readers.slopes.tolist()) == (("pool:0,0,0",), [0.0])


def test_a_kink_is_named_with_the_slopes_on_either_side() -> None:
    net = nnpg.Network({"relu": nnpg.ReLU()}, (2,))
    nudge = nnpg.explain(net, [[0.0, 1.0]], unit="input:0", classes=0, of="logit").nudge
    assert nudge is not None
    assert nudge.kink == "the slope of relu jumps at (0, 0)"
    assert (nudge.below, round(nudge.above, 12)) == (0.0, 1.0)
    near = nnpg.explain(net, [[1e-6, 1.0]], unit="input:0", classes=0, of="logit")
    assert near.nudge is not None
    assert (near.nudge.kink, near.nudge.crossed) == ("", nudge.kink)
    assert near.nudge.error(1.0) < 1e-6


def test_a_wrong_backward_differs_from_what_is_measured() -> None:
    class Wrong(nnpg.Tanh):
        def backward(self, k: Any, delta: Any, saved: Any) -> Any:
            return delta * (1 + saved * saved)

    net = nnpg.Network({"wrong": Wrong(), "dense": nnpg.Dense(np.eye(2))}, (2,))
    e = nnpg.explain(net, [[0.5, 1.0]], unit="input:0", classes=0, of="logit")
    assert e.nudge is not None
    assert e.derivative is not None
    assert e.nudge.error(e.derivative) > 0.1


def test_classes_are_chosen_by_number_label_or_prediction() -> None:
    net, x = around(ROWS[0]), ROWS[0].x(1)
    c = int(net.forward(x).y.argmax())
    names = [
        nnpg.explain(net, x, unit="dense1:0", **chosen).quantity
        for chosen in ({}, {"classes": c}, {"classes": "true", "labels": [c]})
    ]
    assert names == [f"prob of class {c}"] * 3
    sigmoid = around(ROWS[0], nnpg.Sigmoid())
    assert nnpg.explain(sigmoid, x, unit="dense1:0", classes=1, of="loss").quantity == "binary_cross_entropy of class 1"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "needs either unit.*not unit=None and weight=None"),
        ({"unit": "dense1:0", "weight": "dense1.W:0,0"}, "needs either"),
        ({"unit": "dense1"}, "put a colon"),
        ({"unit": "dense9:0"}, "this network has input, before"),
        ({"unit": "dense1:4"}, r"dense1:0 .. dense1:3, as dense1 is \(4,\) for one image, not 'dense1:4'"),
        ({"unit": "dense1:0,0"}, "dense1:0 .. dense1:3"),
        ({"unit": "dense1:-1"}, "dense1:0 .. dense1:3"),
        ({"unit": "dense1:one"}, "dense1:0 .. dense1:3"),
        ({"weight": "dense1.V:0,0"}, "this network has layer.W"),
        ({"weight": "dense1.W:4,0"}, r"dense1.W:0,0 .. dense1.W:3,4, as dense1.W is \(4, 5\), not"),
        ({"unit": "dense1:0", "classes": 3}, "classes must be a whole number from 0 to 2, not 3"),
        ({"unit": "dense1:0", "classes": "all"}, "'true', 'predicted' or a class"),
        ({"unit": "dense1:0", "classes": "true"}, "needs labels"),
        ({"unit": "dense1:0", "of": "odds"}, "of must be"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises((ValueError, KeyError), match=says):
        nnpg.explain(around(ROWS[0]), ROWS[0].x(1), **arguments)


def test_several_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one image of shape \(1, 7\), not an array float64 \(3, 7\): take x\[n"):
        nnpg.explain(around(ROWS[0]), ROWS[0].x(3), unit="dense1:0")


def test_both_passes_are_listed_with_the_factors_of_equation_2() -> None:
    net, x = around(ROWS[0]), ROWS[0].x(1)
    for of in OF:
        passes = explain_passes(net, x, classes=1, of=of)  # type: ignore[arg-type]
        trace, (deltas, gradients) = net.forward(x), derivatives(net, x, 1, of)
        start = "head" if of == "prob" else "dense2"
        assert [line.output for line in passes.outputs] == net.names
        for line in passes.outputs:
            assert line.size == pytest.approx(np.linalg.norm(trace[line.output]), **CLOSE)
            assert line.shape == net.shapes[line.output]
            if line.output in deltas:
                assert line.delta_size == pytest.approx(np.linalg.norm(deltas[line.output]), **CLOSE)
                assert line.delta_shape == line.shape
            else:
                assert (line.delta_size, line.delta_shape, line.factor) == (None, None, "")
            shapes = {p: g.shape for p, g in gradients.get(line.output, {}).items()}
            assert line.gradients == shapes
            factor = {"": "dy/do", start: "dL/dy"}.get(line.output, "dy/do")
            if line.output in deltas:
                assert line.factor == factor + (", do/dw" if shapes else "")


def cancelling() -> nnpg.Network:
    """A network whose first unit is 0.1 + 0.2 - 0.3: 0 by hand, 5.6e-17 in float64; so is the delta of the image."""
    W = np.array([[0.1, 0.2, -0.3], [1.0, 2.0, 3.0]])
    V = np.array([[0.3, 0.1], [0.3, 0.1]])
    layers = {"dense1": nnpg.Dense(W, np.zeros(2)), "tanh1": nnpg.Tanh(), "dense2": nnpg.Dense(V, np.zeros(2))}
    return nnpg.Network(layers | {"softmax1": nnpg.Softmax()}, (3,), load("numpy"))


def test_what_is_0_by_hand_is_printed_as_0_and_kept_as_computed() -> None:
    net, x = cancelling(), np.ones((1, 3))
    trace = net.forward(x)
    assert 0 < trace["dense1"][0, 0] < 1e-16
    texts = [str(trace), str(explain_passes(net, x, classes=0))]
    for unit in ("input:0", "dense1:0", "tanh1:0", "dense2:0"):
        explanation = nnpg.explain(net, x, unit=unit, classes=0)
        texts += [explanation.table(), explanation.table(1), *drawn_texts(explanation)]
    assert not [text for text in texts if re.search(r"e[-−]1[6-9]", text)]
    unit = nnpg.explain(net, x, unit="dense1:0", classes=0)
    assert unit.value == unit.to_dict()["value"] == trace["dense1"][0, 0]
    assert "dense1:0 = 0\n" in str(unit)
    assert "tanh 0 = 0" in str(nnpg.explain(net, x, unit="tanh1:0", classes=0))


def drawn_texts(explanation: Any) -> list[str]:
    return [text.get_text() for ax in explanation.plot().axes for text in ax.texts]


def test_small_numbers_that_are_no_rounding_are_printed() -> None:
    """Inputs of 1e-18 are exact, and so are their sums."""
    net = nnpg.Network({"dense1": nnpg.Dense(np.array([[1e-18, 2e-18]]), None)}, (2,), load("numpy"))
    x = np.full((1, 2), 1e-9)
    assert "dense1:0 = 3e-27" in str(nnpg.explain(net, x, unit="dense1:0", classes=0, of="logit"))
