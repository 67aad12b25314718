"""Selective dropout by a plan against its steps one by one: the same networks, choices and losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from geometries import NETS
from parameters import equal, flat, with_biases

import nnpg
from nnpg import programs
from nnpg.training_methods.hard_negatives import hard_negative_training
from nnpg.training_methods.selective_dropout import Retention, SelectiveDropout

N = 21


class Mine(SelectiveDropout):
    """A subclass, so that its steps are taken one by one."""


def examples(name: str, dtype: str = "float64") -> tuple[nnpg.Network, Any, Any, Any]:
    shape, recipe = NETS[name]
    rng = np.random.default_rng(5)
    net = with_biases(nnpg.build(recipe, input_shape=shape, rng=rng, dtype=dtype, backend="numba"), rng, 0.1)
    x = rng.standard_normal((N, *shape)).astype(dtype)
    return net, x, (x + 0.3 * rng.standard_normal(x.shape)).astype(dtype), rng.integers(0, net.K, N)


def trained(
    kind: type[SelectiveDropout], name: str, batch: int, *, layer: str = "", dtype: str = "float64", **settings: Any
) -> tuple[nnpg.Training, list[Any]]:
    net, x, adversarial, t = examples(name, dtype)
    settings = {"layer": layer or next(iter(net.parameters)), "keep": 0.4} | settings
    if "groups" in settings:
        settings |= {"groups": np.arange(N) % 4, "adversarial": adversarial}
    seen: list[Any] = []
    step = kind(x, watch=lambda n, now, units: seen.append((n, units.copy(), flat(now.parameters))), **settings)
    sgd = nnpg.SGD(0.05, momentum=0.5, decay=nnpg.PlainDecay(0.01), lr_decay=0.1)
    done = nnpg.train(net, adversarial, t, epochs=2, batch=batch, rng=1, optimiser=sgd, take_step=step, progress=False)
    return done, seen


def same(name: str, batch: int, **settings: Any) -> None:
    """Compare every pair of steps: the choice, the weights, and at the end the losses."""
    (expected, before), (got, after) = (trained(kind, name, batch, **settings) for kind in (Mine, SelectiveDropout))
    assert (got.computed, expected.computed[:14]) == ("compiled", "layer by layer")
    assert len(after) == len(before) == 2 * -(-N // batch)
    for (n, units, weights), (m, theirs, wanted) in zip(after, before, strict=True):
        assert n == m
        assert units.dtype == theirs.dtype == np.bool_
        np.testing.assert_array_equal(units, theirs)
        for parameter, w in wanted.items():
            np.testing.assert_allclose(weights[parameter], w, rtol=1e-10, atol=1e-10, err_msg=parameter)
    for one, other in zip(got.history, expected.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-9)
        assert one.error == other.error


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch", [1, 11])  # one image, whose selection goes on as the step; and images side by side
def test_every_geometry_takes_the_steps_of_the_layers(name: str, batch: int) -> None:
    same(name, batch)


SETTINGS: dict[str, dict[str, Any]] = {
    "the control": {"keep": 1.0},
    "other units silent": {"mode": "forward"},
    "shift, kept for three pairs": {"measure": "shift", "every": 3},
    "a share that grows to all": {"keep": Retention(0.2, 0.4)},
    "groups": {"groups": True},
    "groups, silent": {"groups": True, "mode": "forward", "every": 2},
    "clusters": {"clusters": True},
}


@pytest.mark.parametrize("batch", [1, 8, 20])  # 20 images are more than one block
@pytest.mark.parametrize("layer", ["conv2", "dense1"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_takes_the_steps_of_the_layers(settings: dict[str, Any], layer: str, batch: int) -> None:
    if "clusters" in settings:
        units = len(examples("faces")[0].parameters[layer]["W"])
        settings = {"clusters": np.arange(units) % 5 - 1}
    same("faces", batch, layer=layer, **settings)


@pytest.mark.parametrize("keep", [0.4, Retention(0.2, 0.3)])
def test_pairs_of_steps_in_one_call_are_those_of_the_layers(keep: Any) -> None:
    """Nobody watches, so that many pairs are taken together, among them the first one of all units after a choice."""
    net, x, adversarial, t = examples("faces")
    options: dict[str, Any] = {"epochs": 2, "batch": 1, "rng": 1, "progress": False}
    got, expected = (
        nnpg.train(net, adversarial, t, take_step=kind(x, layer="conv2", keep=keep, every=3), **options)
        for kind in (SelectiveDropout, Mine)
    )
    assert got.computed == "compiled"
    for name, w in flat(expected.net.parameters).items():
        np.testing.assert_allclose(flat(got.net.parameters)[name], w, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("batch", "groups"), [(1, False), (1, True), (20, False)])
def test_any_number_of_threads_gives_the_same_bits(batch: int, groups: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NNPG_NUM_THREADS", threads)
        settings: dict[str, Any] = {"groups": True} if groups else {}
        found.append(trained(SelectiveDropout, "faces", batch, layer="conv2", dtype="float32", **settings)[0])
    assert all(equal(other.net, found[0].net) for other in found[1:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_that_are_not_chosen_keep_every_bit(dtype: str) -> None:
    _, seen = trained(SelectiveDropout, "faces", 1, layer="conv2", dtype=dtype)
    before = None
    for _, units, weights in seen:
        if before is not None:
            for p in ("conv2.W", "conv2.b"):
                moved = (weights[p] != before[p]).reshape(len(units), -1).any(axis=1)
                assert not moved[~units].any()
                assert moved[units].any()
        before = weights


def test_watch_after_says_when_and_counts_the_choices_between() -> None:
    net, x, adversarial, t = examples("faces")
    found = []
    for kind in (Mine, SelectiveDropout):
        calls: list[tuple[int, list[int]]] = []
        step = kind(
            x, layer="dense1", keep=0.2, every=2, watch_after=lambda n: n % 7 == 0,
            watch=lambda n, now, times, calls=calls: calls.append((n, times.tolist())),
        )  # fmt: skip
        nnpg.train(net, adversarial, t, epochs=2, batch=1, rng=1, take_step=step, progress=False)
        found.append(calls)
    assert found[0] == found[1]
    assert [n for n, _ in found[0]] == [14, 28, 42, 56, 70, 84]
    assert all(sum(times) == 7 for _, times in found[0])  # one of four units, in each of seven pairs


def test_hard_negative_training_says_that_it_is_compiled_and_gives_the_accuracies_of_the_layers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net, x, adversarial, t = examples("faces")
    options: dict[str, Any] = {"layer": "conv2", "keep": 0.4, "epochs": 2, "rng": 1, "progress": False}
    options |= {"judged_on": {"originals": (x, t)}, "judge_every": 5}
    with nnpg.require_compiled():
        done = hard_negative_training(net, adversarial, x, t, **options)
    monkeypatch.setattr(nnpg.training_methods.hard_negatives, "SelectiveDropout", Mine)
    layers = hard_negative_training(net, adversarial, x, t, **options)
    assert (done.training.computed, layers.training.computed[:14]) == ("compiled", "layer by layer")
    assert done.steps.tolist() == layers.steps.tolist() == [0, *(n for n in range(2, 84, 2) if n % 5 < 2), 84]
    np.testing.assert_array_equal(done.accuracy["originals"], layers.accuracy["originals"])
    np.testing.assert_allclose(done.instability, layers.instability)


def test_a_network_with_units_that_are_set_takes_the_same_steps() -> None:
    net, x, adversarial, t = examples("faces")
    changed = net.intervene("pool1", nnpg.Override(np.array([True, False, False])[:, None, None], np.array(0.5)))
    options: dict[str, Any] = {"epochs": 1, "batch": 1, "rng": 1, "progress": False}
    for layer in ("conv1", "dense1"):
        got, expected = (
            nnpg.train(changed, adversarial, t, take_step=kind(x, layer=layer, keep=0.4, mode="forward"), **options)
            for kind in (SelectiveDropout, Mine)
        )
        assert got.computed == "compiled"
        assert got.net.interventions.keys() == expected.net.interventions.keys()
        for name, w in flat(expected.net.parameters).items():
            np.testing.assert_allclose(flat(got.net.parameters)[name], w, rtol=1e-10, atol=1e-10)


@dataclass(frozen=True, eq=False)
class Reversed(SelectiveDropout):
    """Selects, and then goes up."""

    def __call__(self, net: Any, x: Any, targets: Any, loss: Any, optimiser: Any, state: Any, rows: Any) -> Any:
        after, *rest = super().__call__(net, x, targets, loss, optimiser, state, rows)
        return after.with_parameters(
            {n: {p: 2 * net.parameters[n][p] - w for p, w in of.items()} for n, of in after.parameters.items()}
        ), *rest


def test_what_is_subclassed_or_not_covered_is_what_runs() -> None:
    net, x, adversarial, t = examples("faces")
    options: dict[str, Any] = {"epochs": 1, "batch": 1, "rng": 1, "progress": False}
    up = nnpg.train(net, adversarial, t, take_step=Reversed(x, layer="conv1", keep=0.4), **options)
    slow = nnpg.train(net.to("numpy"), adversarial, t, take_step=Reversed(x, layer="conv1", keep=0.4), **options)
    for name, w in flat(slow.net.parameters).items():
        np.testing.assert_allclose(flat(up.net.parameters)[name], w, rtol=1e-10, atol=1e-10)
    step = SelectiveDropout(x, layer="conv1", keep=0.4)
    loss = nnpg.losses.softmax_cross_entropy(net)
    for other, sgd, why in (
        (net.replace("tanh1", nnpg.Step()), nnpg.SGD(0.1), "tanh1 (Step) begins no block"),
        (net, type("Mine", (nnpg.SGD,), {})(0.1), "the optimiser Mine has no kernel"),
        (net.to("numpy"), nnpg.SGD(0.1), "no compiled programs"),
    ):
        task = step.task(other, loss, sgd, 1)
        assert task is not None
        assert why in programs.look(other, task).why_not
    fewer = SelectiveDropout(x[:5], layer="conv1", keep=0.4)
    with pytest.raises(ValueError, match="originals must be 21, one for each image, not 5"):
        nnpg.train(net, adversarial, t, take_step=fewer, **options)


def test_a_learning_rate_too_large_is_found_in_its_step() -> None:
    net, x, adversarial, t = examples("faces", "float32")
    for kind in (SelectiveDropout, Mine):
        with pytest.raises(nnpg.TrainingDiverged, match="diverged at epoch 1, step "):
            nnpg.train(net, adversarial, t, epochs=1, batch=1, rng=1, optimiser=nnpg.SGD(1e38),
                       take_step=kind(x, layer="conv2", keep=0.4), progress=False)  # fmt: skip
