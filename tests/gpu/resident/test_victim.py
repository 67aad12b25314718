"""A reading of an attack as one launch, against the layers: loss, margins, rivals, and the derivative of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
import pytest
from parameters import with_biases
from resident_networks import orders, readings, same

import nnpg
from nnpg import conv, dense
from nnpg.attacks import fast_gradient_sign, learn_class_mask, minimal_distortion, projected_gradient
from nnpg.attacks.objective import Objective, objective_of
from nnpg.losses import Loss, squared_error
from nnpg.programs import look
from nnpg.programs.attack_tasks import Asked, Victim
from nnpg_kernels import Array

pytestmark = pytest.mark.gpu

RECIPES: dict[str, tuple[tuple[int, ...], list[Any], str]] = {
    "softmax": ((6,), [dense(5), nnpg.Sigmoid(), dense(4), nnpg.Softmax()], "softmax_cross_entropy"),
    "maps": (
        (2, 5, 6),
        [
            *(nnpg.Center(0.2), conv(3, 3, padding=1), nnpg.MaxPool(2), nnpg.Tanh(), nnpg.Flatten(), dense(40)),
            nnpg.Softmax(),
        ],
        "softmax_cross_entropy",
    ),
    "sigmoid": ((6,), [dense(5), nnpg.Tanh(), dense(3), nnpg.Sigmoid()], "binary_cross_entropy"),
    "squares": ((6,), [dense(5), nnpg.ReLU(), dense(3)], "squared_error"),
    "one class": ((6,), [dense(5), nnpg.Tanh(), dense(1)], "softmax_cross_entropy"),
}
OTHERS = [name for name in RECIPES if name != "softmax"]
METHODS = ("evaluate", "evaluate_rivals", "margin")


@cache
def network(name: str, dtype: str = "float64", backend: str = "cupy") -> nnpg.Network:
    shape, recipe, _ = RECIPES[name]
    net = nnpg.build(recipe, input_shape=shape, rng=0, dtype=dtype, backend="numpy")
    return with_biases(net, np.random.default_rng(1)).to(backend)


def objectives(name: str, kappa: float = 0.0, dtype: str = "float64") -> tuple[Objective, Objective]:
    """Return the network on the device and layer by layer on the host."""
    loss = RECIPES[name][2]
    with nnpg.require_compiled():
        there = objective_of(network(name, dtype), loss, kappa)
    assert there.victim is not None
    return there, objective_of(network(name, dtype, "numpy"), loss, kappa)


def images(name: str, count: int, dtype: str = "float64") -> tuple[Array, Array]:
    rng = np.random.default_rng(2)
    x = rng.random((count, int(np.prod(RECIPES[name][0])))).astype(dtype)
    return x, np.arange(count) % network(name).K


@pytest.mark.tiny
@pytest.mark.parametrize("name", ["softmax", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_every_reading_is_that_of_the_layers(name: str) -> None:
    x, targets = images(name, 2 if name == "maps" else 5)
    there, here = objectives(name, kappa=0.25)
    rivals = (3,) if name == "softmax" else (1, 3, 39)
    with orders(*((0, 1, 2, 3) if name != "maps" else (0,))):
        answers = readings(there, x, targets, rivals)
    for answer, right in zip(answers, readings(here, x, targets, rivals), strict=True):
        same(answer, right)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_reading_has_the_same_bits_alone_in_company_and_in_parts(name: str, dtype: str) -> None:
    x, targets = images(name, 5, dtype)
    there, here = objectives(name, dtype=dtype)
    together = readings(there, x, targets)
    for answer, right in zip(together, readings(here, x, targets), strict=True):
        same(answer, right, 1e-4 if dtype == "float32" else 1e-10)
    in_parts = mock.patch("nnpg.programs.cuda.victim.multiprocessors", return_value=1)
    for rows, parts in (([3], False), ([1, 4], False), ([2, 2, 0], True), ([4, 3, 2, 1, 0], True)):
        with in_parts if parts else orders(3):
            alone = readings(there, x[rows], targets[rows])
        for few, all_of_them in zip(alone, together, strict=True):
            for field, value in vars(few).items():
                np.testing.assert_array_equal(value.get(), getattr(all_of_them, field).get()[rows], err_msg=field)


def with_scores(name: str, scores: list[float]) -> tuple[Objective, Objective]:
    """Return objectives of a network that has these scores for every image."""
    net = network(name, backend="numpy")
    last = list(net.parameters)[-1]
    W = np.zeros_like(net.parameters[last]["W"])
    net = net.with_parameters({last: {"W": W, "b": np.array(scores)}})
    return objective_of(net.to("cupy"), RECIPES[name][2]), objective_of(net, RECIPES[name][2])


@pytest.mark.parametrize(
    "scores",
    [
        [1.0, 2.0, 2.0, 2.0],
        [0.0, 0.0, -0.0, 0.0],
        [1.0, np.nan, 3.0, np.nan],
        [-np.inf, 2.0, -np.inf, np.inf],
        [-40.0, 40.0, -40.0, 800.0],
    ],
    ids=str,
)
def test_equal_scores_and_scores_that_are_not_finite(scores: list[float]) -> None:
    x, targets = images("softmax", 4)
    with np.errstate(all="ignore"):
        there, here = with_scores("softmax", scores)
        for answer, right in zip(readings(there, x, targets), readings(here, x, targets), strict=True):
            same(answer, right)


def test_a_reading_is_one_launch() -> None:
    there, _ = objectives("softmax")
    x, targets = images("softmax", 3)
    k, launches = there.net.backend, []
    given = (k.asarray(x), k.asarray(targets), np.zeros(3, np.int64))
    launch = type(there.victim.programs).launch  # type: ignore[union-attr]

    def noted(self: Any, kernel: str, blocks: int, args: Any, parts: int = 1) -> None:
        launches.append((kernel, blocks))
        launch(self, kernel, blocks, args, parts)

    with mock.patch("nnpg_kernels.cuda.resident.programs.Programs.launch", noted):
        there.evaluate(*given)
        there.evaluate_rivals(*given)
        there.margin(*given, away=True)
    assert launches == [("victim<Net,1>", 3), ("victim<Net,4>", 3), ("victim<Net,1>", 3)]


def test_targets_must_fit() -> None:
    there, _ = objectives("softmax")
    x, targets = (there.net.backend.asarray(a) for a in images("softmax", 3))
    with pytest.raises(ValueError, match=r"3 images have 3 targets and up to 4 rivals, not \(2,\) and 1"):
        there.evaluate(x, targets[:2], np.zeros(3, np.int64))
    with pytest.raises(ValueError, match=r"3 images have 3 targets and up to 4 rivals, not \(3,\) and 5"):
        there.victim(x, targets, Asked(True, 5, True, False, 0.0, 0.0))  # type: ignore[misc]
    none = readings(there, np.zeros((0, 6)), np.zeros(0, np.int64))
    assert none[0].gradient.shape == (0, 6)
    assert none[2].gradients.shape == (0, 3, 6)


def own_loss(net: nnpg.Network) -> Loss:
    """The square of twice the error, with functions of its own."""
    loss = squared_error(net)
    return Loss("doubled", loss.layer, lambda k, y, t: 2 * loss.value(k, y, t), lambda k, y, t: 2 * loss.seed(k, y, t))


@pytest.mark.slow
def test_a_loss_of_ones_own_is_what_is_minimised_in_two_launches() -> None:
    net, x = network("squares"), images("squares", 3)[0]
    why = look(net, Victim(own_loss(net))).why_not
    assert why == "the loss 'doubled' has no kernel"
    there, here = (objective_of(n, own_loss) for n in (net, network("squares", backend="numpy")))
    assert there.victim is None
    assert there.computed == "compiled"
    for answer, right in zip(readings(there, x, np.arange(3)), readings(here, x, np.arange(3)), strict=True):
        same(answer, right)


def test_where_no_program_reads_a_network_there_is_no_launch_either() -> None:
    net = network("softmax")
    assert look(net, Victim(squared_error(net))).why_not == (
        "the loss reads softmax1, which is not the output of the last block"
    )
    net = network("squares", backend="numpy").to("numba")
    assert not look(net, Victim(squared_error(net)))


def test_the_report_says_in_how_many_launches_an_attack_reads() -> None:
    assert str(nnpg.compilation_report(network("softmax"))).endswith("an attack reads it in one launch")
    net = network("softmax")
    with mock.patch("nnpg.programs.cuda.victim.why_not", return_value="it is lost"):
        assert nnpg.compilation_report(net).readings == "an attack reads it in two launches, because it is lost"
    groups = nnpg.build([conv(2, 3, groups=2), nnpg.Flatten(), dense(2)], input_shape=(2, 4, 4), rng=0, backend="cupy")
    for other in (network("softmax", backend="numpy"), groups):
        assert nnpg.compilation_report(other).readings == ""


def on_host_as(objective: Objective, name: str) -> Objective:
    """Return the same objective layer by layer; targets are chosen with another loss than an attack's."""
    return objective_of(network(name, backend="numpy"), lambda net: objective.loss, objective.kappa)


@contextmanager
def each_reading_held_to_the_layers(name: str) -> Iterator[list[str]]:
    """Let every reading of a device inside be compared with that of the layers; the list has what was read."""
    read: list[str] = []

    def watched(method: str) -> Any:
        ask = getattr(Objective, method)

        def asked(self: Objective, x: Any, targets: Any, group: Any, *args: Any, **kwargs: Any) -> Any:
            answers = ask(self, x, targets, group, *args, **kwargs)
            if self.victim is None:
                return answers
            here = on_host_as(self, name)
            on_host = x.get(), targets.get()
            rights = ask(here, *on_host, here.group_of(*on_host), *args, **kwargs)
            pairs = zip(answers, rights, strict=True) if isinstance(answers, tuple) else [(answers, rights)]
            for answer, right in pairs:
                same(answer, right)
            read.append(method)
            return answers

        return asked

    with mock.patch.multiple(Objective, **{method: watched(method) for method in METHODS}):
        yield read


@pytest.mark.slow
@pytest.mark.parametrize("name", ["softmax", "sigmoid", "squares"])
@pytest.mark.parametrize(
    "settings",
    [
        {"norm": "squared_l2", "targets": "nearest"},
        {"norm": "l2", "targets": "least_likely", "box": (-1.0, 2.0), "kappa": 0.1},
        {"norm": "l1", "targets": "random", "rng": 0},
        {"norm": "squared_l2", "targets": "all", "epsilon": 0.3, "polish": False},
        {"norm": "l2", "targets": 1, "box": (-1.0, 2.0)},
    ],
    ids=str,
)
def test_every_reading_of_a_least_distortion_is_that_of_the_layers(name: str, settings: dict[str, Any]) -> None:
    x = images(name, 1 if name == "squares" else 2)[0]  # a network with kinks is searched from many points
    rest: Any = {"loss": RECIPES[name][2], "evaluations": 25, "progress": False} | settings
    with each_reading_held_to_the_layers(name) as read:
        result = minimal_distortion(network(name), x, **rest)
    assert result.computed == "compiled"
    assert len(read) > 10


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["rms", "max"])
@pytest.mark.parametrize("targets", [1, "nearest", "random", "all"])
def test_gradient_steps_are_those_of_the_layers(norm: Any, targets: Any) -> None:
    x, labels = images("softmax", 3)[0], np.array([0, 2, 3])
    for attack, rest in ((projected_gradient, {"norm": norm, "steps": 3}), (fast_gradient_sign, {})):
        for box in ((0.0, 1.0), (-1.0, 2.0)):
            settings: Any = {"epsilon": 0.2, "box": box, "rng": 0} | rest
            with each_reading_held_to_the_layers("softmax") as read:
                result = attack(network("softmax"), x, labels, targets, **settings)
            expected = attack(network("softmax", backend="numpy"), x, labels, targets, **settings)
            np.testing.assert_allclose(result.adversarial, expected.adversarial, rtol=0, atol=1e-10)
            np.testing.assert_array_equal(result.predicted, expected.predicted)
            assert "evaluate" in read


@pytest.mark.slow
def test_a_class_mask_is_that_of_the_layers() -> None:
    x = images("maps", 4)[0].reshape(4, 2, 5, 6)
    settings: Any = {"epochs": 2, "batch": 2, "rng": 0, "progress": False}
    with each_reading_held_to_the_layers("maps") as read:
        mask = learn_class_mask(network("maps"), x, 3, **settings)
    expected = learn_class_mask(network("maps", backend="numpy"), x, 3, **settings)
    np.testing.assert_allclose(mask.W, expected.W, rtol=0, atol=1e-10)
    assert read == ["evaluate"] * 4
