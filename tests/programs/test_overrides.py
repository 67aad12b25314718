"""Knocked-out networks, and filters set to their mean: every task against the layers, for every geometry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from agreement import agree
from geometries import NETS, examples, network

import nnpg
from nnpg import conv, dense
from nnpg.programs.numba.knockouts.one import outputs_without
from nnpg.programs.numba.predict import behind_blocks
from nnpg.programs.plan import plan_of
from nnpg.programs.tasks import KnockOut


def units_of(net: nnpg.Network, rng: np.random.Generator, n: int) -> list[tuple[str, int]]:
    every = [(block.name, f) for block in plan_of(net).blocks[:-1] for f in range(block.y_shape[0])]
    return [every[i] for i in rng.permutation(len(every))[:n]]


def outputs(net: nnpg.Network) -> tuple[str, ...]:
    return tuple(name for name in net.names if name in plan_of(net).places)


# One by one or side by side, and what a unit is set to: each meets each geometry, and for two geometries each other. A
# program sets units behind a block, whatever the block is.
WAYS = [(3, "zero"), (20, "mean")]
CASES = [(name, N, to) for name in NETS if name != "one layer" for N, to in WAYS]
CASES += [(name, N, to) for name in ("faces", "stride") for N, to in ((3, "mean"), (20, "zero"))]


@pytest.mark.parametrize(("name", "N", "to"), CASES)
def test_every_task_of_a_knocked_out_network(name: str, N: int, to: Any) -> None:
    net, rng = network(name), np.random.default_rng(5)
    net = nnpg.knock_out(net, units_of(net, rng, 4), to=to, reference=examples(net, 6)[0])
    assert set(nnpg.compilation_report(net).to_dict().values()) == {"compiled"}
    agree(net, N, gradients=outputs(net))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_single_pixels_and_logits_that_are_set_one_after_the_other(dtype: str) -> None:
    net, rng = network("faces", dtype), np.random.default_rng(5)
    pixels = rng.random(net.shapes["pool1"]) < 0.3
    override = nnpg.Override(pixels, rng.standard_normal(net.shapes["pool1"]))
    again = nnpg.Override(pixels[:1], np.array(0.7))
    logits = nnpg.Override(np.arange(11) == 4, np.full((1, 11), -0.5))
    net = net.intervene("pool1", override, again).intervene("dense2", logits)
    assert set(nnpg.compilation_report(net).to_dict().values()) == {"compiled"}
    agree(net, 20, gradients=outputs(net))
    agree(net, 3, gradients=("pool1", "dense1"))  # many classes at once


@pytest.mark.parametrize("name", [name for name in NETS if name != "one layer"])
@pytest.mark.parametrize("N", [3, 21])
def test_every_output_of_a_sweep_to_the_mean(name: str, N: int) -> None:
    net, rng = network(name), np.random.default_rng(7)
    (x, labels), reference = examples(net, N), rng.standard_normal((5, *net.input_shape))
    order = units_of(net, rng, 7)
    order += order[:1]  # once more
    means = {layer: net.forward(reference)[layer].mean(axis=0) for layer, _ in order}
    y = outputs_without(net, plan_of(net), KnockOut(tuple(order), "mean"), x, means)
    got = behind_blocks(net, plan_of(net), y)
    with nnpg.require_compiled():
        curve = nnpg.knock_out_curve(net, x, labels, order, to="mean", reference=reference, progress=False)
    assert (curve.predictions == got.argmax(axis=-1)).all()
    for step in range(len(order) + 1):
        without = nnpg.knock_out(net, order[:step], to="mean", reference=reference) if step else net
        expected = without.to("numpy").forward(x).y
        np.testing.assert_allclose(got[step], expected, rtol=1e-9, atol=1e-12, err_msg=f"step {step}")


def test_a_sweep_of_a_network_that_is_knocked_out_already() -> None:
    net, rng = network("faces"), np.random.default_rng(7)
    x, labels = examples(net, 21)
    net = nnpg.knock_out(net, [("pool1", 0), ("pool2", 3)])
    order = units_of(net, rng, 7)
    with nnpg.require_compiled():
        got = nnpg.knock_out_curve(net, x, labels, order, progress=False)
    expected = nnpg.knock_out_curve(net.to("numpy"), x, labels, order, progress=False)
    assert (got.predictions == expected.predictions).all()


def test_a_sweep_by_the_name_of_an_output_before_a_dropout() -> None:
    recipe = [
        conv(4, 3),
        nnpg.Tanh(),
        nnpg.Dropout(0.5),
        conv(3, 3),
        nnpg.ReLU(),
        nnpg.Flatten(),
        dense(4),
        nnpg.Softmax(),
    ]
    net = nnpg.build(recipe, input_shape=(1, 9, 9), rng=0, backend="numba", dtype="f8")
    x = np.random.default_rng(0).standard_normal((25, 1, 9, 9))
    order = [("tanh1", 2), ("dropout1", 0), ("relu1", 1), ("tanh1", 1)]
    y = outputs_without(net, plan_of(net), KnockOut(tuple(order)), x)
    for step in range(1, 5):
        expected = nnpg.knock_out(net, order[:step]).to("numpy").forward(x)["dense1"]
        np.testing.assert_allclose(y[step], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("tanh1", nnpg.Clamp(-1.0, 1.0), "interventions on tanh1"),
        ("conv1", nnpg.Override(np.array(True), np.array(0.0)), "interventions on conv1"),
        ("input", nnpg.Override(np.array(True), np.array(0.0)), "interventions on input"),
        ("softmax1", nnpg.Override(np.array(True), np.array(0.0)), "interventions on softmax1"),
        ("pool1", nnpg.Override(np.array(True), np.zeros((5, 3, 9, 9))), "pool1 differs from image to image"),
        ("pool1", nnpg.Override(np.array(True), np.array(np.nan)), "pool1 sets other values"),
        ("pool1", nnpg.Override(np.array(True), np.array(1e30)), "pool1 sets other values"),
    ],
)
def test_what_is_set_otherwise_goes_layer_by_layer(name: str, change: Any, reason: str) -> None:
    net = network("faces").intervene(name, change)
    for task, program in nnpg.compilation_report(net).found.items():
        assert reason in program.why_not, task
    x, _ = examples(net, 5)
    np.testing.assert_allclose(nnpg.predict(net, x), nnpg.predict(net.to("numpy"), x), rtol=1e-9)


def test_resampling_goes_layer_by_layer() -> None:
    net = network("faces")
    x, t = examples(net, 5)
    curve = nnpg.knock_out_curve(net, x, t, [("pool1", 0)], to="resample", reference=x, rng=0, progress=False)
    assert "differs from image to image" in curve.computed
