"""Our side, through the public API only: what Python adds around the kernels is part of the time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

import nnpg
from benchmarks.contender import Answer, Contender, cores
from benchmarks.workloads import Workload
from nnpg.programs import has_programs
from nnpg_kernels import Array


def contender(workload: Workload, backend: str) -> Contender:
    """Prepare a workload on a backend."""
    make = MAKE[workload.kind]
    net = _network(workload, backend)
    made = make(workload, net)
    compiled = has_programs(net) and not workload.wide and workload.kind != "saliency"  # whose filters step over pixels
    return replace(made, threads=compiled_on_all_cores) if compiled else made


def own_epoch(workload: Workload, backend: str) -> Contender:
    """One epoch of our own training, which sets its threads itself; class gradients are compared with it."""
    net, (x, t) = _network(workload, backend), workload.inputs()
    sgd = nnpg.SGD(lr=workload.lr)
    call = partial(nnpg.train, net, x, t, epochs=1, batch=workload.batch, rng=0, optimiser=sgd, progress=False)
    return Contender("nnpg epoch", call, dict, all_cores)


def _network(workload: Workload, backend: str) -> nnpg.Network:
    return workload.net.network().to(nnpg.load_backend(backend))


@contextmanager
def compiled_on_all_cores() -> Iterator[None]:
    """The same; an error if a task that is timed as compiled runs layer by layer."""
    with all_cores(), nnpg.require_compiled():
        yield


def all_cores() -> AbstractContextManager[Any]:
    """BLAS on all cores; the library sets its own threads inside."""
    return threadpool_limits(limits=cores(), user_api="blas")


def _train(workload: Workload, net: nnpg.Network) -> Contender:
    """`nnpg.train` on several batches for several epochs, as users call it; what it sets up is part of the time."""
    x, t = workload.inputs()
    sgd = nnpg.SGD(lr=workload.lr, momentum=workload.momentum)
    batches = min(workload.steps, max(4, 256 // len(x)))
    epochs = -(-workload.steps // batches)
    many, labels = np.concatenate([x] * batches), np.concatenate([t] * batches)

    def train(x: Array, t: Array, epochs: int) -> nnpg.Training:
        return nnpg.train(net, x, t, epochs=epochs, batch=workload.N, rng=0, optimiser=sgd, progress=False)

    done = 0

    def one_more() -> float:
        nonlocal done
        done += 1
        return train(x, t, done).history[-1].loss

    def parameters() -> Answer:
        return parameters_of(train(x, t, done).net if done else net)

    return Contender(
        "nnpg",
        partial(train, many, labels, epochs),
        partial(training_answer, one_more, parameters),
        all_cores,
        steps=epochs * batches,
    )


def parameters_of(net: nnpg.Network) -> Answer:
    """Return copies of a network's parameters as NumPy arrays, by name and number of the layer: W1, b1, W2."""
    to_numpy = net.backend.to_numpy
    layers = net.parameters.values()
    return {f"{p}{i}": np.array(to_numpy(layer[p])) for i, layer in enumerate(layers, 1) for p in ("W", "b")}


def training_answer(call: Callable[[], float], parameters: Callable[[], Answer]) -> Answer:
    """Return two losses, and how far each of two steps moved each parameter; the second shows the momentum."""
    answer: dict[str, Array] = {}
    losses, before = [], parameters()
    for step in ("first", "second"):
        losses.append(call())
        after = parameters()
        answer |= {f"{step} {name}": after[name] - before[name] for name in after}
        before = after
    return {"loss": np.array(losses), **answer}


def _jacobian(workload: Workload, net: nnpg.Network) -> Contender:
    x, _ = workload.inputs()
    call = partial(nnpg.prediction_gradient, net, x, classes="all")

    def answer() -> Answer:
        return {f"block {i}": delta for i, delta in enumerate(call().deltas.values(), 1)}  # (S, N, F, H, W)

    return Contender("nnpg", call, answer, all_cores)


def _sweep(workload: Workload, net: nnpg.Network) -> Contender:
    x, t = workload.inputs()
    layers = nnpg.filter_layers(net)
    orders = [[(layers[b], f) for b, f in order] for order in workload.orders()]

    def call() -> list[nnpg.Knockout]:
        return [nnpg.knock_out_curve(net, x, t, order, progress=False) for order in orders]

    def answer() -> Answer:
        return {"predictions": np.stack([curve.predictions for curve in call()])}  # (identities, T + 1, N)

    return Contender("nnpg", call, answer, all_cores)


def _gradients(workload: Workload, net: nnpg.Network) -> Contender:
    x, t = workload.inputs()
    rows: Literal["present"] | None = None if workload.present is None else "present"
    call = partial(nnpg.class_gradient, net, x, t, classes=workload.classes, for_classes=rows, progress=False)

    def answer() -> Answer:
        if rows is None:
            return {}  # compared with an epoch of training, which computes something else
        return {f"block {i}": delta for i, delta in enumerate(call().deltas.values(), 1)}  # (P, F, H, W)

    return Contender("nnpg", call, answer, all_cores)


def _predict(workload: Workload, net: nnpg.Network) -> Contender:
    call = partial(nnpg.predict, net, workload.inputs()[0])
    return Contender("nnpg", call, lambda: {"probabilities": call()}, all_cores)


def _saliency(workload: Workload, net: nnpg.Network) -> Contender:
    x, t = workload.inputs()
    call = partial(nnpg.prediction_gradient, net, x, layers="input", classes="true", labels=t)
    return Contender("nnpg", call, lambda: {"dy/dx": call()["input"]}, all_cores)


MAKE = {
    "train": _train,
    "jacobian": _jacobian,
    "sweep": _sweep,
    "gradients": _gradients,
    "predict": _predict,
    "saliency": _saliency,
}
