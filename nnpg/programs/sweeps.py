"""Knock-out sweeps in a plan: an order of the filters in which those that are left always come first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nnpg.programs.plan import Plan
from nnpg_kernels import Array


def first_out_last(plan: Plan, where: Sequence[int], filters: Sequence[tuple[str, int]]) -> list[Array]:
    """Return an order of each block's filters in which the active ones always come first.

    Parameters
    ----------
    plan : Plan
    where : sequence of int
        The block of each filter that is knocked out.
    filters : sequence of (layer, index)
        In the order in which they are knocked out.
    """
    order = []
    for i, block in enumerate(plan.blocks):
        out = list(dict.fromkeys(f for at, (_, f) in zip(where, filters, strict=True) if at == i))  # each once
        others = [f for f in range(block.y_shape[0]) if f not in set(out)]
        order.append(np.array([*others, *reversed(out)]))
    return order


def left_after(plan: Plan, where: Sequence[int], filters: Sequence[tuple[str, int]]) -> list[Array]:
    """Return how many filters of each block are active, (T + 1,)."""
    gone, removed = np.zeros((len(plan.blocks), len(filters) + 1), np.int64), set()
    for step, (i, (_, f)) in enumerate(zip(where, filters, strict=True), start=1):
        gone[i, step] = (i, f) not in removed
        removed.add((i, f))
    return [block.y_shape[0] - out for block, out in zip(plan.blocks, gone.cumsum(axis=1), strict=True)]
