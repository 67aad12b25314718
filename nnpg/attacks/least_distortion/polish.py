"""The last step of a minimal distortion: from the minimiser of c |r|^2 + loss to the nearest point of the boundary.

The loss pulls away from all other classes at once, also from those that are not in the way, so its minimiser lies a
little further out than need be; for a network that is sure of nothing, by a tenth and more. What is wanted is

    min |r|^2   such that   z_target >= z_k for the other classes k,   x + r in the box.

Sequential quadratic programming solves it: the margins made linear, and the curvature that the search has learned for
the model, which matters since the boundary is curved. For a softmax layer alone the margins are linear already.
"""

from __future__ import annotations

from dataclasses import dataclass

from nnpg.attacks.least_distortion.curvature import Linear
from nnpg.attacks.least_distortion.norms import SquaredL2
from nnpg.attacks.least_distortion.quasi_newton import QuasiNewton
from nnpg.attacks.least_distortion.rows import take
from nnpg.attacks.objective import RIVALS, Victim
from nnpg_kernels import Array

ROUNDS = 3
INNER = 4  # rounds of the active set in each
SETTLED = 0.02  # a step this small, as a share of |r|, that made the image better is the last one
ASIDE = 1.0  # of the error of the last margin: how much further to aim, since the boundary is curved


@dataclass(eq=False)
class Points:
    """N images on the way.

    Parameters
    ----------
    index : array (N,)
    x, x0 : arrays (N, m)
        Where they are, classified as the target, and where they came from.
    target, lane : arrays (N,)
    c : array (N,)
    newton : QuasiNewton
    """

    index: Array
    x: Array
    x0: Array
    target: Array
    lane: Array
    c: Array
    newton: QuasiNewton


def to_the_boundary(victim: Victim, points: Points, box: tuple[float, float]) -> tuple[Array, Array]:
    """Return images (N, m) that are no further from x0 and still classified as the target, and the passes made (N,)."""
    xp, norm, N = victim.xp, SquaredL2(victim.xp), len(points.x)
    R = min(RIVALS, victim.net.K - 1)
    best, size = points.x.copy(), norm.length(points.x - points.x0)
    passes, aside = xp.zeros(N, xp.int64), xp.zeros(N)
    at = take(points, xp.arange(N))
    at.index = xp.arange(N)
    here, rivals = victim.read_rivals(at.x, at.target, at.lane)
    passes += 1 + R
    for _ in range(ROUNDS):
        known = norm.curvature * at.c
        g = known.astype(at.x.dtype)[:, None] * (at.x - at.x0)
        aim = 2 * here.leeway + aside
        conditions = Linear(rivals.gradients, aim[:, None] - rivals.margins)
        d, slope = at.newton.step(xp, g, box[0] - at.x, box[1] - at.x, known, conditions=conditions, rounds=INNER)
        x = xp.minimum(xp.maximum(at.x + d, box[0]), box[1])
        there, rivals = victim.read_rivals(x, at.target, at.lane)
        passes[at.index] += 1 + R
        worse, nothing = xp.full(len(x), xp.inf), xp.zeros(len(x))  # every step is taken, whatever c |r| + loss says
        at.newton.learn(xp, x - at.x, there.gradient - here.gradient, worse, nothing, slope, nothing, known)
        length = norm.length(x - at.x0)
        better = xp.flatnonzero((there.margin > there.leeway) & (length < size[at.index]))
        best[at.index[better]], size[at.index[better]] = x[better], length[better]
        improved = xp.zeros(len(x), bool)
        improved[better] = True
        aside = ASIDE * abs(there.margin - aim)
        at.x, here = x, there
        going = xp.flatnonzero(~(improved & (norm.length(d) <= SETTLED * length)) & xp.isfinite(length))
        if len(going) == 0:
            break
        at, here, rivals, aside = take(at, going), take(here, going), take(rivals, going), aside[going]
    return best, passes
