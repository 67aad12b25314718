"""Outputs of hidden layers by a plan against the layers, and the changes of units that are measured on them."""

from __future__ import annotations

import numpy as np
import pytest
from geometries import NETS, examples, network

import nnpg
from nnpg.analysis.outputs import outputs_by_name
from nnpg.programs import find
from nnpg.programs.plan import plan_of
from nnpg.programs.tasks import Outputs
from nnpg.training_methods.volatility import unit_changes


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("N", [0, 3, 21])  # one by one, and side by side with a last block that is not full
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-9), ("float32", 1e-4)])
def test_every_geometry(name: str, N: int, dtype: str, rtol: float) -> None:
    net = network(name, dtype)
    x, _ = examples(net, N)
    names = [block.name for block in plan_of(net).blocks]
    for chosen in (names, names[:1], names[::-1]):
        with nnpg.require_compiled():
            got = outputs_by_name(net, x, layers=chosen)
        assert set(got) == set(chosen)
        expected = outputs_by_name(net.to("numpy"), x, layers=chosen)
        for each in chosen:
            assert got[each].dtype == dtype
            assert got[each].shape == expected[each].shape
            scale = abs(expected[each]).max(initial=0)
            np.testing.assert_allclose(got[each], expected[each], rtol=rtol, atol=rtol * scale, err_msg=each)


def test_changes_of_units_are_the_same_compiled_and_layer_by_layer() -> None:
    net = network("faces", "float32")
    x, _ = examples(net, 20)
    y = x + 0.1 * np.random.default_rng(0).standard_normal(x.shape).astype("f4")
    with nnpg.require_compiled():
        fast = unit_changes(net, x, y, layers=["pool1", "tanh2"], batch=7)
    slow = unit_changes(net.to("numpy"), x, y, layers=["pool1", "tanh2"], batch=20)
    for name, change in slow.items():
        for measure in ("before", "after", "shift"):
            np.testing.assert_allclose(getattr(fast[name], measure), getattr(change, measure), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["input", "conv1", "tanh1"])
def test_what_is_inside_a_block_is_read_layer_by_layer_and_says_why(name: str) -> None:
    net = network("faces")
    x, _ = examples(net, 3)
    assert find(net, Outputs((name,))).why_not == f"{name} is not the output of a block"
    np.testing.assert_allclose(outputs_by_name(net, x, layers=[name])[name], net.forward(x)[name])
    with nnpg.require_compiled(), pytest.raises(nnpg.NotCompiled, match=f"^unit_changes, .*{name} is not the output"):
        outputs_by_name(net, x, layers=[name])
