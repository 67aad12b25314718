"""Our side, through the public API only: what Python adds around the kernels is part of the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

import nnpg
from benchmarks.contender import Answer, Contender
from benchmarks.own_training import all_cores, full_batch, network, pooled, selected, train
from benchmarks.workloads import Workload
from nnpg.programs import has_programs


def contender(workload: Workload, backend: str) -> Contender:
    """Prepare a workload on a backend."""
    make = MAKE[workload.kind]
    net = network(workload, backend)
    made = make(workload, net)
    compiled = has_programs(net) and not workload.wide and workload.kind != "saliency"  # whose filters step over pixels
    return replace(made, threads=compiled_on_all_cores) if compiled else made


def own_epoch(workload: Workload, backend: str) -> Contender:
    """One epoch of our own training, which sets its threads itself; class gradients are compared with it."""
    net, (x, t) = network(workload, backend), workload.inputs()
    sgd = nnpg.SGD(lr=workload.lr)
    call = partial(nnpg.train, net, x, t, epochs=1, batch=workload.batch, rng=0, optimiser=sgd, progress=False)
    return Contender("nnpg epoch", call, dict, all_cores)


@contextmanager
def compiled_on_all_cores() -> Iterator[None]:
    """The same; an error if a task that is timed as compiled runs layer by layer."""
    with all_cores(), nnpg.require_compiled():
        yield


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

    def call() -> tuple[nnpg.Knockout, ...]:
        return nnpg.knock_out_curves(net, x, t, orders, progress=False)

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
    "train": train,
    "selected": selected,
    "pooled": pooled,
    "lbfgs": full_batch,
    "jacobian": _jacobian,
    "sweep": _sweep,
    "gradients": _gradients,
    "predict": _predict,
    "saliency": _saliency,
}
