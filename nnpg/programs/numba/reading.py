"""What an attack asks: scores forward, then what Python makes of them back to the images; again and again.

Lanes are images, always a whole vector of them, empty ones filled with zeros: an image goes through the same kernels
in the same order whatever shares its block, so its answer does not depend on its company.
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
from nnpg.programs.numba.blocks import backspace, backward_ops, forward_ops, workspace
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Reading
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

BLOCKS = 8  # vectors of images whose planes are held at a time: one forward pass, and any number back

Scores = npt.NDArray[np.float64]
Seed = Callable[[Scores, slice], Array]


@dataclass(frozen=True, eq=False)
class Session:
    """Room for some images, and the programs that run over it.

    Parameters
    ----------
    x, z, seeds, delta : arrays (M, ...)
        Images, scores, what is sent back, and what comes back, of M images at a time.
    ops : list of Op
        Of each vector of images in turn: forward, then back.
    each : (int, int)
        How many of them are forward, and how many there are in all, for one vector.
    vector : int
        Images in a vector.
    programs : dict
        By whether they go forward, and for how many vectors.
    """

    x: Array
    z: Array
    seeds: Array
    delta: Array
    ops: list[Op]
    each: tuple[int, int]
    vector: int
    programs: dict[tuple[bool, int], Program] = field(default_factory=dict)

    def __call__(self, x: Array, seed: Seed) -> tuple[Scores, Array]:
        """Return scores (N, K) and derivatives (S, N, ...) of the images x (N, ...), or (N, ...) for a seed (N, K).

        `seed(z, rows)` says what is sent back for the images `rows`, whose scores are z (n, K): (n, K) or (S, n, K).
        """
        x = guards.images(x, self.x.shape[1:], self.x.dtype)
        scores, parts = np.empty((len(x), self.z.shape[1])), []
        for first in range(0, max(1, len(x)), len(self.x)):
            rows = slice(first, min(first + len(self.x), len(x)))
            scores[rows], part = self._some(x[rows], rows, seed)
            parts.append(part)
        axis = parts[0].ndim - x.ndim
        return scores, parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)

    def _some(self, x: Array, rows: slice, seed: Seed) -> tuple[Scores, Array]:
        N, vectors = len(x), -(-len(x) // self.vector)
        self.x[:N], self.x[N : vectors * self.vector] = x, 0
        self._run(True, vectors)
        z = self.z[:N].astype(np.float64)
        wanted = np.asarray(seed(z, rows))
        S, K = wanted.shape[:-2], self.z.shape[1]
        if wanted.shape[-2:] != (N, K) or wanted.dtype.kind != "f":
            raise ValueError(f"a seed of {N} images must be (S, {N}, {K}), not {wanted.dtype} {wanted.shape}")
        found = np.empty((*S, *x.shape), x.dtype)
        count = math.prod(S)
        each = zip(wanted.reshape(count, N, K), found.reshape(count, *x.shape), strict=True)
        for one, delta in each:
            self.seeds[:N], self.seeds[N : vectors * self.vector] = one, 0
            self._run(False, vectors)
            delta[...] = self.delta[:N]
        return z, found

    def _run(self, forward: bool, vectors: int) -> None:
        if not vectors:
            return
        if (forward, vectors) not in self.programs:
            turn, whole = self.each
            first, last = (0, turn) if forward else (turn, whole)
            step = self.vector
            chains = [[Task(v * whole + first, v * whole + last, v * step, step)] for v in range(vectors)]
            self.programs[forward, vectors] = Program([self.ops] * threads_for(vectors), [chains])
        self.programs[forward, vectors]()


def why_not(net: Network, plan: Plan, task: Reading) -> str:
    """Return why the reading cannot be had by the plan, or ""."""
    if why := limits.why_not(net, plan):
        return why
    if task.layer != plan.last or len(plan.blocks[-1].y_shape) != 1:
        return f"the loss reads {task.layer}, which is not the output of the last block"
    return ""


def run(net: Network, plan: Plan, task: Reading) -> Session:
    """Make room, and the ops of every vector of images: each has its own, since the way back needs what went there."""
    dtype, vector = plan.dtype, lanes(plan.dtype)
    (K,), M = plan.blocks[-1].y_shape, BLOCKS * vector
    x, delta = (aligned((M, *plan.input_shape), dtype) for _ in range(2))
    z, seeds = (aligned((M, K), dtype) for _ in range(2))
    found: list[Op] = []
    each = (0, 0)
    for _ in range(BLOCKS):
        room, derivatives = workspace(plan, vector), backspace(plan, vector)
        last = len(plan.blocks) - 1
        forward = [
            ops.enter(room.enter, x, mean=plan.mean),
            *(o for block in forward_ops(plan, room, plan.weights) for o in block.all),
            ops.leave(room.y[-1], z),
        ]
        back = backward_ops(plan, room, derivatives, plan.weights, last, -1)
        backward = [
            ops.enter(derivatives.delta[last], seeds),
            *(o for i in range(last, -1, -1) for o in back[i]),
            ops.leave(derivatives.dx, delta),
        ]
        each = (len(forward), len(forward) + len(backward))
        found += [*forward, *backward]
    return Session(x, z, seeds, delta, found, each, vector)
