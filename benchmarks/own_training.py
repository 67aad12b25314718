"""Our trainings: plain steps, rounds of selective dropout, and steps with pools; compiled, and layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import nnpg
from benchmarks.contender import Answer, Contender, cores
from benchmarks.workloads import Workload
from nnpg.training_methods.adversarial_pool import AdversarialPool
from nnpg.training_methods.selective_dropout import SelectiveDropout
from nnpg_kernels import Array


def all_cores() -> AbstractContextManager[Any]:
    """BLAS on all cores; the library sets its own threads inside."""
    return threadpool_limits(limits=cores(), user_api="blas")


def network(workload: Workload, backend: str) -> nnpg.Network:
    """Return the network of a workload on a backend."""
    return workload.net.network().to(nnpg.load_backend(backend))


def train(workload: Workload, net: nnpg.Network) -> Contender:
    """`nnpg.train` on several batches for several epochs, as users call it; what it sets up is part of the time."""
    x, t = workload.inputs()
    sgd = nnpg.SGD(lr=workload.lr, momentum=workload.momentum)
    batches = min(workload.steps, max(4, 256 // len(x)))
    epochs = -(-workload.steps // batches)
    many, labels = np.concatenate([x] * batches), np.concatenate([t] * batches)

    def trained(x: Array, t: Array, epochs: int) -> nnpg.Training:
        return nnpg.train(net, x, t, epochs=epochs, batch=workload.N, rng=0, optimiser=sgd, progress=False)

    answer = _answer(net, partial(trained, x, t))
    return Contender("nnpg", partial(trained, many, labels, epochs), answer, all_cores, steps=epochs * batches)


def selected(workload: Workload, net: nnpg.Network, step: type[SelectiveDropout] = SelectiveDropout) -> Contender:
    """Rounds of selective dropout: pairs one by one, each with two steps; with several pairs, all decide together.

    The first half of the images are the originals; "nothing that is timed depends on what the images show".
    """
    x, t = workload.inputs()
    n = len(x) // 2
    originals, adversarial, labels = x[:n], x[n : 2 * n], t[:n]
    settings: dict[str, Any] = {"layer": workload.layer, "keep": workload.keep}
    if n > 1:
        settings |= {"groups": np.zeros(n), "adversarial": adversarial}
    sgd, epochs = nnpg.SGD(lr=workload.lr), -(-workload.steps // n)

    def trained(epochs: int) -> nnpg.Training:
        return nnpg.train(net, adversarial, labels, epochs=epochs, batch=1, rng=0, optimiser=sgd,
                          take_step=step(originals, **settings), progress=False)  # fmt: skip

    return Contender("nnpg", partial(trained, epochs), _answer(net, trained), all_cores, steps=epochs * n)


def pooled(workload: Workload, net: nnpg.Network, step: type[AdversarialPool] = AdversarialPool) -> Contender:
    """Steps on a batch and on ten examples from each of three pools, which are made once: the first step."""
    x, t = workload.inputs()
    x = np.clip(x, 0, 1)
    sgd = nnpg.SGD(lr=workload.lr, momentum=workload.momentum)
    layers = ("input", *(name for name in net.names if name.startswith("sigmoid")))

    def trained(epochs: int) -> nnpg.Training:
        pool = step(x, t, layers=layers, size=20, new=20, every=1_000_000, targets="nearest", batch=10)
        return nnpg.train(net, x, t, epochs=epochs, batch=workload.N, rng=0, optimiser=sgd, take_step=pool,
                          progress=False)  # fmt: skip

    return Contender(
        "nnpg", partial(trained, workload.steps), _answer(net, trained), all_cores, steps=workload.steps
    )  # fmt: skip


class SelectedByLayers(SelectiveDropout):
    """A subclass, so that its steps are taken layer by layer."""


class PooledByLayers(AdversarialPool):
    """The same."""


def by_layers(workload: Workload, backend: str) -> Contender:
    """The same training layer by layer: what it was before it had a program."""
    net = network(workload, backend)
    if workload.kind == "selected":
        made = selected(workload, net, SelectedByLayers)
    else:
        made = pooled(workload, net, PooledByLayers)
    return replace(made, name="layers")


def _answer(net: nnpg.Network, trained: Callable[[int], nnpg.Training]) -> Callable[[], Answer]:
    """Return what gives the losses and moves of two epochs, for a function that trains for so many."""
    done = 0

    def one_more() -> float:
        nonlocal done
        done += 1
        return trained(done).history[-1].loss

    def parameters() -> Answer:
        return parameters_of(trained(done).net if done else net)

    return partial(training_answer, one_more, parameters)


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


def full_batch(workload: Workload, net: nnpg.Network) -> Contender:
    """`nnpg.train_lbfgs` for a few iterations, as users call it."""
    x, t = workload.inputs()
    call = partial(nnpg.train_lbfgs, net, x, t, iterations=workload.steps, progress=False)
    return Contender("nnpg", call, lambda: {"loss": np.array(call().losses[1:])}, all_cores)
