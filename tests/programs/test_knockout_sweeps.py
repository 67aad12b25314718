"""Knock-out sweeps and predictions by a plan against the layers: every geometry, any order, the same filter twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from geometries import NETS, examples, network

import nnpg
from nnpg.programs.numba.knockouts import steps as sweep_steps
from nnpg.programs.numba.knockouts.one import outputs_without
from nnpg.programs.numba.predict import behind_blocks
from nnpg.programs.plan import plan_of
from nnpg.programs.tasks import KnockOut
from nnpg_kernels.numba.program import Op


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("N", [3, 21])  # one by one, and side by side with a last block that is not full
def test_every_output_of_every_step_is_that_of_the_network_without_the_filters(name: str, N: int) -> None:
    net = network(name)
    x, labels = examples(net, N)
    units = [(block.name, f) for block in plan_of(net).blocks[:-1] for f in range(block.y_shape[0])]
    order = [units[i] for i in np.random.default_rng(7).permutation(len(units))[:9]]
    order += order[:1]  # gone already
    reference = net.to("numpy")
    with nnpg.require_compiled():
        predicted, y = nnpg.knock_out_curve(net, x, labels, order, progress=False).predictions, nnpg.predict(net, x)
    got = behind_blocks(net, plan_of(net), outputs_without(net, plan_of(net), KnockOut(tuple(order)), x))
    assert (predicted == got.argmax(axis=-1)).all()
    for step in range(len(order) + 1):
        without = nnpg.knock_out(reference, order[:step]) if step else reference
        expected = without.forward(x).y
        np.testing.assert_allclose(got[step], expected, rtol=1e-9, atol=1e-12, err_msg=f"step {step}")
    np.testing.assert_allclose(y, nnpg.predict(reference, x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("parts_bytes", [0, 1 << 30])
@pytest.mark.parametrize("N", [3, 40])
def test_several_sweeps_at_once_have_the_bits_of_each_alone(
    N: int, parts_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_steps, "PARTS_BYTES", parts_bytes)
    net, rng = network("faces"), np.random.default_rng(3)
    plan, (x, labels) = plan_of(net), examples(net, N)
    units = [(block.name, f) for block in plan.blocks[:-1] for f in range(block.y_shape[0])]
    orders = [tuple(units[i] for i in rng.permutation(len(units))[:many]) for many in (len(units), 5, 0)]
    together = sweep_steps.outputs_of_sweeps(plan, orders, x)
    for order, got in zip(orders, together, strict=True):
        alone = outputs_without(net, plan, KnockOut(order), x)
        assert got.tobytes() == alone.tobytes()
    with nnpg.require_compiled():
        curves = nnpg.knock_out_curves(net, x, labels, orders, progress=False)
    for order, curve, got in zip(orders, curves, together, strict=True):
        assert (curve.predictions == behind_blocks(net, plan, got).argmax(axis=-1)).all(), order


@pytest.mark.parametrize("parts_bytes", [0, 1 << 30])
def test_maps_are_sums_of_parts_where_these_are_small(parts_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost fast path: the sums are there, and are not where the parts would take more memory."""
    net, names = network("faces"), set[str]()
    (x, _), plan = examples(net, 40), plan_of(net)

    def program(each: Sequence[Sequence[Op]], phases: Any) -> Any:
        names.update(op.name for op in each[0])
        return lambda: None

    monkeypatch.setattr(sweep_steps, "PARTS_BYTES", parts_bytes)
    monkeypatch.setattr(sweep_steps, "Program", program)
    sweep_steps.outputs_of_sweeps(plan, [[(block.name, 0) for block in plan.blocks[:-1]]], x)
    assert ("sum channels" in names) == (parts_bytes > 0)


def test_a_logit_and_the_inside_of_a_block_go_by_layers() -> None:
    net = network("faces")
    x, labels = examples(net, 12)
    for order in ([(plan_of(net).last, 2)], [("conv1", 1), ("pool2", 0)]):
        got, expected = (nnpg.knock_out_curve(n, x, labels, order, progress=False) for n in (net, net.to("numpy")))
        assert "no block reads" in got.computed
        assert (got.predictions == expected.predictions).all()


def tied(dtype: str) -> nnpg.Network:
    """Logits that differ by less than a rounding of the probabilities."""
    net = nnpg.build([nnpg.dense(2), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0, dtype=dtype)
    return net.replace("dense2", W=np.zeros((3, 2), dtype), b=np.array([0, np.finfo(dtype).eps / 8, -1], dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_of_two_equal_probabilities_is_predicted_though_its_logit_is_smaller(dtype: str) -> None:
    net = tied(dtype)
    x, t = np.ones((40, 2)), np.zeros(40, int)
    y = nnpg.predict(net, x)
    assert (y[:, 0] == y[:, 1]).all()
    assert net.forward(x[:1])["dense2"].argmax() == 1
    with nnpg.require_compiled():
        curve = nnpg.knock_out_curve(net, x, t, [("tanh1", 0)], progress=False)
    assert (curve.predictions == 0).all()


def test_an_image_that_is_not_finite_is_predicted_as_its_probabilities_say() -> None:
    net = nnpg.build([nnpg.dense(2), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    net = net.replace("dense2", b=np.array([0, np.nan, 9], "f4"))
    x, t = np.ones((4, 2)), np.zeros(4, int)
    curves = [nnpg.knock_out_curve(n, x, t, [("tanh1", 0)], progress=False) for n in (net, net.to("numpy"))]
    assert (curves[0].predictions == curves[1].predictions).all()
