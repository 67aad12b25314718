"""Knock-out sweeps by a plan. Filters that are set to 0: see `steps`. Here, those that are set to their mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import forward_ops, forward_workspace
from nnpg.programs.numba.knockouts.steps import outputs_of_sweeps
from nnpg.programs.numba.predict import behind_blocks, head_ops
from nnpg.programs.overrides import Fixed, fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import KnockOut
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.kernels.row_maxima import largest_of
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for


def why_not(net: Network, plan: Plan, task: KnockOut) -> str:
    """Return why there is no program for this sweep, or ""."""
    if task.to not in ("zero", "mean"):
        return f"filters are set to {task.to!r}, which differs from image to image"
    if why := limits.why_not(net, plan):
        return why
    at = {layer: plan.index(layer) for layer in dict.fromkeys(layer for layer, _ in task.filters)}
    unread = [layer for layer, i in at.items() if not 0 <= i < len(plan.blocks) - 1]
    if unread:
        return f"no block reads {unread[0]}"
    unknown = [(layer, f) for layer, f in task.filters if not 0 <= f < plan.blocks[at[layer]].y_shape[0]]
    return f"{unknown[0][0]} has no filter {unknown[0][1]}" if unknown else ""


def run(net: Network, plan: Plan, task: KnockOut, x: Array, means: Mapping[str, Array] | None = None) -> Array:
    """Return the predicted classes (T + 1, N) of the whole network, and with the first 1 .. T filters set.

    `means["pool1"]` is the mean output (F, H, W), where filters are set to that.
    """
    return surest(net, plan, outputs_without(net, plan, task, x, means))


def surest(net: Network, plan: Plan, y: Array) -> npt.NDArray[np.int64]:
    """Return the class of the largest output of the network (..., K), from the outputs of its last block.

    A head keeps the order of the outputs, but may round two of them to the same number. Then the first one counts.
    """
    rows = y.reshape(-1, y.shape[-1])
    largest, close = largest_of(rows, 16 * float(np.finfo(y.dtype).eps))
    if plan.head == "softmax" and close.any():
        largest[close] = behind_blocks(net, plan, rows[close]).argmax(axis=-1)
    return largest.reshape(y.shape[:-1])


def outputs_without(
    net: Network, plan: Plan, task: KnockOut, x: Array, means: Mapping[str, Array] | None = None
) -> Array:
    """Return the last output before a softmax, (T + 1, N, K), of the whole network and without the first filters."""
    fixed = fixed_units(net, plan)
    if task.to == "mean" or fixed:
        return _outputs_with_maps_set(net, plan, task, x, means or {}, fixed)
    x = guards.images(net.as_input(x), plan.input_shape, plan.dtype)
    return outputs_of_sweeps(plan, [task.filters], x)[0]


def _outputs_with_maps_set(
    net: Network, plan: Plan, task: KnockOut, x: Array, means: Mapping[str, Array], fixed: Mapping[int, Fixed]
) -> Array:
    """The same for filters that are not set to 0, or fixed units: maps are set, and all later blocks run again."""
    filters, dtype, N, T = task.filters, plan.dtype, len(x), len(task.filters)
    x = guards.images(net.as_input(x), plan.input_shape, dtype)
    result = np.empty((T + 1, N, *plan.blocks[-1].y_shape), dtype)
    if not N:
        return result
    images = plan.at_once(N, lanes(dtype))
    where = [plan.index(layer) for layer, _ in filters]
    sets = [_maps_set(plan, i, where, filters, means) for i in range(len(plan.blocks))]
    first: list[int] = []  # the first op of each block, and of the end

    def thread_ops() -> list[Op]:
        space = forward_workspace(plan, images)
        steps: list[Op] = [ops.pack(space.enter, x, mean=plan.mean)]
        first.clear()
        for i, block in enumerate(forward_ops(plan, space, plan.weights, fixed)):
            first.append(len(steps))
            steps += [*block.all, ops.set_maps(space.y[i], *sets[i])]
        first.append(len(steps))
        return [*steps, *head_ops(plan, space), ops.unpack(space.y[-1], result, seeds=True)]

    each = [thread_ops() for _ in range(threads_for(-(-N // images)))]
    end = len(each[0])
    chain = [Task(0, end, 0, 0, 0)]
    for s, i in enumerate(where, start=1):
        chain.append(Task(first[i + 1] - 1, end, 0, 0, s))  # from the maps of block i on
    once = np.array(chain, np.int64)
    chains = [once + np.array([0, 0, n, min(images, N - n), 0]) for n in range(0, N, images)]
    Program(each, [chains])()
    return result


def _maps_set(
    plan: Plan, i: int, where: Sequence[int], filters: Sequence[tuple[str, int]], means: Mapping[str, Array]
) -> tuple[Array, Array, Array]:
    """Return of block i the filters in the order in which they are set, their maps, and how many each step sets."""
    block = plan.blocks[i]
    here = [(layer, f) for at, (layer, f) in zip(where, filters, strict=True) if at == i]
    counts = np.cumsum([0, *(at == i for at in where)])
    values = aligned((max(1, len(here)), *block.y_shape[1:]), plan.dtype)
    for k, (layer, f) in enumerate(here):
        if means:
            values[k] = guards.parameter(f"the mean of {layer}", means[layer], block.y_shape, plan.dtype)[f]
    return np.array([f for _, f in here] or [0], np.int64), values, counts.astype(np.int64)
