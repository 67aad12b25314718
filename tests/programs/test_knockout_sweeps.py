"""Knock-out sweeps and predictions by a plan against the layers: every geometry, any order, the same filter twice."""

from __future__ import annotations

import numpy as np
import pytest
from geometries import NETS, examples, network

import nnpg
from nnpg import programs
from nnpg.programs.tasks import KnockOut


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("N", [3, 21])  # one by one, and side by side with a last block that is not full
def test_every_output_of_every_step_is_that_of_the_network_without_the_filters(name: str, N: int) -> None:
    net = network(name)
    x, _ = examples(net, N)
    units = [(block.name, f) for block in net.plan().blocks[:-1] for f in range(block.y_shape[0])]
    order = [units[i] for i in np.random.default_rng(7).permutation(len(units))[:9]]
    order += order[:1]  # gone already
    reference = net.to("numpy")
    with nnpg.require_compiled():
        got, y = programs.find(net, KnockOut(tuple(order))).run(x), net.predict(x)
    for step in range(len(order) + 1):
        without = nnpg.knock_out(reference, order[:step]) if step else reference
        wanted = without.forward(x).y
        np.testing.assert_allclose(got[step], wanted, rtol=1e-9, atol=1e-12, err_msg=f"step {step}")
    np.testing.assert_allclose(y, reference.predict(x), rtol=1e-9, atol=1e-12)


def test_a_logit_and_the_inside_of_a_block_go_by_layers() -> None:
    net = network("faces")
    x, labels = examples(net, 12)
    for order in ([(net.plan().last, 2)], [("conv1", 1), ("pool2", 0)]):
        got, wanted = (nnpg.knock_out_curve(n, x, labels, order, progress=False) for n in (net, net.to("numpy")))
        assert "no block reads" in got.computed
        assert (got.predictions == wanted.predictions).all()
