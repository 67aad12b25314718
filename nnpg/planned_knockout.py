"""Knock-out sweeps by a plan: forward once for each block of images, then again only what reads the dead filter.

A dead map is taken off the list of maps that the next block reads: its multiplications by 0 are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnpg.layers import Softmax
from nnpg.network import Network
from nnpg.plan import Plan
from nnpg.planned import forward_ops, workspace
from nnpg_kernels import Array, ops
from nnpg_kernels.program import Op, Program, Task
from nnpg_kernels.simd import lanes
from nnpg_kernels.threads import thread_count


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


def outputs_without(net: Network, plan: Plan, x: Array, filters: Sequence[tuple[str, int]]) -> Array:
    """Return the last planned output (T + 1, N, K) of the whole network, and with the first 1 .. T filters at 0."""
    dtype, N, T = plan.dtype, len(x), len(filters)
    vector, x = lanes(dtype), np.ascontiguousarray(x, dtype)
    result = np.empty((T + 1, N, *plan.blocks[-1].y_shape), dtype)
    if not N:
        return result
    alone = plan.one_by_one(N, vector)
    images = 1 if alone else vector
    dead = np.array([0, *(f for _, f in filters)])  # step s knocks out dead[s]
    where = [plan.index(layer) for layer, _ in filters]
    first: list[int] = []  # op of each block, then of what follows

    def thread_ops() -> list[Op]:
        room = workspace(plan, images)
        some, forward = [ops.enter(room.enter, x, mean=plan.mean)], forward_ops(plan, room, net.parameters)
        readers = [next(o for o in own if o.reads_maps) for own in forward[1:]]
        some += [ops.hear_all(o, len_) for o, len_ in zip(readers, (b.y_shape[0] for b in plan.blocks), strict=False)]
        first.clear()
        for own in [*forward, [ops.leave(room.y[-1], result, seeds=True)], [ops.drop(o, dead) for o in readers]]:
            first.append(len(some))
            some += own
        return some

    threads = max(1, min(thread_count(), -(-N // images)))
    each = [thread_ops() for _ in range(threads)]
    leave, drops = first[-2], first[-1]
    chains = []
    for n in range(0, N, images):
        count = min(images, N - n)
        chain = [Task(0, leave + 1, n, count, 0)]
        for s, block in enumerate(where, start=1):
            chain += [Task(drops + block, drops + block + 1, n, count, s)]
            chain += [Task(first[block + 1], leave + 1, n, count, s)]
        chains.append(chain)
    Program(each, [chains])()
    return result
