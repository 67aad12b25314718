"""The repeated step of an attack: forward to the scores, then back from the seeds that Python computes from the scores.

Lanes are images. A vector is always full, if necessary with images of zeros. So the same kernels run in the same order
for every image, and its result does not depend on the other images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import backward_ops, delta_workspace, forward_ops, forward_workspace
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Reading
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

BLOCKS = 8  # vectors of images at a time; their planes are kept from a forward pass for all its backward passes

Scores = npt.NDArray[np.float64]
Seed = Callable[[Scores, slice], Array]


@dataclass(frozen=True, eq=False)
class Session:
    """Arrays for M images, and the programs that run over them.

    Parameters
    ----------
    x, z, seeds, delta : arrays (M, ...)
        Images, scores, seeds and deltas of M images at a time.
    ops : list of Op
        For each vector of images: the forward pass, then the backward pass.
    counts : (int, int)
        Number of ops of one vector: in the forward pass, and in total.
    vector : int
        Images in a vector.
    programs : dict
        By pass (True for forward) and number of vectors.
    """

    x: Array
    z: Array
    seeds: Array
    delta: Array
    ops: list[Op]
    counts: tuple[int, int]
    vector: int
    programs: dict[tuple[bool, int], Program] = field(default_factory=dict)

    def __call__(self, x: Array, seed: Seed) -> tuple[Scores, Array]:
        """Return scores (N, K) and deltas (S, N, ...) of the images x (N, ...), or (N, ...) for a seed (N, K).

        `seed(z, rows)` returns the seeds (n, K) or (S, n, K) of the images `rows`, whose scores are z (n, K).
        """
        x = guards.images(x, self.x.shape[1:], self.x.dtype)
        scores, parts = np.empty((len(x), self.z.shape[1])), []
        for first in range(0, max(1, len(x)), len(self.x)):
            rows = slice(first, min(first + len(self.x), len(x)))
            scores[rows], part = self._part(x[rows], rows, seed)
            parts.append(part)
        axis = parts[0].ndim - x.ndim
        return scores, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)

    def _part(self, x: Array, rows: slice, seed: Seed) -> tuple[Scores, Array]:
        N, vectors = len(x), -(-len(x) // self.vector)
        self.x[:N], self.x[N : vectors * self.vector] = x, 0
        self._run(True, vectors)
        z = self.z[:N].astype(np.float64)
        seeds = np.asarray(seed(z, rows))
        S, K = seeds.shape[:-2], self.z.shape[1]
        if seeds.shape[-2:] != (N, K) or seeds.dtype.kind != "f":
            raise ValueError(f"a seed of {N} images must be (S, {N}, {K}), not {seeds.dtype} {seeds.shape}")
        deltas = np.empty((*S, *x.shape), x.dtype)
        count = math.prod(S)
        for one_seed, delta in zip(seeds.reshape(count, N, K), deltas.reshape(count, *x.shape), strict=True):
            self.seeds[:N], self.seeds[N : vectors * self.vector] = one_seed, 0
            self._run(False, vectors)
            delta[...] = self.delta[:N]
        return z, deltas

    def _run(self, forward: bool, vectors: int) -> None:
        if not vectors:
            return
        if (forward, vectors) not in self.programs:
            turn, total = self.counts
            first, last = (0, turn) if forward else (turn, total)
            step = self.vector
            chains = [[Task(v * total + first, v * total + last, v * step, step)] for v in range(vectors)]
            self.programs[forward, vectors] = Program([self.ops] * threads_for(vectors), [chains])
        self.programs[forward, vectors]()


def why_not(net: Network, plan: Plan, task: Reading) -> str:
    """Return why there is no program for the reading, or ""."""
    if why := limits.why_not(net, plan):
        return why
    if task.layer != plan.last or len(plan.blocks[-1].y_shape) != 1:
        return f"the loss reads {task.layer}, which is not the output of the last block"
    return ""


def run(net: Network, plan: Plan, task: Reading) -> Session:
    """Allocate arrays, planes and ops of every vector of images: backward needs the planes that forward filled."""
    dtype, vector = plan.dtype, lanes(plan.dtype)
    (K,), M = plan.blocks[-1].y_shape, BLOCKS * vector
    x, delta = (aligned((M, *plan.input_shape), dtype) for _ in range(2))
    z, seeds = (aligned((M, K), dtype) for _ in range(2))
    all_ops: list[Op] = []
    counts = (0, 0)
    for _ in range(BLOCKS):
        space, deltas = forward_workspace(plan, vector), delta_workspace(plan, vector)
        last = len(plan.blocks) - 1
        forward = [
            ops.pack(space.enter, x, mean=plan.mean),
            *(o for block in forward_ops(plan, space, plan.weights) for o in block.all),
            ops.unpack(space.y[-1], z),
        ]
        back = backward_ops(plan, space, deltas, plan.weights, last, -1)
        image = deltas.dx
        assert image is not None
        backward = [
            ops.pack(deltas.delta[last], seeds),
            *(o for i in range(last, -1, -1) for o in back[i]),
            ops.unpack(image, delta),
        ]
        counts = (len(forward), len(forward) + len(backward))
        all_ops += [*forward, *backward]
    return Session(x, z, seeds, delta, all_ops, counts, vector)
