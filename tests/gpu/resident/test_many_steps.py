"""Many steps a launch against two launches a step: the same bits. Which one takes the steps, and why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from parameters import equal
from resident_networks import images, network, orders
from trainings import LOSSES, RECIPES, computed_by, example, trained

import nnpg
from nnpg.programs.cuda.resident import many_steps
from nnpg.programs.cuda.training import why_two_launches
from nnpg.programs.plan import plan_of
from nnpg.recipes.models import face_net
from nnpg_kernels.cuda.resident.training import running
from nnpg_kernels.cuda.resident.training.graphs import Replays
from nnpg_kernels.cuda.resident.training.launches import OneLaunch, TwoLaunches

pytestmark = pytest.mark.gpu

FAST = [("maps", "cluster", 3), ("rows", "block", 3), ("rows", "cluster", 1), ("rows", "cluster", 4)]
ALL = [(name, program, batch) for name in RECIPES for program in ("cluster", "block") for batch in (1, 2, 3, 4)]
# A program divides its blocks among the images of a batch, and its threads among the places and channels of a network:
# each batch meets each program and each network, and each network meets both programs. `make mutants` has all triples.
PAIRS = [case for n, case in enumerate(ALL) if (n // 8 + n % 4 + n // 4) % 2 == 0 and case not in FAST]
SLOW = [pytest.param(*case, marks=pytest.mark.slow) for case in PAIRS]
REST = [pytest.param(*case, marks=pytest.mark.mutants) for case in ALL if case not in (*FAST, *PAIRS)]


def both(name: str, program: str, batch: int) -> list[nnpg.Training]:
    """Return the trainings by a program and by two launches."""
    net, x, t = example(name)
    results = []
    for each in (program, "two launches"):
        with computed_by(each), nnpg.require_compiled():
            results.append(trained(net.to("cupy"), x, t, LOSSES[name][0], batch, epochs=1))
    return results


@pytest.mark.parametrize(("name", "program", "batch"), [*FAST, *SLOW, *REST])
def test_steps_have_the_bits_of_two_launches(name: str, program: str, batch: int) -> None:
    """With a rest of the images, momentum, decay, and a learning rate that falls."""
    one, other = both(name, program, batch)
    assert equal(one.net, other.net)
    assert [(e.loss, e.error) for e in one.history] == [(e.loss, e.error) for e in other.history]


SOME_FACES = [("float64", 1), ("float32", 1), ("float32", 2)]  # batches of 3: test_training.py
OTHER_FACES = [("float64", 2)]


@pytest.mark.parametrize(
    ("dtype", "batch"),
    [
        *(pytest.param(*case, marks=pytest.mark.slow) for case in SOME_FACES),
        *(pytest.param(*case, marks=pytest.mark.mutants) for case in OTHER_FACES),
    ],
)
def test_faces_have_the_bits_of_two_launches(dtype: str, batch: int) -> None:
    """In four orders of threads and blocks."""
    net, x, t = network("faces", dtype), images("faces", dtype), np.arange(5) * 3
    settings: Any = {"epochs": 1, "batch": batch, "rng": 1, "progress": False}
    assert why_two_launches(net, plan_of(net), batch) == ""
    with orders(0, 1, 2, 3):
        one = nnpg.train(net, x, t, optimiser=nnpg.SGD(0.05, momentum=0.9), **settings)
    with mock.patch("nnpg.programs.cuda.training.IMAGES_AT_MOST", 0):
        other = nnpg.train(net, x, t, optimiser=nnpg.SGD(0.05, momentum=0.9), **settings)
    assert equal(one.net, other.net)


def launches_of(net: nnpg.Network, batch: int) -> type[Any]:
    """Return what takes the steps of a training."""
    made: list[running.RunningTraining] = []
    begin = running.RunningTraining.__init__

    def noted(self: running.RunningTraining, *args: Any) -> None:
        begin(self, *args)
        made.append(self)

    with mock.patch.object(running.RunningTraining, "__init__", noted):
        nnpg.train(net, np.ones((6, 8)), np.arange(6) % 3, epochs=1, batch=batch, rng=0, progress=False)
    return type(made[0].launches)


def small() -> nnpg.Network:
    recipe = [nnpg.dense(6), nnpg.Tanh(), nnpg.dense(3)]
    return nnpg.build(recipe, input_shape=(8,), rng=0, dtype="float64", backend="cupy")


def test_small_batches_are_taken_many_steps_a_launch() -> None:
    net = small()
    assert launches_of(net, 4) is OneLaunch
    assert launches_of(net, 5) is TwoLaunches
    assert why_two_launches(net, plan_of(net), 5) == "a batch has 5 images, more than 4"


def test_blocks_of_the_cluster_are_divided_among_the_images() -> None:
    """Where an image is small, each has one block; without clusters there is one block for all."""
    faces = face_net(np.zeros((1, 1, 60, 60)), backend="cupy")
    for net, of_batches in ((faces, {1: (8, 8), 2: (8, 4), 3: (8, 2), 4: (8, 2)}), (small(), {1: (1, 1), 3: (4, 1)})):
        for batch, (blocks, team) in of_batches.items():
            made = many_steps(net, plan_of(net), batch)
            assert (made.blocks, f" TEAM = {team};" in made.text) == (blocks, True)
    with mock.patch("nnpg.programs.cuda.resident.has_clusters", return_value=False):
        made = many_steps(small(), plan_of(small()), 4)
    assert (made.blocks, " TEAM = 1;" in made.text, " TEAMS = 1;" in made.text) == (1, True, True)


def test_weights_that_do_not_fit_are_told_in_bytes() -> None:
    net = network("digits")
    says = r"weights, velocity and an image need 2039424 bytes of shared memory, and a block of this device has 232448"
    assert re.fullmatch(says, why_two_launches(net, plan_of(net), 1))


@pytest.mark.parametrize("program", ["cluster", "two launches"])
def test_an_interrupted_training_goes_on_with_the_same_bits(tmp_path: Path, program: str) -> None:
    net, x, t = example("rows")
    settings: Any = {"epochs": 3, "batch": 1, "rng": 1, "progress": False, "optimiser": nnpg.SGD(0.1, momentum=0.9)}
    replay, left = Replays.replay, [4]

    def replayed(self: Replays, graph: Any, times: int = 1) -> None:
        replay(self, graph, times)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    with computed_by(program), mock.patch.object(running, "STEPS", 2), nnpg.require_compiled():
        whole = nnpg.train(net.to("cupy"), x, t, **settings)
        with pytest.raises(KeyboardInterrupt), mock.patch.object(Replays, "replay", replayed):
            nnpg.train(net.to("cupy"), x, t, checkpoint=tmp_path / "kept.safetensors", **settings)
        settings |= {"checkpoint": tmp_path / "kept.safetensors", "resume": True}
        resumed = nnpg.train(net.to("cupy"), x, t, **settings)
    assert equal(resumed.net, whole.net)
    assert [e.loss for e in resumed.history] == [e.loss for e in whole.history]


@pytest.mark.parametrize("program", ["cluster", "two launches"])
@pytest.mark.parametrize("steps", [1, 64])
def test_a_divergence_is_named_as_on_the_cpu(program: str, steps: int) -> None:
    """Epoch, step and layer; the steps since the last look are taken again."""
    (net, x, t), messages = example("rows"), []
    settings: Any = {"epochs": 100, "batch": 2, "rng": 1, "progress": False, "loss": "squared_error"}
    with computed_by(program), mock.patch.object(running, "STEPS", steps), mock.patch.object(running, "LOOK", 1e9):
        for of in (net, net.to("cupy")):
            with pytest.raises(nnpg.TrainingDiverged) as raised:
                nnpg.train(of, x, t, optimiser=nnpg.SGD(lr=1e4), **settings)
            messages.append(str(raised.value))
    assert messages[0] == messages[1]
    assert "diverged at epoch " in messages[0]
