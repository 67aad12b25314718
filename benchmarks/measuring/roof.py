"""Number of operations in a workload's formulas; with the machine's rate of multiply-adds, a bound on its time."""

from __future__ import annotations

import math

from benchmarks.workloads import Workload
from nnpg.programs.plan import plan_of
from nnpg.programs.planned_blocks import Block


def operations(workload: Workload) -> float | None:
    """Return multiply-adds, times 2, of one call; None where the work depends on the order of the knock-outs.

    Deltas that go to one pixel of each pooling window are counted for that pixel only where our kernels do so:
    where many classes share the windows' winners.
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
    if workload.kind in ("jacobian", "gradients"):
        sparse = [f / math.prod(block.pool.size) for f, block in zip(forward, plan_of(net).blocks, strict=True)][1:]
        return workload.N * (sum(forward) + net.K * sum(sparse))
    return None


def _weigh(block: Block) -> float:
    """Operations of one image's convolution or product."""
    if block.kind == "dense":
        return 2.0 * math.prod(block.x_shape) * block.y_shape[0]
    C, (F, H, W) = block.x_shape[0], block.z_shape
    return 2.0 * F * H * W * C * math.prod(block.window.size)
