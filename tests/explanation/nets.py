"""Random networks around a layer, and what their numbers must be, from the three passes alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from layer_rows import Row

import nnpg

OF = ("prob", "logit", "logprob", "loss")
K = 3


def around(row: Row, head: Any = None, backend: str = "numpy") -> nnpg.Network:
    """Put a row of the layer table between a layer that feeds it and dense layers that read it; K classes."""
    rng, k = np.random.default_rng(len(row.name)), nnpg.load_backend("numpy")
    width = int(np.prod(row.layer.forward(k, row.x(1))[0].shape[1:]))
    layers = {
        "before": nnpg.Tanh(),
        "layer": row.on(k),
        "flat": nnpg.Flatten(),
        "dense1": nnpg.Dense(rng.standard_normal((4, width)), rng.standard_normal(4)),
        "sigmoid1": nnpg.Sigmoid(),
        "dense2": nnpg.Dense(rng.standard_normal((K, 4)), rng.standard_normal(K)),
        "head": head or nnpg.Softmax(),
    }
    return nnpg.Network(layers, row.shape, nnpg.load_backend("numpy")).to(backend)


def knocked_out(net: nnpg.Network, rng: np.random.Generator) -> nnpg.Network:
    """Change every output that has axes: units off, held, moved."""
    for n, (name, shape) in enumerate(list(net.shapes.items())[:-1]):
        changes = (
            nnpg.Override(rng.random(shape) < 0.3, rng.standard_normal(shape)),
            nnpg.Clamp(-0.5, 0.5),
            nnpg.Perturb(rng.standard_normal(shape)),
            nnpg.Resample(rng.random(shape) < 0.3, rng.standard_normal((4, *shape)), key=n),
        )
        net = net.intervene(name, changes[n % 4])
    return net


def derivatives(net: nnpg.Network, x: Any, c: int, of: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return all deltas and gradients of class c, from one pass with the seeds of all classes."""
    trace = net.forward(x)
    start, seed = nnpg.seeds.class_seed(net, trace, "all", "logprob" if of == "loss" else of)  # type: ignore[arg-type]
    seed = -seed if of == "loss" else seed
    deltas = net.backward(trace, seed, start=start)
    gradients = net.gradients(trace, deltas)
    return {n: d[c, 0] for n, d in deltas.items()}, {n: {p: g[c] for p, g in of.items()} for n, of in gradients.items()}


def random_address(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[str, tuple[int, ...]]:
    index = tuple(int(rng.integers(size)) for size in shape)
    return f"{name}:{','.join(map(str, index))}", index
