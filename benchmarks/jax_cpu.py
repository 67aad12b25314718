"""JAX on the CPU, each workload one compiled function. Its threads are XLA's own and cannot be set in one process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.contender import Answer, Contender
from benchmarks.own_training import training_answer
from benchmarks.workloads import Workload

jax: Any = import_module("jax")  # optional, so the type checker does not read it
jnp: Any = import_module("jax.numpy")
lax: Any = import_module("jax.lax")

Parameters = list[tuple[Any, Any]]  # (W, b) of each layer
TO_NHWC, TO_NCHW, TO_HWIO, TO_FCIJ = (0, 2, 3, 1), (0, 3, 1, 2), (2, 3, 1, 0), (3, 2, 0, 1)


def contenders(workload: Workload, only: str | None = None) -> list[Contender]:
    """Prepare a workload in every layout, or the one contender of that name."""
    make = {"train": _train, "jacobian": _jacobian, "sweep": _sweep}[workload.kind]
    result = []
    for layout in ("nchw", "nhwc") if workload.net.blocks else ("",):
        name = f"jax {layout}".strip()
        if only in (None, name):
            call, answer = make(workload, Layout(workload, layout == "nhwc"))
            result.append(Contender(name, call, answer, nullcontext))
    return result


class Layout:
    """The network of a workload, its images and weights, in one layout."""

    def __init__(self, workload: Workload, last: bool) -> None:
        self.net, self.last = workload.net, last
        x, t = workload.inputs()
        self.x = jnp.asarray(x.transpose(TO_NHWC) if last and x.ndim == 4 else x)
        self.t = jnp.asarray(t)
        self.P = [
            (jnp.asarray(W.transpose(TO_HWIO) if last and W.ndim == 4 else W), jnp.asarray(b))
            for W, b in workload.weights()
        ]
        self.act = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[self.net.activation]

    def channels(self, a: Any) -> Any:
        """Shape a vector (F,) so that it spreads over images."""
        return a if self.last else a[:, None, None]

    def block(self, P: Parameters, i: int, x: Any) -> Any:
        """Compute convolution, activation and pooling."""
        (W, b), block = P[i], self.net.blocks[i]
        names = ("NHWC", "HWIO", "NHWC") if self.last else ("NCHW", "OIHW", "NCHW")
        y = lax.conv_general_dilated(x, W, (1, 1), [(block.padding,) * 2] * 2, dimension_numbers=names)
        window = (1, block.pool, block.pool, 1) if self.last else (1, 1, block.pool, block.pool)
        return lax.reduce_window(self.act(y + self.channels(b)), -jnp.inf, lax.max, window, window, "VALID")

    def head(self, P: Parameters, x: Any) -> Any:
        """Go from the last block's output, or the input, to the logits."""
        x = (x.transpose(TO_NCHW) if self.last and x.ndim == 4 else x).reshape(len(x), -1)
        for W, b in P[len(self.net.blocks) : -1]:
            x = self.act(x @ W.T + b)
        return x @ P[-1][0].T + P[-1][1]


def training_step(workload: Workload, layout: Layout) -> Callable[..., tuple[Parameters, Parameters, Any]]:
    """Return `step(P, V, x, t, lr)`: new weights, new velocities, and the loss before the step."""

    def loss(P: Parameters, x: Any, t: Any) -> Any:
        for i in range(len(layout.net.blocks)):
            x = layout.block(P, i, x)
        z = layout.head(P, x)
        return (jax.nn.logsumexp(z, 1) - jnp.take_along_axis(z, t[:, None], 1)[:, 0]).mean()

    def step(P: Parameters, V: Parameters, x: Any, t: Any, lr: Any) -> tuple[Parameters, Parameters, Any]:
        value, g = jax.value_and_grad(loss)(P, x, t)
        V = jax.tree.map(lambda v, g: workload.momentum * v + g, V, g) if workload.momentum else V
        return jax.tree.map(lambda w, v: w - lr * v, P, V if workload.momentum else g), V, value

    return step


def at_rest(workload: Workload, layout: Layout) -> Parameters:
    """Return the velocities before the first step; none without a momentum."""
    return jax.tree.map(jnp.zeros_like, layout.P) if workload.momentum else []


def in_our_order(P: Parameters, last: bool) -> Answer:
    """Return copies of the parameters by our names; their buffers may be given to the next step."""
    return {f"{p}{i}": _ours(a, last) for i, layer in enumerate(P, 1) for p, a in zip("Wb", layer, strict=True)}


def _train(workload: Workload, layout: Layout) -> tuple[Callable[[], float], Callable[[], Answer]]:
    compiled = jax.jit(training_step(workload, layout), donate_argnums=(0, 1))
    P, V = layout.P, at_rest(workload, layout)

    def call() -> float:
        nonlocal P, V
        P, V, value = compiled(P, V, layout.x, layout.t, workload.lr)
        jax.block_until_ready(P)
        return float(value)

    return call, partial(training_answer, call, lambda: in_our_order(P, layout.last))


def _ours(W: Any, last: bool) -> Any:
    """A copy of a parameter in our order."""
    a = np.array(W)
    return a.transpose(TO_FCIJ) if last and a.ndim == 4 else a


def _jacobian(workload: Workload, layout: Layout) -> tuple[Callable[[], Any], Callable[[], Answer]]:
    """One backward pass for each class, batched by vmap; a block's delta is that of a zero added to its output."""
    K, B = layout.net.K, len(layout.net.blocks)

    def after_first_block(added: list[Any], x: Any) -> Any:
        for i in range(B):
            x = (layout.block(layout.P, i, x) if i else x) + added[i]
        return jax.nn.softmax(layout.head(layout.P, x))

    def jacobian(x: Any) -> Any:
        outputs = [layout.block(layout.P, 0, x)]
        for i in range(1, B):
            outputs.append(layout.block(layout.P, i, outputs[-1]))  # for their shapes; the compiler removes the work
        y, pull = jax.vjp(partial(after_first_block, x=outputs[0]), [jnp.zeros_like(o) for o in outputs])
        return jax.vmap(lambda e: pull(jnp.broadcast_to(e, y.shape))[0])(jnp.eye(K))

    compiled = jax.jit(jacobian)

    def call() -> Any:
        return jax.block_until_ready(compiled(layout.x))

    def answer() -> Answer:
        blocks = [np.asarray(d) for d in call()]  # (S, N, F, H, W) or (S, N, H, W, F)
        return {f"block {i}": np.moveaxis(d, -1, 2) if layout.last else d for i, d in enumerate(blocks, 1)}

    return call, answer


def _sweep(workload: Workload, layout: Layout) -> tuple[Callable[[], Any], Callable[[], Answer]]:
    """Every step of every identity as a set of masks; the first block is computed once, the others for each set."""
    blocks, orders = layout.net.blocks, workload.orders()
    sets = (len(orders), len(orders[0]) + 1)
    masks = [np.ones((*sets, block.filters), "f4") for block in blocks]
    for identity, order in enumerate(orders):
        for after, (b, f) in enumerate(order, start=1):
            masks[b][identity, after:, f] = 0
    switches = [jnp.asarray(m.reshape(-1, m.shape[-1])) for m in masks]

    def logits(x: Any, switches: Any) -> Any:
        first = layout.block(layout.P, 0, x)

        def one(alive: list[Any]) -> Any:
            x = first * layout.channels(alive[0])
            for i in range(1, len(blocks)):
                x = layout.block(layout.P, i, x) * layout.channels(alive[i])
            return layout.head(layout.P, x)

        return lax.map(one, switches)

    compiled = jax.jit(logits)

    def call() -> Any:
        return jax.block_until_ready(compiled(layout.x, switches).argmax(-1))

    def answer() -> Answer:
        z = np.asarray(compiled(layout.x, switches))
        return {"logits": z.reshape(*sets, *z.shape[1:])}

    return call, answer
