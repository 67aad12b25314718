"""Knock-out sweeps on a device: one launch, a block of threads for each image and some steps of a sweep, one by one.

Filters that are set to 0 are left out: those of each block are in an order in which the ones that are left come first.
Filters that are set to a mean are replaced, and nothing is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.cuda import limits
from nnpg.programs.cuda.resident import arranged, programs
from nnpg.programs.plan import Plan
from nnpg.programs.sweeps import first_out_last, left_after
from nnpg.programs.tasks import KnockOut
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.programs import multiprocessors

STEP = np.dtype([("block", np.int32), ("filter", np.int32), ("map", np.int64)])  # as in knockout.cu


def why_not(net: Network, plan: Plan, task: KnockOut) -> str:
    """Return why there is no program for this sweep, or ""."""
    if task.to not in ("zero", "mean"):
        return f"filters are set to {task.to!r}, which differs from image to image"
    if why := limits.why_not(net, plan) or limits.no_row(plan):
        return why
    at = {layer: plan.index(layer) for layer in dict.fromkeys(layer for layer, _ in task.filters)}
    unread = [layer for layer, i in at.items() if not 0 <= i < len(plan.blocks) - 1]
    if unread:
        return f"no block reads {unread[0]}"
    unknown = [(layer, f) for layer, f in task.filters if not 0 <= f < plan.blocks[at[layer]].y_shape[0]]
    return f"{unknown[0][0]} has no filter {unknown[0][1]}" if unknown else ""


def run(
    net: Network, plan: Plan, task: KnockOut, x: Array, means: Mapping[str, Array] | None = None
) -> npt.NDArray[np.int64]:
    """Return the predicted classes (T + 1, N) of the whole network, and with the first 1 .. T filters set.

    `means["pool1"]` is the mean output (F, H, W), where filters are set to that.
    """
    return sweeps(net, plan, (task,), x, means)[0]


def sweeps(
    net: Network, plan: Plan, tasks: Sequence[KnockOut], x: Array, means: Mapping[str, Array] | None = None
) -> list[npt.NDArray[np.int64]]:
    """Return the predicted classes of one or more sweeps, which set filters to the same, in one launch."""
    k, N, blocks = net.backend, len(x), plan.blocks
    x = guards.images(net.as_input(x), plan.input_shape, plan.dtype)
    replaces = tasks[0].to == "mean"
    where = [[plan.index(layer) for layer, _ in task.filters] for task in tasks]
    filters = [unit for task in tasks for unit in task.filters]
    starts = np.cumsum([0, *map(len, where)])
    steps, of_steps = np.zeros(max(1, len(filters)), STEP), [i for of in where for i in of]
    steps["block"][: len(filters)], steps["filter"][: len(filters)] = of_steps, [f for _, f in filters]
    steps["map"][1:] = np.cumsum([math.prod(blocks[i].y_shape[1:]) for i in of_steps[:-1]])
    left, orders = [], []
    for of, task in zip(where, tasks, strict=True):
        active = np.stack(left_after(plan, [] if replaces else of, [] if replaces else task.filters), axis=1)
        active = np.broadcast_to(active, (len(of) + 1, len(blocks)))
        left.append(np.insert(active, 0, blocks[0].x_shape[0], axis=1).ravel())
        orders += [np.arange(blocks[0].x_shape[0]), *first_out_last(plan, of, task.filters)]
    parts = [steps.view(np.int32), starts, np.concatenate(left), np.concatenate(orders)]
    places = k.asarray(np.concatenate([a.astype(np.int32) for a in parts]))  # goes up once
    on_device = np.split(places, np.cumsum([len(part) for part in parts[:-1]]).tolist())
    predictions = k.xp.empty((len(filters) + len(tasks), N), np.int64)
    if N:
        weights = arranged(net, plan, None if replaces else on_device[3], 1 if replaces else len(tasks))
        maps, of_net = _maps(net, plan, filters if replaces else (), means or {}), programs(net, plan)
        longest, at_once = max(map(len, where)), multiprocessors(k.xp) * of_net.made.at_once
        of_sweep = parts_of(N * len(tasks), longest, at_once)
        counts = map(np.int32, (N, of_sweep, replaces))
        args = (x, weights, on_device[1], on_device[0], on_device[2], maps, predictions, *counts)
        of_net.launch("knock_out", N, args, len(tasks) * of_sweep)
    return np.split(k.to_numpy(predictions), (starts[1:-1] + np.arange(1, len(tasks))).tolist())


def parts_of(images: int, steps: int, at_once: int) -> int:
    """Return among how many blocks of threads an image's steps are divided, in each sweep; `at_once` run at a time.

    Each begins with a forward pass, which takes about as long as two steps.

    Examples
    --------
    >>> parts_of(165, 23, 264), parts_of(132, 23, 132), parts_of(4, 5, 132)
    (3, 1, 6)
    """

    def lasts(parts: int) -> int:
        return -(-images * parts // at_once) * (2 + -(-(steps + 1) // parts))

    return min(range(1, steps + 2), key=lasts)


def _maps(net: Network, plan: Plan, filters: Sequence[tuple[str, int]], means: Mapping[str, Array]) -> Array:
    """Return the maps by which filters are replaced, one behind the other; one number if there are none."""
    k, maps = net.backend, []
    for layer, f in filters:
        shape = plan.blocks[plan.index(layer)].y_shape
        mean = guards.parameter(f"the mean of {layer}", means[layer], shape, plan.dtype)
        maps.append(k.asarray(mean)[f].ravel())
    return k.xp.concatenate(maps) if maps else k.xp.zeros(1, plan.dtype)
