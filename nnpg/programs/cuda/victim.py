"""A reading of an attack on a device as one launch: loss, margins, rivals, and the derivative of each by the image.

A block of threads computes one image, so its result does not depend on the other images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards, planned_steps
from nnpg.programs.attack_tasks import Answers, Asked, Victim
from nnpg.programs.cuda import reading
from nnpg.programs.cuda.gradients import parts_of
from nnpg.programs.cuda.resident import arranged, programs
from nnpg.programs.cuda.training import LOSSES
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Reading
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.programs import Programs, multiprocessors, shared_bytes_at_most
from nnpg_kernels.cuda.resident.sources import victim_of

ASKED = np.dtype(  # as in victim.cu
    [("kappa", "f8"), ("rounding", "f8"), *((name, "i4") for name in ("images", "loss", "rivals", "slopes", "away"))],
    align=True,
)


@dataclass(frozen=True, eq=False)
class Session:
    """The program and the weights of an attack; every call has memory that no other call uses.

    Parameters
    ----------
    programs : Programs
    weights : array
        As the kernel reads them.
    loss : int
        As in loss.cuh.
    shape : tuple of int
        Of an image.
    K : int
    dtype : dtype
    """

    programs: Programs
    weights: Array
    loss: int
    shape: tuple[int, ...]
    K: int
    dtype: np.dtype[Any]

    def __call__(self, x: Array, targets: Array, asked: Asked) -> Answers:
        """Return the answers for images x (N, ...) and targets (N,), which are classes; all of it on the device."""
        xp, N, R = self.programs.xp, len(x), asked.rivals
        if targets.shape != (N,) or not 0 <= R <= self.K:
            raise ValueError(f"{N} images have {N} targets and up to {self.K} rivals, not {targets.shape} and {R}")
        x, targets = guards.images(x, self.shape, self.dtype), guards.ordered(targets, np.int64)
        numbers, rivals = xp.empty(N * (3 + R), np.float64), xp.empty((N, R), np.int64)
        losses, slopes, size = N * asked.loss, N * R * asked.slopes, math.prod(self.shape)
        gradients = xp.empty(((losses + slopes) * size,), self.dtype)
        count = asked.loss + R * asked.slopes
        if N:
            ask = np.zeros(1, ASKED)
            counts = (N, self.loss if asked.loss else -1, R, asked.slopes, asked.away)
            ask[0] = (asked.kappa, asked.rounding, *counts)
            seeds = self.programs.made.seeds_together(max(1, count), 0, shared_bytes_at_most(xp))
            parts = parts_of(N, max(1, -(-count // seeds)), multiprocessors(xp))
            args = (x, self.weights, targets, numbers, rivals, gradients, ask)
            self.programs.launch(victim_of(seeds), N, args, parts)
        loss, threshold, slope, margins = (
            numbers[n * N : (n + 1) * N] if n < 3 else numbers[3 * N :] for n in range(4)
        )
        return Answers(
            loss[:losses],
            threshold,
            slope[:losses],
            margins.reshape(N, R),
            rivals,
            gradients[: losses * size].reshape(losses, *self.shape),
            gradients[losses * size :].reshape(N, R if asked.slopes else 0, *self.shape),
        )


def why_not(net: Network, plan: Plan, task: Victim) -> str:
    """Return why a reading is no single launch, or ""."""
    why = reading.why_not(net, plan, Reading(task.loss.layer))
    return why or planned_steps.why_no_kernel(plan, task.loss, LOSSES)


def run(net: Network, plan: Plan, task: Victim) -> Session:
    """Return a session, whose weights are those of now."""
    made, loss = programs(net, plan), LOSSES[planned_steps.loss_of(plan, task.loss)]
    return Session(made, arranged(net, plan), loss, plan.input_shape, plan.blocks[-1].y_shape[0], plan.dtype)
