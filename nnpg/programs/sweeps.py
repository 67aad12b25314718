"""Knock-out sweeps in a plan: an order of the filters in which those that are left always come first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np

from nnpg.programs.plan import Plan
from nnpg_kernels import Array

Stage = Literal["direct", "sum", "parts"]


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


def kept_parts(
    where: Sequence[int], blocks: int, summed: Collection[int], *, shared: bool = False
) -> list[list[tuple[int, Stage]]]:
    """Return of each step 0 .. T the blocks that are computed again, and how.

    "direct" computes a block from its input. "parts" computes what each channel of the input adds, and the sum: where
    the next filter that this block depends on is one that it reads, the sum without that channel is all that has to be
    computed then. "sum" adds the parts that are there.

    Parameters
    ----------
    where : T blocks
        The block of each filter that is knocked out.
    blocks : int
    summed : blocks
        Those which may keep parts.
    shared : bool
        Whether the parts of block 1 are there from the beginning, and are not computed here.

    Examples
    --------
    >>> kept_parts([0, 1, 0], 3, [2])
    [[(0, 'direct'), (1, 'direct'), (2, 'direct')], [(1, 'direct'), (2, 'parts')], [(2, 'sum')], ...]
    """
    steps: list[list[tuple[int, Stage]]] = []
    for step in range(len(where) + 1):
        first = where[step - 1] + 1 if step else int(shared)
        stages: list[tuple[int, Stage]] = []
        for i in range(first, blocks):
            later = next((j for j in where[step:] if j < i), None)
            if i in summed and ((i == first and step) or (shared and i == 1)):
                stages.append((i, "sum"))
            else:
                stages.append((i, "parts" if i in summed and later == i - 1 else "direct"))
        steps.append(stages)
    return steps
