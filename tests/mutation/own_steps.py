"""Trainings with steps of their own against their layers: selective dropout, and pools of examples."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from unittest import mock

import numpy as np
from parameters import flat, with_biases

import nnpg
from nnpg import conv, dense
from nnpg.programs.tasks import Pool
from nnpg.training_methods.adversarial_pool import AdversarialPool
from nnpg.training_methods.selective_dropout import Retention, SelectiveDropout
from nnpg_kernels import use_threads
from nnpg_kernels.numba.simd import lanes

S, T = nnpg.Sigmoid, nnpg.Tanh
NETS: dict[str, tuple[tuple[int, ...], list[Any]]] = {
    "maps": (
        (2, 8, 7),
        [nnpg.Center(np.array(0.2)), conv(5, 3), T(), nnpg.MaxPool(2), conv(3, 2, padding=1), S(), nnpg.Flatten(),
         dense(6), T(), dense(4), nnpg.Softmax()],
    ),
    "rows": ((7,), [dense(5), S(), dense(3), T(), dense(4), S()]),
    "one filter": ((1, 3, 4), [conv(2, 2), T(), nnpg.Flatten(), dense(3), nnpg.Softmax()]),
}  # fmt: skip
WIDE = lanes(np.float64)
SGD = nnpg.SGD(0.3, momentum=0.5, decay=nnpg.PlainDecay(0.01), lr_decay=0.1)
Found = list[tuple[str, Any]]


def examples(name: str, N: int) -> tuple[nnpg.Network, Any, Any]:
    shape, recipe = NETS[name]
    rng = np.random.default_rng(1)
    net = with_biases(nnpg.build(recipe, input_shape=shape, rng=rng, dtype="float64", backend="numba"), rng)
    return net, rng.random((N, *shape)), rng.integers(0, net.K, N)


def loss_of(name: str) -> str:
    return "squared_error" if name == "rows" else "softmax_cross_entropy"


def found_in(net: nnpg.Network, x: Any, t: Any, batch: int, step: Any, loss: str, epochs: int = 2) -> Found:
    """The losses, the errors and the weights of a training."""
    done = nnpg.train(net, x, t, epochs=epochs, batch=batch, rng=1, optimiser=SGD, loss=loss, take_step=step,
                      progress=False)  # fmt: skip
    history = [("losses", [epoch.loss for epoch in done.history]), ("errors", [epoch.error for epoch in done.history])]
    return [*history, *flat(done.net.parameters).items()]


def due(steps: int) -> bool:
    return steps % 7 < 2


# network, images, batch, layer, settings; "groups" and "values" say that there are groups and targets (N, K)
SELECTIONS: list[tuple[str, int, int, str, dict[str, Any]]] = [
    ("maps", 13, 1, "conv1", {"keep": 0.4, "watch": True}),
    ("maps", 2 * WIDE + 5, WIDE, "conv2", {"keep": 0.5, "measure": "shift", "every": 3, "mode": "forward"}),
    ("maps", 2 * WIDE + 7, WIDE + 2, "conv2", {"keep": 0.3, "mode": "forward", "watch": True}),
    ("maps", 20, 1, "dense1", {"keep": 0.2, "clusters": [0, 2, 0, -1, 2, 0], "watch_after": due}),
    ("maps", 13, 1, "dense1", {"keep": 0.5, "every": 3, "watch_after": due}),
    ("maps", 19, 1, "conv1", {"keep": Retention(0.2, 0.3), "watch_after": due}),
    ("maps", 20, 1, "conv1", {"keep": Retention(0.2, 0.3), "every": 3}),
    ("maps", 9, 2, "conv1", {"keep": 0.5, "groups": True, "mode": "forward", "every": 2, "watch": True}),
    ("maps", WIDE + 9, WIDE + 1, "dense2", {"keep": 0.5, "groups": True}),
    ("rows", 3 * WIDE, WIDE, "dense1", {"keep": 0.6, "values": True, "watch": True}),
    ("one filter", 37 * WIDE, 17 * WIDE + 3, "conv1", {"keep": 0.5}),
]  # fmt: skip
# network, images, batch, examples of each pool in a step, outputs; "set" are units, "values" targets (N, K)
POOLS: list[tuple[str, int, int, int, tuple[str, ...], str]] = [
    ("maps", 11, 2, 1, ("sigmoid1", "input", "tanh2"), ""),
    ("maps", 3 * WIDE, WIDE + 2, WIDE + 1, ("input", "pool1"), "set"),
    ("rows", 36, 5, 3, ("tanh1", "sigmoid1", "input"), ""),
    ("rows", 2 * WIDE, WIDE, 2, ("sigmoid1",), "set"),
    ("rows", 2 * WIDE, WIDE, 2, ("input", "tanh1"), "values"),
    ("one filter", 19 * WIDE, 9 * WIDE + 3, 8 * WIDE + 1, ("input", "tanh1"), ""),
]


def planted(self: Any, net: Any, images: Any, layer: str, pool: Any, rng: Any) -> Pool:
    """In place of `AdversarialPool._renewed`: random examples, more each time, at first none of the second layer."""
    number = 0 if pool is None and layer == self.layers[min(1, len(self.layers) - 1)] != self.layers[0] else 4
    number += 0 if pool is None else min(4, len(pool.labels))
    y = rng.random((number, *net.shapes[layer])).astype(net.dtype)
    assert np.isfinite(net.forward(y, start=layer).y).all()
    return Pool(y, rng.integers(0, net.K, number))


def selected(net: nnpg.Network, case: int) -> Found:
    """A training by selective dropout, and what it said to `watch`."""
    name, N, batch, layer, settings = SELECTIONS[case]
    _, x, t = examples(name, N)
    rng = np.random.default_rng(2)
    t = rng.dirichlet(np.ones(net.K), N) if "values" in settings else t
    adversarial = (x + 0.3 * rng.standard_normal(x.shape)).clip(0, 1)
    options = {key: value for key, value in settings.items() if key not in ("groups", "values", "watch")}
    if "groups" in settings:
        options |= {"groups": np.arange(N) % 4, "adversarial": adversarial[::-1]}
    if "clusters" in settings:
        options["clusters"] = np.array(settings["clusters"])
    seen: Found = []

    def watch(steps: int, now: nnpg.Network, units: Any) -> None:
        seen.append((f"{units.dtype} after {steps}", units.copy()))
        seen.append(("weights", np.concatenate([w.ravel() for w in flat(now.parameters).values()])))

    if "watch" in settings or "watch_after" in settings:
        options["watch"] = watch
    step = SelectiveDropout(x, layer=layer, **options)
    return [*found_in(net, adversarial, t, batch, step, loss_of(name)), *seen]


def pooled(net: nnpg.Network, case: int) -> Found:
    """A training with pools, of random examples: those of an attack would depend on every bit of the weights."""
    name, N, batch, drawn, layers, special = POOLS[case]
    _, x, t = examples(name, N)
    seen: Found = []

    def noted(self: Any, now: nnpg.Network, images: Any, layer: str, pool: Any, rng: Any) -> Any:
        seen.append((f"{layer} of", np.concatenate([w.ravel() for w in flat(now.parameters).values()])))
        return planted(self, now, images, layer, pool, rng)

    if special == "set":
        units = np.arange(np.prod(net.shapes[layers[-1]])).reshape(net.shapes[layers[-1]]) % 3 == 1
        net = net.intervene(layers[-1], nnpg.Override(units, np.array(0.25)))
    targets = np.random.default_rng(2).dirichlet(np.ones(net.K), N) if special == "values" else t
    step = AdversarialPool(x, t, layers=layers, size=9, new=6, every=3, batch=drawn)
    with mock.patch.object(AdversarialPool, "_renewed", noted):
        return [*found_in(net, x, targets, batch, step, loss_of(name)), *seen]


Task = Callable[[nnpg.Network, int], Found]


@cache
def by_layers(task: Task, case: int) -> Found:
    name, N, *_ = (SELECTIONS if task is selected else POOLS)[case]
    return task(examples(name, N)[0].to("numpy"), case)


def battery(task: Task) -> None:
    """Compare the program of every case with the layers."""
    for case, (name, N, *_) in enumerate(SELECTIONS if task is selected else POOLS):
        expected = by_layers(task, case)
        with nnpg.require_compiled(), use_threads(1):
            found = task(examples(name, N)[0], case)
        assert [name for name, _ in found] == [name for name, _ in expected]
        for (_, got), (_, wanted) in zip(found, expected, strict=True):
            assert np.shape(got) == np.shape(wanted)
            assert np.allclose(got, wanted, rtol=1e-9, atol=1e-9)
