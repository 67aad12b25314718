"""Training by a plan against training layer by layer: the same steps, for every geometry that a plan covers."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any
from unittest import mock

import numpy as np
import pytest
from geometries import HEAD, NETS, T, examples, network
from parameters import equal, flat, with_biases

import nnpg
from nnpg import conv
from nnpg.programs.plan import plan_of
from nnpg_kernels.numba.program import Program


def trained(name: str, N: int, batch: int, backend: str, dtype: str = "float64", **settings: Any) -> nnpg.Training:
    shape, recipe = NETS[name]
    rng = np.random.default_rng(5)
    net = nnpg.build(recipe, input_shape=shape, rng=rng, dtype=dtype, backend=backend)
    x, t = rng.standard_normal((N, *shape)).astype(dtype), rng.integers(0, net.K, N)
    net = with_biases(net, rng, 0.1)
    with nnpg.require_compiled() if backend == "numba" else nullcontext():
        sgd = nnpg.SGD(**{"lr": 0.1, **settings})
        return nnpg.train(net, x, t, epochs=2, batch=batch, rng=1, optimiser=sgd, progress=False)


def same(a: nnpg.Training, b: nnpg.Training, rtol: float) -> None:
    theirs = flat(b.net.parameters)
    for name, array in flat(a.net.parameters).items():
        np.testing.assert_allclose(theirs[name], array, rtol=rtol, atol=rtol, err_msg=name)
    for one, other in zip(a.history, b.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=rtol * 100)
        assert one.error == other.error


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("N", "batch"), [(7, 3), (21, 11)])  # images one by one, and side by side; a shorter last step
def test_every_geometry_takes_the_steps_of_the_reference(name: str, N: int, batch: int) -> None:
    same(trained(name, N, batch, "numpy"), trained(name, N, batch, "numba"), 1e-10)


@pytest.mark.parametrize("batch", [1, 40, 300])  # 300 images of 8 lanes: more blocks than slots
@pytest.mark.parametrize(
    "settings",
    [
        {"momentum": 0.9},
        {"decay": nnpg.PlainDecay(0.01), "lr_decay": 0.1},
        {"decay": nnpg.DecayPerUnit(0.1), "momentum": 0.5},
    ],
)
def test_the_optimiser_is_the_same(batch: int, settings: dict[str, Any]) -> None:
    N = min(batch + 20, 3 * batch)
    same(trained("faces", N, batch, "numpy", **settings), trained("faces", N, batch, "numba", **settings), 1e-10)


def test_float32_differs_by_its_rounding() -> None:
    same(trained("faces", 40, 20, "numpy", "float32"), trained("faces", 40, 20, "numba", "float32"), 2e-5)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("faces", "float32"), ("filters in lanes", "float64"), ("filters in lanes, stride", "float64")],
)
@pytest.mark.parametrize("batch", [4, 5, 300])
def test_any_number_of_threads_gives_the_same_bits(
    name: str, dtype: str, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NNPG_NUM_THREADS", threads)
        trainings.append(trained(name, 2 * batch, batch, "numba", dtype, momentum=0.9))
    assert all(equal(other.net, trainings[0].net) for other in trainings[1:])


@pytest.mark.parametrize(
    ("name", "batch", "filters"),
    [
        ("faces", 3, False),  # whose filters leave lanes empty
        ("filters in lanes", 4, True),
        ("filters in lanes", 5, False),  # more than half a vector of images
        ("filters in lanes, stride", 4, True),
    ],
)
def test_where_filters_are_the_lanes(name: str, batch: int, filters: bool) -> None:
    """A lost fast path: these networks are trained that way, with these numbers of images."""
    assert ("gradient of channels" in ops_of_a_step(name, batch)) == filters


def ops_of_a_step(name: str, batch: int) -> set[str]:
    """The names of the ops of a step."""
    net, used = network(name), set[str]()
    x, t = examples(net, batch)

    class Noted(Program):
        def __call__(self, times: int = 1, first_time: int = 0) -> None:
            used.update(op.name for op in self.ops[0])
            super().__call__(times, first_time)

    with mock.patch("nnpg.programs.numba.wide.phases.Program", Noted):
        nnpg.train(net, x, t, epochs=1, batch=batch, rng=0, progress=False)
    return used


def test_what_is_not_covered_says_why_and_trains_layer_by_layer() -> None:
    recipe = [conv(4, 3), T(), nnpg.AvgPool(2), conv(4, 3, groups=2), T(), *HEAD]
    net = nnpg.build(recipe, input_shape=(1, 10, 10), rng=0)
    assert "AvgPool" in nnpg.compilation_report(net)["train"].why_not
    assert "layer by layer" in str(plan_of(net))
    done = nnpg.train(net, np.ones((2, 1, 10, 10)), [0, 1], epochs=1, batch=1, rng=0, progress=False)
    assert done.computed == nnpg.compilation_report(net)["train"].computed


def test_a_learning_rate_too_large_is_found_in_its_step() -> None:
    with pytest.raises(nnpg.TrainingDiverged, match=r"diverged at epoch 1, step [1-4]:"):
        trained("no activation", 12, 3, "numba", "float32", lr=1e38)
