"""Quasi-Newton iterations for a batch of problems: for each a step, whether it is accepted, and what updates its model.

A step is the minimiser of the problem's own quadratic model in its own box (`box_step`). A step that does not lower the
function enough is rejected, but its pair (s, y) is stored all the same, which makes the next model better. From the
second rejection on the model is also damped, B + mu I with a growing mu (Levenberg and Marquardt). This replaces a line
search: every problem needs one model and one evaluation per iteration, whatever its state.

Why it converges: B's eigenvalues are bounded above and away from 0, since pairs with too little curvature are not used
(Li & Fukushima 2001). Every step that is tried has g'd <= -epsilon |d|^2: the minimiser of the model does, with g'd <=
-d'Bd, and a step that does not is replaced by that of the projected gradient. As mu grows the two become one, so for a
function with a Lipschitz gradient every mu above some bound gives an accepted step; mu stays bounded, the accepted
steps lower f by at least a multiple of |d|^2, and d tends to 0. But d = 0 only where the projected gradient is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nnpg.attacks.least_distortion.curvature import (
    ACTIVE_SET_ROUNDS,
    SMALLEST_COSINE,
    SMALLEST_SHARE,
    Curvature,
    LinearConstraints,
    box_step,
    dot,
)
from nnpg.attacks.least_distortion.rows import choose
from nnpg_kernels import Array

ARMIJO = 1e-4  # share of the decrease that the slope promises
CURVATURE_CONDITION = 0.8  # where values are too close to compare: slope at the end of a step over that at its start
CLOSE_VALUES = 3  # rejections in a row; up to these, values that are close are compared by the slopes
SMALLEST_DESCENT = 1e-6  # of a step: -g'd / |d|^2 as a share of the largest curvature of late
DAMPING_FACTOR = 4.0


@dataclass(eq=False)
class QuasiNewton:
    """The state of N iterations.

    Parameters
    ----------
    curvature : Curvature
    damping : array (N,)
        mu.
    rejected : array (N,), int
        Steps that were rejected in a row.
    """

    curvature: Curvature
    damping: Array
    rejected: Array

    @staticmethod
    def start(xp: ModuleType, N: int, n: int, history: int, dtype: Any) -> QuasiNewton:
        """Return the state before the first step."""
        return QuasiNewton(Curvature.empty(xp, N, n, history, dtype), xp.zeros(N), xp.zeros(N, xp.int64))

    def step(
        self,
        xp: ModuleType,
        g: Array,
        lower: Array,
        upper: Array,
        known: Array,
        unknown: Array | None = None,
        constraints: LinearConstraints | None = None,
        rounds: int = ACTIVE_SET_ROUNDS,
    ) -> tuple[Array, Array]:
        """Return the next step d (N, n) and the slope g'd (N,) along it.

        Parameters
        ----------
        g : array (N, n)
            Gradient.
        lower, upper : arrays (N, n)
            Bounds on d; 0 lies between them.
        known : array (N,)
            Curvature that is known exactly and left out of the pairs.
        unknown : array (N,), optional
            Upper bound of the curvature in directions that no pair covers. Unless given, it is the largest curvature of
            late, which is safe, but slow where there are few steep directions.
        constraints : LinearConstraints, optional
            On the step, which then need not be a descent direction.
        rounds : int
            Of the active set, at most; see `box_step`.
        """
        kappa = known + self.damping
        use = self.curvature.usable(xp, kappa)
        scale, has_pair = self.curvature.scale(xp, kappa, use)
        first = xp.sqrt(dot(xp, g, g)) if unknown is None else unknown  # so that the first step has length 1
        largest = xp.maximum(xp.where(has_pair, scale, first + self.damping), 1e-30)
        theta = largest if unknown is None else xp.maximum(xp.minimum(largest, unknown + self.damping), kappa)
        d, _ = box_step(xp, self.curvature, g, lower, upper, kappa, theta, use, constraints, rounds)
        slope = dot(xp, g, d)
        if constraints is not None:
            return d, slope
        # where the active set did not settle, or the model is not positive definite; NaN too
        weak = choose(xp, ~(slope <= -SMALLEST_DESCENT * largest * dot(xp, d, d)))
        if not weak.none:
            steepest = weak.of(g)
            short = -steepest / weak.of(largest)[:, None].astype(g.dtype)
            short = xp.minimum(xp.maximum(short, weak.of(lower)), weak.of(upper))
            weak.put(d, short)
            weak.put(slope, dot(xp, steepest, short))
        return d, slope

    def update(
        self,
        xp: ModuleType,
        s: Array,
        y: Array,
        before: Array,
        after: Array,
        slope: Array,
        noise: Array,
        known: Array,
        moved: Array | None = None,
        *,
        positive: bool = False,
    ) -> Array:
        """Store the outcome of steps, and return which are accepted (N,).

        Parameters
        ----------
        s, y : arrays (N, n)
            The steps, and the changes of the gradient, minus the known part.
        before, after : arrays (N,), float64
            Values of f.
        slope : array (N,), float64
            g's at the start of the step.
        noise : array (N,)
            Rounding error of a value of f; values that are closer are compared by the slopes (Hager & Zhang 2005).
        known : array (N,)
            Known curvature.
        moved : array (N,) of bool, optional
            Where a step was made; everywhere unless given.
        positive : bool
            Whether it is certain that `known` is above 0 everywhere, for which the host of a device would have to wait.
        """
        s64, y64 = s.astype(xp.float64), y.astype(xp.float64)
        ss, sy, yy = dot(xp, s64, s64), dot(xp, s64, y64), dot(xp, y64, y64)
        sy, yy = sy + known * ss, yy + 2 * known * sy + known * known * ss
        sufficient = after <= before + ARMIJO * slope
        close = (after <= before + noise) & (self.rejected < CLOSE_VALUES)
        close &= slope + sy <= -CURVATURE_CONDITION * slope
        accepted = xp.isfinite(after) & xp.isfinite(yy) & (sufficient | close)
        accepted &= (ss > 0) | (slope == 0)  # rounding has made the step 0
        moved = xp.ones(len(s), bool) if moved is None else moved
        informative = xp.isfinite(yy) & (sy > SMALLEST_SHARE * known * ss)
        informative &= sy > SMALLEST_COSINE * xp.sqrt(xp.maximum(yy * ss, 0))
        self.curvature.store(xp, s, y, ss, informative & moved)
        self._update_damping(xp, moved & accepted, moved & ~accepted, informative, known, positive)
        return accepted

    def _update_damping(
        self, xp: ModuleType, accepted: Array, rejected: Array, informative: Array, known: Array, positive: bool
    ) -> None:
        """Raise mu after the second rejection in a row, or the first without a usable pair; lower it after success."""
        unit = known
        if not positive and not choose(xp, known <= 0).none:
            scale, has_pair = self.curvature.scale(xp, known, self.curvature.usable(xp, known))
            unit = xp.where(known > 0, known, xp.where(has_pair, scale, 1.0))
        self.rejected = xp.where(accepted, 0, self.rejected + rejected)
        higher = rejected & ((self.rejected >= 2) | ~informative)
        mu = xp.where(higher, xp.maximum(DAMPING_FACTOR * self.damping, unit), self.damping)
        mu = xp.where(accepted, mu / DAMPING_FACTOR, mu)
        self.damping = mu * (higher | (mu >= 0.1 * unit))

    def reset_damping(self, xp: ModuleType, rows: Array) -> None:
        """Drop rejections and damping where `rows` (N,) is set: the function there has changed."""
        self.damping = xp.where(rows, 0.0, self.damping)
        self.rejected = xp.where(rows, 0, self.rejected)
