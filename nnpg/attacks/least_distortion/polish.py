"""The last step of a minimal distortion: from the minimiser of c |r|^2 + loss to the nearest point of the boundary.

The loss depends on the scores of all other classes, also of those whose boundary is far away, so its minimiser lies a
little beyond the nearest point; by a tenth and more where the network is unsure everywhere. What is looked for is

    min |r|^2   such that   z_target >= z_k for the other classes k,   x + r in the box.

Sequential quadratic programming solves it: the margins are linearised, and the pairs that the search for c has stored
give the curvature, which matters since the boundary is curved. For a softmax layer alone the margins are linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnpg.attacks.least_distortion.curvature import LinearConstraints
from nnpg.attacks.least_distortion.norms import Box, SquaredL2
from nnpg.attacks.least_distortion.quasi_newton import QuasiNewton
from nnpg.attacks.least_distortion.rows import choose, rows_at, take
from nnpg.attacks.objective import RIVALS, Objective
from nnpg_kernels import Array

ROUNDS = 3
ACTIVE_SET_ROUNDS = 4  # in each round
SMALL_STEP = 0.02  # of |r|: a smaller step that made the image better is the last one
OVERSHOOT = 1.0  # of the error of the last margin: by how much more to add, since the boundary is curved


@dataclass(eq=False)
class Points:
    """N images that are classified as their targets, and the model of each.

    Parameters
    ----------
    index : array (N,), on the host
    x, x0 : arrays (N, m)
        The images, and the original ones.
    targets, group : arrays (N,)
        The group is on the host.
    c : array (N,)
    newton : QuasiNewton
    """

    index: Array
    x: Array
    x0: Array
    targets: Array
    group: Array
    c: Array
    newton: QuasiNewton


@dataclass(frozen=True, eq=False)
class Solved:
    """Subproblems that are solved: outcomes, sizes, evaluations and largest c (N,), and their points."""

    outcome: Array
    size: Array
    evaluations: Array
    c: Array
    points: Points


def move_to_boundary(objective: Objective, points: Points, box: Box) -> tuple[Array, Array]:
    """Return images (N, m) no further from x0 and still classified as their targets, and the passes (N,), on the host.

    Here the host waits for the device once a round, for which images go on.
    """
    xp, k, norm, N = objective.xp, objective.net.backend, SquaredL2(objective.xp), len(points.x)
    R = min(RIVALS, objective.net.K - 1)
    best, size = points.x.copy(), norm.length(points.x - points.x0)
    passes, overshoot = np.zeros(N, np.int64), xp.zeros(N)
    current, nearest = take(points, rows_at(k, np.arange(N))), best.copy()
    current.index = np.arange(N)
    here, rivals = objective.evaluate_rivals(current.x, current.targets, current.group)
    passes += 1 + R
    for _ in range(ROUNDS):
        curvature = norm.curvature * current.c
        gradient = curvature.astype(current.x.dtype)[:, None] * (current.x - current.x0)
        aim = 2 * here.threshold + overshoot
        constraints = LinearConstraints(rivals.gradients, aim[:, None] - rivals.margins)
        low, high = box.around(xp, current.x0)
        lower, upper, rounds = low - current.x, high - current.x, ACTIVE_SET_ROUNDS
        step = current.newton.step
        d, slope = step(xp, gradient, lower, upper, curvature, constraints=constraints, rounds=rounds)
        x = xp.minimum(xp.maximum(current.x + d, low), high)
        trial, rivals = objective.evaluate_rivals(x, current.targets, current.group)
        passes[current.index] += 1 + R
        s, y = x - current.x, trial.gradient - here.gradient
        infinite, zeros = xp.full(len(x), xp.inf), xp.zeros(len(x))  # every step is accepted, whatever c |r| + loss is
        current.newton.update(xp, s, y, infinite, zeros, slope, zeros, curvature, positive=True)
        length = norm.length(x - current.x0)
        improved = (trial.margin > trial.threshold) & (length < size)
        better = choose(xp, improved)
        better.put(nearest, better.of(x))
        better.put(size, better.of(length))
        rows_at(k, current.index).put(best, nearest)
        overshoot = OVERSHOOT * abs(trial.margin - aim)
        current.x, here = x, trial
        unsettled = ~(improved & (norm.length(d) <= SMALL_STEP * length)) & xp.isfinite(length)
        going = rows_at(k, np.flatnonzero(k.to_numpy(unsettled)))
        if len(going.host) == 0:
            break
        current, here, rivals = take(current, going), take(here, going), take(rivals, going)
        overshoot, nearest, size = map(going.of, (overshoot, nearest, size))
    return best, passes
