"""The program of sweeps that set filters to 0: forward once for each block of images, then only what changes.

The filters of each block are sorted so that the active ones always come first, and a kernel computes and reads only
these. Nothing is computed for filters that are off, and nothing is multiplied by their 0.

What each channel adds to the maps of the next convolution (its parts) is kept where it is needed again: without a
channel, the maps are the sum of the other parts. The parts of the second block are computed once for all sweeps.

All sweeps share their ops. Step s counts through all steps of all sweeps; what differs from step to step is set in the
records of the ops: how many filters are active, and where the weights are in the order of the sweep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from nnpg.programs.numba.blocks import BlockOps, forward_ops, forward_workspace
from nnpg.programs.numba.predict import head_ops
from nnpg.programs.plan import Plan
from nnpg.programs.sweeps import first_out_last, kept_parts, left_after
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

Filters = Sequence[tuple[str, int]]  # (layer, index), in the order in which they are set to 0

PARTS_BYTES = 4 << 20  # of a block's parts, in a thread; more would be slower to read than to compute again


def outputs_of_sweeps(plan: Plan, sweeps: Sequence[Filters], x: Array) -> list[Array]:
    """Return of each sweep the last output before a softmax, (T + 1, N, K), of all filters and without the first ones.

    `x` (N, ...) are images that `guards` let pass.
    """
    N, images = len(x), plan.at_once(len(x), lanes(plan.dtype))
    starts = [0, *accumulate(len(filters) + 1 for filters in sweeps)]
    result = np.empty((starts[-1], N, *plan.blocks[-1].y_shape), plan.dtype)
    if N:
        where = [[plan.index(layer) for layer, _ in filters] for filters in sweeps]
        summed = [i for i in range(1, len(plan.blocks)) if images > 1 and _keeps_parts(plan, i)]
        sorted_ = _sorted(plan, sweeps, where)
        threads = [_Thread(plan, x, images, summed, sorted_, result) for _ in range(threads_for(-(-N // images)))]
        once = np.array(threads[0].tasks(where, starts), np.int64)
        chains = [once + np.array([0, 0, n, min(images, N - n), 0]) for n in range(0, N, images)]
        Program([thread.ops for thread in threads], [chains])()
    return np.split(result, starts[1:-1])


def _keeps_parts(plan: Plan, i: int) -> bool:
    """Whether a sum of the parts of a convolution takes less time than the convolution, as long as they are near."""
    block = plan.blocks[i]
    numbers = block.x_shape[0] * math.prod(block.z_shape) * lanes(plan.dtype)
    return block.kind == "conv" and math.prod(block.window.size) > 4 and numbers * plan.dtype.itemsize <= PARTS_BYTES


@dataclass(frozen=True, eq=False)
class _Sorted:
    """What the sweeps need of each block.

    Parameters
    ----------
    order : per block, array (S, F)
        Its filters, those that are set to 0 first come last.
    weights : by layer and parameter, array (S, ...)
        With every block's filters, and the next block's channels, in this order.
    active : per block, array (steps,)
        How many filters are active at each step of each sweep.
    sweep : array (steps,)
        The sweep of each step.
    """

    order: list[Array]
    weights: dict[str, dict[str, Array]]
    active: list[Array]
    sweep: Array


def _sorted(plan: Plan, sweeps: Sequence[Filters], where: Sequence[Sequence[int]]) -> _Sorted:
    orders = [first_out_last(plan, at, filters) for at, filters in zip(where, sweeps, strict=True)]
    left = [left_after(plan, at, filters) for at, filters in zip(where, sweeps, strict=True)]
    order = [np.stack(of_block) for of_block in zip(*orders, strict=True)]
    weights: dict[str, dict[str, Array]] = {}
    for i, block in enumerate(plan.blocks):
        here = weights[block.weights] = {}
        for p, w in plan.weights[block.weights].items():
            here[p] = aligned((len(sweeps), *w.shape), w.dtype)
            for s in range(len(sweeps)):
                rows = w[order[i][s]]
                if i and p == "W":
                    rows = rows.reshape(len(w), order[i - 1].shape[1], -1)[:, order[i - 1][s]].reshape(w.shape)
                here[p][s] = rows
    active = [np.concatenate(of_block) for of_block in zip(*left, strict=True)]
    return _Sorted(order, weights, active, np.repeat(np.arange(len(sweeps)), [len(at) + 1 for at in where]))


@dataclass(frozen=True)
class _Range:
    """Ops `first` to `last` (excluded) of a thread."""

    first: int
    last: int

    def at(self, step: int) -> Task:
        """Return the task of these ops at a step."""
        return Task(self.first, self.last, 0, 0, step)


class _Thread:
    """The ops of a thread and its memory, which all sweeps share: they are done one after the other.

    Parameters
    ----------
    summed : list of int
        The blocks whose maps may be sums of parts.
    result : array (steps, N, K)
    """

    def __init__(
        self, plan: Plan, x: Array, images: int, summed: Sequence[int], sorted_: _Sorted, result: Array
    ) -> None:
        self.plan, self.summed, self.ops, self.sorted = plan, summed, list[Op](), sorted_
        self.space = space = forward_workspace(plan, images)
        self.shared = 1 in summed  # the parts of the second block, of all filters in their own order
        self.parts = {i: self._parts(i, images) for i in summed}
        sums = {i: self._sum(i) for i in summed}
        blocks = range(len(plan.blocks))

        first = [ops.pack(space.enter, x, mean=plan.mean)]
        if self.shared:
            own = forward_ops(plan, space, plan.weights)[0].all
            first += [*own, self._listing(1, plan.weights[plan.blocks[1].weights]["W"])]
        self.first = self._add(first)
        of_one = {name: {p: w[0] for p, w in stack.items()} for name, stack in sorted_.weights.items()}
        forward = forward_ops(plan, space, of_one)
        listing = {i: self._listing(i, of_one[plan.blocks[i].weights]["W"]) for i in summed if not self._own(i)}
        self.direct = [self._add(block.all) for block in forward]
        self.sum = {i: self._add([sums[i], *forward[i].activate, *forward[i].fix]) for i in summed}
        self.list = {i: self._add([op]) for i, op in listing.items()}
        self.weigh = self._add([o for i in blocks for o in self._set_weights(i, forward[i], listing, sums)])
        self.count = [self._add(self._set_counts(i, forward, listing, sums)) for i in blocks]
        self.end = self._add([*head_ops(plan, space), ops.unpack(space.y[-1], result, seeds=True)])

    def tasks(self, where: Sequence[Sequence[int]], starts: Sequence[int]) -> list[Task]:
        """Return the tasks of all sweeps; the steps of each begin at `starts`."""
        tasks = [self.first.at(0)]
        for at, start in zip(where, starts[:-1], strict=True):
            tasks += [self.weigh.at(start), *(count.at(start) for count in self.count)]
            for step, stages in enumerate(kept_parts(at, len(self.plan.blocks), self.summed, shared=self.shared)):
                if step:
                    tasks.append(self.count[at[step - 1]].at(start + step))
                for i, stage in stages:
                    tasks += [self.list[i].at(start + step)] if stage == "parts" else []
                    tasks.append(self.direct[i].at(start + step) if stage == "direct" else self.sum[i].at(start + step))
                tasks.append(self.end.at(start + step))
        return tasks

    def _add(self, more: Sequence[Op]) -> _Range:
        self.ops += more
        return _Range(len(self.ops) - len(more), len(self.ops))

    def _own(self, i: int) -> bool:
        """Whether the parts of this block are those of all filters in their own order, not in that of a sweep."""
        return self.shared and i == 1

    def _parts(self, i: int, images: int) -> Planes:
        """Return memory for what each channel adds to each map of a convolution."""
        block = self.plan.blocks[i]
        filters, rows, columns = block.z_shape
        return Planes.make(block.x_shape[0] * filters, rows, columns, images, self.plan.dtype)

    def _listing(self, i: int, W: Array) -> Op:
        return ops.channel_parts(self.space.x[i], W, self.plan.blocks[i].window, self.parts[i])

    def _sum(self, i: int) -> Op:
        block, winner, order = self.plan.blocks[i], self.space.winner[i], self.sorted.order
        weights = self.plan.weights if self._own(i) else self.sorted.weights
        channels, filters = (a[0] if self._own(i) else np.arange(a.shape[1]) for a in (order[i - 1], order[i]))
        b = weights[block.weights].get("b")
        assert winner is not None
        return ops.channel_sums(self.parts[i], channels, filters, b, block.pool, self.space.y[i], winner)

    def _set_weights(self, i: int, forward: BlockOps, listing: dict[int, Op], sums: dict[int, Op]) -> list[Op]:
        """Return the ops that tell the ops of block i where the weights of a sweep are."""
        own, order = self._own(i), self.sorted.order
        stacks = self.sorted.weights[self.plan.blocks[i].weights]
        fields = [(op, "w", stacks["W"]) for op in (forward.weigh, listing.get(i)) if op is not None]
        if "b" in stacks:
            fields += [(op, "b", stacks["b"]) for op in (forward.weigh, None if own else sums.get(i)) if op is not None]
        if own:
            fields += [(sums[i], "channels", order[i - 1]), (sums[i], "filters", order[i])]
        return [ops.set_field(op, field, self._places(stack)) for op, field, stack in fields]

    def _places(self, stack: Array) -> Array:
        """Return for each step where the array of its sweep starts."""
        return int(address(stack)) + self.sorted.sweep.astype(np.int64) * stack[0].nbytes

    def _set_counts(self, i: int, forward: Sequence[BlockOps], listing: dict[int, Op], sums: dict[int, Op]) -> list[Op]:
        """Return the ops that set how many filters of block i are computed, and read by the next block."""
        if i == len(forward) - 1:
            return []
        fields = [(forward[i].weigh, "F"), (forward[i + 1].weigh, "C"), *((o, "C") for o in forward[i].activate)]
        for has, here, next_ in ((listing, "F", "channels"), (sums, "F", "C")):
            fields += [(has[j], field) for j, field in ((i, here), (i + 1, next_)) if j in has]
        return [ops.set_field(target, field, self.sorted.active[i]) for target, field in fields]
