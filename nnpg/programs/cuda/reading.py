"""The repeated step of an attack on a device: one launch to the scores, one back from the seeds.

A block of threads computes one image, so its result does not depend on the other images. What the forward pass leaves
for the way back stays in the memory of the device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.cuda import limits
from nnpg.programs.cuda.resident import arranged, programs
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Reading
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.programs import Programs

KEPT_BYTES = 1 << 28  # that forward passes leave for the way back at a time

Seed = Callable[[Array, slice], Array]


@dataclass(frozen=True, eq=False)
class Session:
    """The programs and the weights of an attack; every call has memory that no other call uses.

    Parameters
    ----------
    programs : Programs
    weights : array
        As the kernels read them.
    shape : tuple of int
        Of an image.
    K : int
    dtype : dtype
    images : int
        At a time.
    """

    programs: Programs
    weights: Array
    shape: tuple[int, ...]
    K: int
    dtype: np.dtype[Any]
    images: int

    def __call__(self, x: Array, seed: Seed) -> tuple[Array, Array]:
        """Return scores (N, K) and deltas (S, N, ...) of the images x (N, ...), or (N, ...) for a seed (N, K).

        `seed(z, rows)` returns the seeds (n, K) or (S, n, K) of the images `rows`, whose scores are z (n, K).
        """
        x = guards.images(x, self.shape, self.dtype)
        starts = range(0, max(1, len(x)), self.images)
        rows = [slice(first, min(first + self.images, len(x))) for first in starts]
        parts = [self._part(x[part], part, seed) for part in rows]
        if len(parts) == 1:
            return parts[0]
        xp, axis = self.programs.xp, parts[0][1].ndim - x.ndim
        return xp.concatenate([z for z, _ in parts]), xp.concatenate([delta for _, delta in parts], axis=axis)

    def _part(self, x: Array, rows: slice, seed: Seed) -> tuple[Array, Array]:
        xp, N = self.programs.xp, len(x)
        z = xp.empty((N, self.K), np.float64)
        kept = xp.empty((N, self.programs.made.kept), self.dtype)
        self.programs.launch("scores", N, (x, self.weights, z, kept))
        seeds = seed(z, rows)
        if seeds.shape[-2:] != (N, self.K) or seeds.dtype.kind != "f":
            raise ValueError(f"a seed of {N} images must be (S, {N}, {self.K}), not {seeds.dtype} {seeds.shape}")
        delta = xp.empty((*seeds.shape[:-2], N, *self.shape), self.dtype)
        count = math.prod(seeds.shape[:-1])
        args = (kept, self.weights, guards.ordered(seeds, self.dtype), delta, np.int32(N))
        self.programs.launch("deltas", count, args)
        return z, delta


def why_not(net: Network, plan: Plan, task: Reading) -> str:
    """Return why there is no program for the reading, or ""."""
    if why := limits.why_not(net, plan, backward=True):
        return why
    if task.layer != plan.last or len(plan.blocks[-1].y_shape) != 1:
        return f"the loss reads {task.layer}, which is not the output of the last block"
    return ""


def run(net: Network, plan: Plan, task: Reading) -> Session:
    """Return a session, whose weights are those of now."""
    made, (K,) = programs(net, plan), plan.blocks[-1].y_shape
    images = max(1, KEPT_BYTES // (made.made.kept * plan.dtype.itemsize))
    return Session(made, arranged(net, plan), plan.input_shape, K, plan.dtype, images)
