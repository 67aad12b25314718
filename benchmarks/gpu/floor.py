"""The least time of a row: what no implementation can avoid, at the ceilings of the card.

    operations / rate of multiply-adds,  or  bytes / bandwidth,  whichever is longer
    + the bytes of the result / bandwidth to the host, where the result is there
    + parts that must wait for each other / launches or barriers

Deltas that maximum pooling sends to one pixel of a window are counted for that pixel alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.gpu.card import Ceilings
from benchmarks.gpu.rows import Row
from benchmarks.measuring.work import pairs_of
from benchmarks.workloads import Workload
from nnpg.programs.plan import plan_of
from nnpg.programs.planned_blocks import Block
from nnpg_kernels.cuda.device import sizes

FLOAT = 4  # bytes
A_CLUSTER = 4  # images: a batch of as many fits into one cluster, whose blocks wait for each other without a launch


@dataclass(frozen=True)
class Least:
    """What a row must do in one step or call.

    Parameters
    ----------
    operations, bytes, bytes_down : float
    waits : int
        Parts of which each needs all of the one before.
    of_a_cluster : bool
        Whether blocks of one cluster can do them all.
    """

    operations: float
    bytes: float
    bytes_down: float = 0.0
    waits: int = 1
    of_a_cluster: bool = False

    def seconds(self, ceilings: Ceilings) -> float:
        """Return the least seconds at these ceilings."""
        wait = ceilings.barrier if self.of_a_cluster else ceilings.node
        busy = max(self.operations / ceilings.multiply_adds, self.bytes / ceilings.copy)
        return busy + self.bytes_down / ceilings.down + self.waits * wait

    def limit(self, ceilings: Ceilings) -> str:
        """Return which part of the least time is the longest."""
        parts = {
            "operations": self.operations / ceilings.multiply_adds,
            "memory": self.bytes / ceilings.copy,
            "copy to the host": self.bytes_down / ceilings.down,
            "waiting": self.waits * (ceilings.barrier if self.of_a_cluster else ceilings.node),
        }
        return max(parts, key=lambda part: parts[part])


def least(row: Row) -> Least:
    """Return what a row must do.

    Examples
    --------
    >>> from benchmarks.gpu.rows import choose_rows
    >>> (mlp, _), _ = choose_rows("W4")
    >>> least(mlp).operations == 100 * 2 * (2 * (784 * 100 + 100 * 100 + 100 * 10) + 100 * 100 + 100 * 10)
    True
    """
    workload = row.workload
    blocks = plan_of(workload.net.network()).blocks
    weights = sum(FLOAT * (W.size + b.size) for W, b in workload.weights())
    images = FLOAT * workload.N * math.prod(workload.net.input_shape)
    forward, routed = [_forward(block) for block in blocks], [_routed(block) for block in blocks]
    if workload.kind == "train":
        changed = weights * (4 if workload.momentum else 2)  # read and written, and the velocity
        operations = workload.N * (sum(forward) + sum(routed) + sum(routed[1:]))
        return Least(operations, images + changed, waits=2, of_a_cluster=workload.N <= A_CLUSTER)
    if workload.kind == "jacobian":
        units = sum(math.prod(block.y_shape) for block in blocks if block.kind == "conv")
        result = FLOAT * workload.net.K * workload.N * units
        operations = workload.N * (sum(forward) + workload.net.K * sum(routed[1:]))
        return Least(operations, images + weights + result, result if row.host else 0.0)
    result = FLOAT * workload.N * sum(len(order) + 1 for order in workload.orders())
    return Least(workload.N * _of_sweeps(workload, blocks, forward), images + weights + result, result)


def _forward(block: Block) -> float:
    """Operations of one image's convolution or product, where a pooling window reads the result."""
    if block.kind == "dense":
        return 2.0 * math.prod(block.x_shape) * block.y_shape[0]
    (C, H, W), F = block.x_shape, block.z_shape[0]
    pairs = pairs_of(sizes(block.window, 1, (H, W))[0])
    read = math.prod(block.y_shape[1:]) * math.prod(block.pool.size) / math.prod(block.z_shape[1:])
    return 2.0 * F * C * pairs * read


def _routed(block: Block) -> float:
    """Operations of one image's gradient or delta, which is not 0 at one pixel of each pooling window."""
    return _forward(block) / math.prod(block.pool.size)


def _of_sweeps(workload: Workload, blocks: tuple[Block, ...], forward: list[float]) -> float:
    """Operations of one image's sweeps: of the next block what read the dead map, then all that is alive."""
    B = len(workload.net.blocks)
    total = sum(forward)
    for order in workload.orders():
        alive = [block.filters for block in workload.net.blocks]
        for b, _ in order:
            alive[b] -= 1
            total += forward[b + 1] / workload.net.blocks[b].filters
            for after in range(b + 1, B):
                total += forward[after + 1] * alive[after] / workload.net.blocks[after].filters
            total += sum(forward[B + 1 :])
    return total
