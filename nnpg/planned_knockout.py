"""Knock-out sweeps by a plan: forward once for each block of images, then again only what reads the dead filter.

Filters are put in the order in which they survive: those alive are always the first ones of their block, and a
kernel does and reads so many. Nothing is computed for the dead, and no multiplication by their 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnpg.layers import Softmax
from nnpg.network import Network
from nnpg.plan import Plan
from nnpg.planned import Parameters, forward_ops, workspace
from nnpg_kernels import Array, ops
from nnpg_kernels.program import Op, Program, Task
from nnpg_kernels.simd import lanes
from nnpg_kernels.threads import threads_for


def why_not(net: Network, plan: Plan, layers: Sequence[str]) -> str:
    """Return why this sweep cannot be had by the plan, or ""."""
    if plan.why_not or not plan.blocks:
        return plan.why_not or "it has no weights"
    if net.interventions:
        return "the network has interventions"
    if plan.rest and not (len(plan.rest) == 1 and isinstance(net.layers[plan.rest[0]], Softmax)):
        return f"{plan.rest[0]} runs by itself"
    inner = [name for name in layers if not 0 <= plan.index(name) < len(plan.blocks) - 1]
    return f"no block reads {inner[0]}" if inner else ""


def predict_by_plan(net: Network, plan: Plan, x: Array) -> Array:
    """Return the last output, (N, K)."""
    y = outputs_without(net, plan, net.as_input(x), ())[0]
    for name in plan.rest:
        y = net.layers[name].forward(net.backend, y)[0]
    return y


def outputs_without(net: Network, plan: Plan, x: Array, filters: Sequence[tuple[str, int]]) -> Array:
    """Return the last planned output (T + 1, N, K) of the whole network, and with the first 1 .. T filters at 0."""
    dtype, N, T = plan.dtype, len(x), len(filters)
    x = np.ascontiguousarray(x, dtype)
    result = np.empty((T + 1, N, *plan.blocks[-1].y_shape), dtype)
    if not N:
        return result
    images = plan.at_once(N, lanes(dtype))
    where = [plan.index(layer) for layer, _ in filters]
    order, alive = _first_out_last(plan, filters), _alive(plan, where, filters)
    weights = _in_order(plan, net.parameters, order)
    first: list[int] = []  # op of each block, of the end, and of each block's counts

    def thread_ops() -> list[Op]:
        room = workspace(plan, images)
        forward = forward_ops(plan, room, weights)
        counts = [
            [
                ops.put(forward[i].weigh, "F", alive[i]),
                *(ops.put(activate, "C", alive[i]) for activate in forward[i].activate),
                ops.put(forward[i + 1].weigh, "C", alive[i]),
            ]
            for i in range(len(plan.blocks) - 1)
        ]
        some: list[Op] = []
        first.clear()
        for own in [
            *counts,
            [ops.enter(room.enter, x, mean=plan.mean)],
            *(block.all for block in forward),
            [ops.leave(room.y[-1], result, seeds=True)],
        ]:
            first.append(len(some))
            some += own
        return some

    each = [thread_ops() for _ in range(threads_for(-(-N // images)))]
    count, run, end = first, first[len(plan.blocks) :], len(each[0])
    chain = [Task(0, end, 0, 0, 0)]
    for s, i in enumerate(where, start=1):
        chain += [Task(count[i], count[i + 1], 0, 0, s), Task(run[i + 1], end, 0, 0, s)]
    once = np.array(chain, np.int64)
    chains = [once + np.array([0, 0, n, min(images, N - n), 0]) for n in range(0, N, images)]
    Program(each, [chains])()
    return result


def _first_out_last(plan: Plan, filters: Sequence[tuple[str, int]]) -> list[Array]:
    """An order of each block's filters in which those still alive always come first."""
    order = []
    for block in plan.blocks:
        out = list(dict.fromkeys(f for layer, f in filters if layer == block.name))  # each once
        others = [f for f in range(block.y_shape[0]) if f not in set(out)]
        order.append(np.array([*others, *reversed(out)]))
    return order


def _alive(plan: Plan, where: Sequence[int], filters: Sequence[tuple[str, int]]) -> list[Array]:
    """How many filters each block has left, (T + 1,)."""
    alive = []
    for i, block in enumerate(plan.blocks):
        gone, seen = [0], set()
        for at, (_, f) in zip(where, filters, strict=True):
            seen |= {f} if at == i else set()
            gone.append(len(seen))
        alive.append(block.y_shape[0] - np.array(gone, np.int64))
    return alive


def _in_order(plan: Plan, weights: Parameters, order: Sequence[Array]) -> dict[str, dict[str, Array]]:
    """The weights with every block's filters, and so the next one's channels, in this order."""
    result = {}
    for i, block in enumerate(plan.blocks):
        own = {p: w[order[i]] for p, w in weights[block.weights].items()}
        if i:
            W = own["W"]
            apart = W.reshape(len(W), len(order[i - 1]), -1)
            own["W"] = np.ascontiguousarray(apart[:, order[i - 1]]).reshape(W.shape)
        result[block.weights] = own
    return result
