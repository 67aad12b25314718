"""Resident training against the layers, on the emulator or on a device: the papers' networks, and all that ends one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from parameters import equal, flat
from resident_networks import PAPERS, close, images, network, orders

import nnpg
from nnpg import SGD, DecayPerUnit, PlainDecay
from nnpg.programs.cuda.training import why_two_launches
from nnpg.programs.plan import plan_of
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.training import launches, running
from nnpg_kernels.cuda.resident.training.graphs import Replays

pytestmark = pytest.mark.gpu

N, BATCH = 13, 3  # 4 steps, and a rest of 1 image
EVERYTHING = SGD(lr=0.05, momentum=0.9, decay=PlainDecay(0.01), lr_decay=0.1)


@cache
def small() -> tuple[nnpg.Network, Array]:
    """Return a network that is trained fast, and images for it."""
    recipe = [nnpg.dense(6), nnpg.Tanh(), nnpg.dense(3)]
    net = nnpg.build(recipe, input_shape=(8,), rng=0, dtype="float64", backend="cupy")
    return net, np.random.default_rng(4).random((N, 8))


def labels(net: nnpg.Network) -> Array:
    return np.arange(N) * 3 % net.K


def trained(net: nnpg.Network, x: Array, t: Any = None, optimiser: SGD = EVERYTHING, **arguments: Any) -> nnpg.Training:
    arguments = {"epochs": 2, "batch": BATCH, "rng": 1, "progress": False, **arguments}
    return nnpg.train(net, x, labels(net) if t is None else t, optimiser=optimiser, **arguments)


def compiled(net: nnpg.Network, x: Array, t: Any = None, optimiser: SGD = EVERYTHING, **arguments: Any) -> Any:
    with nnpg.require_compiled():
        return trained(net, x, t, optimiser, **arguments)


def same(result: nnpg.Training, expected: nnpg.Training, dtype: str = "float64") -> None:
    for name, w in flat(expected.net.parameters).items():
        close(flat(result.net.parameters)[name], w, dtype, name)
    for one, other in zip(result.history, expected.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-10 if dtype == "float64" else 1e-5)
        assert one.error == other.error


# A type changes sizes in shared memory, and no way through a kernel: that the network decides. `make mutants` has all.
DOUBLE = [(name, "float64") for name in PAPERS]
FLOAT = [(name, "float32") for name in PAPERS]
IN_MANY_STEPS = ("faces", "dense")  # whose weights and velocity fit into shared memory too


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (*DOUBLE, ("faces", "float32"))),
        *(pytest.param(*case, marks=pytest.mark.mutants) for case in FLOAT if case[0] != "faces"),
    ],
)
def test_five_steps_are_those_of_the_layers(name: str, dtype: str) -> None:
    """With momentum, decay, a learning rate that falls, and a rest; in four orders of threads and blocks.

    Two launches a step, and where that is possible all five in one launch.
    """
    net, x, results = network(name, dtype), images(name, dtype, N), []
    for at_most in (0, BATCH) if name in IN_MANY_STEPS else (0,):
        with mock.patch("nnpg.programs.cuda.training.IMAGES_AT_MOST", at_most), orders(0, 1, 2, 3):
            assert (why_two_launches(net, plan_of(net), BATCH) == "") == (at_most > 0)
            results.append(compiled(net, x, epochs=1))
    expected = trained(network(name, dtype, "numpy"), x, epochs=1)
    for result in results:
        same(result, expected, dtype)
        assert result.computed == "compiled"
        assert equal(result.net, results[0].net)


@pytest.mark.parametrize("name", ["faces", "dense"])
def test_two_epochs_are_those_of_the_layers(name: str) -> None:
    x = images(name, count=N)
    same(compiled(network(name), x), trained(network(name, backend="numpy"), x))


@pytest.mark.tiny
@pytest.mark.parametrize(
    "optimiser", [SGD(lr=0.1), SGD(lr=0.1, decay=DecayPerUnit(0.1)), SGD(lr=0.1, momentum=0.5, lr_decay=1.0)]
)
def test_the_optimiser_is_the_same(optimiser: SGD) -> None:
    net, x = small()
    same(compiled(net, x, None, optimiser), trained(net.to("numpy"), x, None, optimiser))


@pytest.mark.tiny
@pytest.mark.parametrize("batch", [1, N, 5 * N])
def test_any_batch_takes_the_steps_of_the_layers(batch: int) -> None:
    net, x = small()
    same(compiled(net, x, batch=batch), trained(net.to("numpy"), x, batch=batch))


@pytest.mark.tiny
def test_images_that_share_a_slot_leave_their_sum() -> None:
    x = images("faces", count=N)
    with mock.patch.object(launches, "SLOTS", 2):
        result = compiled(network("faces"), x, batch=5, epochs=1)
    same(result, trained(network("faces", backend="numpy"), x, batch=5, epochs=1))


HEADS: dict[str, list[Any]] = {
    "sigmoid": [nnpg.Center(0.4), nnpg.dense(6), nnpg.Tanh(), nnpg.dense(40), nnpg.Sigmoid()],
    "none": [nnpg.conv(3, 2, bias=False), nnpg.ReLU(), nnpg.Flatten(), nnpg.dense(40, bias=False)],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "loss"),
    [
        *(("sigmoid", "binary_cross_entropy"), ("sigmoid", "squared_error")),
        *(("none", "squared_error"), ("none", "softmax_cross_entropy")),
    ],
)
@pytest.mark.parametrize("values", [False, True], ids=["labels", "values"])
def test_every_loss_is_that_of_the_layers(head: str, loss: str, values: bool) -> None:
    """More classes than lanes of a warp; layers without a bias, a mean of the images."""
    shape = (7,) if head == "sigmoid" else (2, 4, 3)
    net = nnpg.build(HEADS[head], input_shape=shape, rng=0, dtype="float64", backend="numpy")
    rng = np.random.default_rng(3)
    x, t = rng.random((N, *shape)), rng.random((N, 40)) if values else rng.integers(0, 40, N)
    result = compiled(net.to("cupy"), x, t, loss=loss)
    same(result, trained(net, x, t, loss=loss))


def test_images_and_labels_may_be_on_the_device() -> None:
    net, x = small()
    k = net.backend
    result = compiled(net, k.asarray(x), k.asarray(labels(net)))
    assert equal(result.net, compiled(net, x).net)


# Graphs, looks and interrupts


@pytest.fixture
def seen() -> Iterator[list[running.RunningTraining]]:
    """Every training that is begun."""
    made: list[running.RunningTraining] = []
    begin = running.RunningTraining.__init__

    def noted(self: running.RunningTraining, *args: Any) -> None:
        begin(self, *args)
        made.append(self)

    with mock.patch.object(running.RunningTraining, "__init__", noted):
        yield made


@pytest.mark.parametrize(
    ("steps", "batch", "graphs", "replays"),
    [(64, 3, 1, 1), (5, 3, 1, 1), (4, 3, 2, 2), (2, 3, 2, 3), (3, 3, 2, 2), (3, 1, 2, 5), (1, 13, 1, 1), (6, 2, 2, 2)],
)
def test_steps_are_captured_once_and_replayed(
    seen: list[running.RunningTraining], steps: int, batch: int, graphs: int, replays: int
) -> None:
    """As a whole epoch, or as so many steps and what is left of the epoch; any division gives the same bits."""
    net, x = small()
    with mock.patch.object(running, "STEPS", steps):
        result = compiled(net, x, epochs=3, batch=batch)
    assert equal(result.net, compiled(net, x, epochs=3, batch=batch).net)
    assert seen[0].replays.captures == graphs
    assert seen[0].replays.replays == 3 * replays


def test_a_graph_of_a_large_network_has_fewer_steps(seen: list[running.RunningTraining]) -> None:
    net, x = small()
    compiled(net, x, epochs=1)
    assert seen[0].shapes() == [((4, 1), 1)]
    work = seen[0].step.work
    assert work == 3 * (8 * 6 + 6 * 3)  # forward, dL/dx and dL/dW
    with mock.patch.object(running, "WORK", 2 * BATCH * work):
        assert seen[0].shapes() == [((2, 0), 2), ((0, 1), 1)]
    with mock.patch.object(running, "WORK", 1):
        assert seen[0].shapes() == [((1, 0), 4), ((0, 1), 1)]


class Clock:
    """Time that passes while graphs run: one replay takes 0.03 s."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


def test_python_is_back_and_losses_come_down_every_tenth_of_a_second(seen: list[running.RunningTraining]) -> None:
    clock, moments, looks, (net, x) = Clock(), [], [], small()
    wait, replay, look = Replays.wait, Replays.replay, running.RunningTraining.look

    def replayed(self: Replays, graph: Any, times: int = 1) -> None:
        replay(self, graph, times)
        clock.now += 0.03 * times

    def waited(self: Replays) -> None:
        moments.append(round(clock.now, 2))
        wait(self)

    def looked(self: running.RunningTraining, first: int, done: int) -> int:
        looks.append((round(clock.now, 2), done))
        return look(self, first, done)

    with (
        mock.patch.object(running, "STEPS", 1),
        mock.patch.object(running, "time", clock),
        mock.patch.object(Replays, "replay", replayed),
        mock.patch.object(Replays, "wait", waited),
        mock.patch.object(running.RunningTraining, "look", looked),
    ):
        result = compiled(net, x, batch=1, epochs=1)
    # 1 replay to learn how long one takes, then 3 at once; losses after 0.1 s, and at the end of the epoch
    assert moments == [0.03, 0.12, 0.21, 0.3]
    assert looks == [(0.12, 4), (0.3, 10), (0.39, 13)]
    assert equal(result.net, compiled(net, x, batch=1, epochs=1).net)


def interrupted_at(replays: int) -> Any:
    """Let Ctrl-C come after as many replays."""
    replay, left = Replays.replay, [replays]

    def replayed(self: Replays, graph: Any, times: int = 1) -> None:
        replay(self, graph, times)
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt

    return mock.patch.object(Replays, "replay", replayed)


@pytest.mark.parametrize("replays", [1, 4, 8])  # of 3 in an epoch
def test_an_interrupted_training_goes_on_with_the_same_bits(tmp_path: Path, replays: int) -> None:
    (net, x), kept = small(), tmp_path / "training.safetensors"
    with mock.patch.object(running, "STEPS", 2):
        whole = compiled(net, x, epochs=4)
        with pytest.raises(KeyboardInterrupt), interrupted_at(replays):
            compiled(net, x, epochs=4, checkpoint=kept)
        resumed = compiled(net, x, epochs=4, checkpoint=kept, resume=True)
    assert equal(resumed.net, whole.net)
    assert [e.loss for e in resumed.history] == [e.loss for e in whole.history]


@pytest.mark.parametrize("steps", [1, 64])
@pytest.mark.parametrize("looks", [0.0, 1e9])
@pytest.mark.parametrize("lr", [30.0, 1e4])
def test_a_divergence_is_named_as_on_the_cpu(steps: int, looks: float, lr: float) -> None:
    """Also where it is seen late: the steps since the last look are taken again."""
    (net, x), messages = small(), []
    with mock.patch.object(running, "STEPS", steps), mock.patch.object(running, "LOOK", looks):
        for of, run in ((net.to("numpy"), trained), (net, compiled)):
            with pytest.raises(nnpg.TrainingDiverged) as raised:
                run(of, x, None, SGD(lr=lr), epochs=100, loss="squared_error")
            messages.append(str(raised.value))
    assert messages[0] == messages[1]
    assert "diverged at epoch " in messages[0]


def test_two_threads_train_two_networks_and_one_network_at_once() -> None:
    """Neither writes to an array of the other."""
    both = {"faces": (network("faces"), images("faces", count=N)), "small": small()}
    jobs = [("faces", 1), ("small", 1), ("small", 2), ("small", 1)]

    def train_one(job: tuple[str, int]) -> nnpg.Network:
        name, rng = job
        return compiled(*both[name], rng=rng, epochs=1).net

    alone = [train_one(job) for job in jobs]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(train_one, jobs))
    assert all(map(equal, alone, together))
    assert not equal(alone[1], alone[2])
