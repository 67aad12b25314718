"""Number of operations in a workload's formulas; with the machine's rate of multiply-adds, a bound on its time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.workloads import Workload
from nnpg.programs.plan import plan_of
from nnpg.programs.planned_blocks import Block


def operations(workload: Workload) -> float | None:
    """Return multiply-adds, times 2, of one call; None for what is not counted.

    Deltas that go to one pixel of each pooling window are counted for that pixel only where our kernels do so:
    where many classes share the windows' winners. In a sweep, what comes after the filter that goes is computed again,
    for the filters that are left and from those alone.
    """
    net = workload.net.network()
    forward = [_weigh(block) for block in plan_of(net).blocks]
    back = forward[1:]  # the delta of the image is not needed
    if workload.kind == "predict":
        return workload.N * sum(forward)
    if workload.kind == "train":
        return workload.N * (2 * sum(forward) + sum(back))
    if workload.kind == "gradients" and workload.classes == "true":
        return workload.N * (sum(forward) + sum(back))
    if workload.kind == "sweep":
        return workload.N * sum(_of_sweep(workload, forward, order) for order in workload.orders())
    if workload.kind in ("jacobian", "gradients"):
        sparse = [f / math.prod(block.pool.size) for f, block in zip(forward, plan_of(net).blocks, strict=True)][1:]
        return workload.N * (sum(forward) + net.K * sum(sparse))
    return None


def _of_sweep(workload: Workload, forward: list[float], order: Sequence[tuple[int, int]]) -> float:
    """Operations of one image's sweep, from those of each block of the intact network."""
    filters = [block.filters for block in workload.net.blocks]
    left, total = filters.copy(), sum(forward)
    for at, _ in order:
        left[at] -= 1
        shares = [n / F for n, F in zip(left, filters, strict=True)] + [1.0] * (len(forward) - len(filters))
        total += sum(forward[i] * shares[i - 1] * shares[i] for i in range(at + 1, len(forward)))
    return total


def _weigh(block: Block) -> float:
    """Operations of one image's convolution or product."""
    if block.kind == "dense":
        return 2.0 * math.prod(block.x_shape) * block.y_shape[0]
    C, (F, H, W) = block.x_shape[0], block.z_shape
    return 2.0 * F * H * W * C * math.prod(block.window.size)
