"""Our side: the public functions on the backend `cupy`. All that Python adds around the kernels is part of the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from importlib import import_module
from typing import Any

import numpy as np

import nnpg
from benchmarks.contender import Answer
from benchmarks.gpu.breakdown import parts_of
from benchmarks.gpu.card import CupyEvent
from benchmarks.gpu.contender import LATER, Contender, Taken, event_clock
from benchmarks.gpu.rows import Row
from benchmarks.own_training import parameters_of, training_answer
from nnpg import programs
from nnpg.prediction import gradients_in_batches
from nnpg.programs.tasks import Gradients
from nnpg_kernels import Array

BATCHES = 64  # steps of an epoch
QUICK_BATCHES = 2
LASTS = 0.1  # seconds of a round of training: set-up varies by a few milliseconds
NAME = "nnpg"

Answers = dict[str, Callable[[], Answer]]


class ByLayers(nnpg.SGD):
    """A subclass has no kernel, so its steps are taken layer by layer."""


def contender(row: Row, *, quick: bool = False) -> tuple[Contender, Answers]:
    """Prepare our side of a row; return it, and its answer to each question that a competitor may ask."""
    net = row.workload.net.network().to("cupy")
    if row.workload.kind == "train":
        return _train(row, net, QUICK_BATCHES if quick else BATCHES)
    call, answer = (_jacobian if row.workload.kind == "jacobian" else _sweep)(row, net)
    once = cache(answer)
    computed: dict[str, set[str]] = {}
    noted = _noted(call, computed)
    return Contender(NAME, event_clock(noted, CupyEvent, 1), 1, once, "result", "device events", computed), {
        "result": once
    }


def parts(row: Row, *, quick: bool = False) -> dict[str, Any] | None:
    """Return where the time of a call goes; None for a training, whose steps are no calls."""
    if row.workload.kind == "train":
        return None
    net = row.workload.net.network().to("cupy")
    call, _ = (_jacobian if row.workload.kind == "jacobian" else _sweep)(row, net)
    call()
    return parts_of(call, wait, quick=quick)


def wait() -> None:
    """Return when the device has done all."""
    cuda: Any = import_module("cupy").cuda
    cuda.runtime.deviceSynchronize()


def _noted(call: Callable[[], Any], computed: dict[str, set[str]]) -> Callable[[], Any]:
    """The same call, which notes how its tasks are computed."""

    def noted() -> Any:
        with programs.recorded() as ways:
            result = call()
        computed.update(ways)
        return result

    return noted


def _train(row: Row, net: nnpg.Network, batches: int) -> tuple[Contender, Answers]:
    """`nnpg.train` for one epoch, then for several: the difference is the time of their steps, the rest is set-up."""
    workload = row.workload
    x, t = workload.inputs()
    sgd = (ByLayers if row.by_layers else nnpg.SGD)(lr=workload.lr, momentum=workload.momentum)
    many, labels = np.concatenate([x] * batches), np.concatenate([t] * batches)
    computed: dict[str, set[str]] = {}

    def train(x: Array, t: Array, epochs: int) -> nnpg.Training:
        return nnpg.train(net, x, t, epochs=epochs, batch=workload.N, rng=0, optimiser=sgd, progress=False)

    def lasts(epochs: int) -> float:
        wait()
        began = time.perf_counter()
        _noted(partial(train, many, labels, epochs), computed)()
        wait()
        return time.perf_counter() - began

    def take(epochs: int) -> Taken:
        short, long = lasts(1), lasts(1 + epochs)
        step = (long - short) / epochs / batches
        return Taken(step, short - step * batches)

    done = 0

    def one_more() -> float:
        nonlocal done
        done += 1
        return train(x, t, done).history[-1].loss

    def parameters() -> Answer:
        return parameters_of(train(x, t, done).net if done else net)

    @cache
    def two() -> Answer:
        return training_answer(one_more, parameters)

    @cache
    def later() -> Answer:
        return moves(parameters_of(net), parameters_of(train(x, t, LATER).net))

    return Contender(NAME, take, batches, two, "two", "host", computed, LASTS), {"two": two, "later": later}


def moves(before: Answer, after: Answer) -> Answer:
    """Return how far each parameter has moved in the first `LATER` steps."""
    return {f"later {name}": after[name] - before[name] for name in after}


def _jacobian(row: Row, net: nnpg.Network) -> tuple[Callable[[], Any], Callable[[], Answer]]:
    """dy_c/do of every block: of the public function on the host, of what it calls where they stay on the device."""
    x = net.backend.asarray(row.workload.inputs()[0])
    blocks = nnpg.filter_layers(net)

    def on_device() -> Any:
        program = programs.find(net, Gradients(blocks, images=len(x)))
        batches = gradients_in_batches(net, program, x, blocks, "all", None, "prob", [slice(0, len(x))], stays=True)
        return next(batches)[1]

    def on_host() -> Any:
        return nnpg.prediction_gradient(net, x, layers=blocks, classes="all").deltas

    call = on_host if row.host else on_device

    def answer() -> Answer:
        deltas = call()  # (S, N, F, H, W) each
        return {f"block {i}": np.array(net.backend.to_numpy(deltas[name])) for i, name in enumerate(blocks, 1)}

    return call, answer


def _sweep(row: Row, net: nnpg.Network) -> tuple[Callable[[], Any], Callable[[], Answer]]:
    x, t = row.workload.inputs()
    images, layers = net.backend.asarray(x), nnpg.filter_layers(net)
    orders = [[(layers[b], f) for b, f in order] for order in row.workload.orders()]

    def call() -> tuple[nnpg.Knockout, ...]:
        return nnpg.knock_out_curves(net, images, t, orders, progress=False)

    def answer() -> Answer:
        return {"predictions": np.stack([curve.predictions for curve in call()])}  # (identities, T + 1, N)

    return call, answer
