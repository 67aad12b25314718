"""Many quasi-Newton iterations in lock-step: for each problem a step, a verdict on it, and what was learned from it.

A step is the minimiser of the problem's own quadratic model in its own box (`box_step`). A step that does not lower the
function enough is rejected, but its pair (s, y) is learned all the same, so that the next model knows better; from the
second rejection on the model is also damped, B + mu I with a growing mu, as Levenberg and Marquardt do. It takes the
place of a line search: every problem needs one model and one evaluation a round, whatever it is doing.

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

from nnpg.attacks.least_distortion.curvature import COSINE, LEAST, ROUNDS, Curvature, Linear, box_step, dot
from nnpg_kernels import Array

ARMIJO = 1e-4  # share of the decrease that the slope promises
FLAT = 0.8  # where values are too close to compare: slope at the end of the step, as a share of that at its start
PATIENCE = 3  # rejections in a row; after these, only a value that is lower counts
SLANT = 1e-6  # of a step, at least: -g'd / |d|^2 as a share of the largest curvature met of late
DAMP = 4.0


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
        most: Array | None = None,
        conditions: Linear | None = None,
        rounds: int = ROUNDS,
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
        most : array (N,), optional
            What the curvature may be at most in directions that no pair tells of; the largest curvature met of late
            unless given, which is safe, but slow where there are few steep directions.
        conditions : Linear, optional
            What the step must meet besides; then it need not go downhill.
        rounds : int
            Of the active set, at most; see `box_step`.
        """
        kappa = known + self.damping
        use = self.curvature.usable(xp, kappa)
        scale, learned = self.curvature.scale(xp, kappa, use)
        first = xp.sqrt(dot(xp, g, g)) if most is None else most  # of a first step that is 1 long
        largest = xp.maximum(xp.where(learned, scale, first + self.damping), 1e-30)
        theta = largest if most is None else xp.maximum(xp.minimum(largest, most + self.damping), kappa)
        d, _ = box_step(xp, self.curvature, g, lower, upper, kappa, theta, use, conditions, rounds)
        slope = dot(xp, g, d)
        bad = xp.flatnonzero(~(slope <= -SLANT * largest * dot(xp, d, d)))  # NaN too
        if len(bad) and conditions is None:  # the active set did not settle, or the model broke down
            short = -g[bad] / largest[bad, None].astype(g.dtype)
            d[bad] = xp.minimum(xp.maximum(short, lower[bad]), upper[bad])
            slope[bad] = dot(xp, g[bad], d[bad])
        return d, slope

    def learn(
        self,
        xp: ModuleType,
        s: Array,
        y: Array,
        before: Array,
        after: Array,
        slope: Array,
        noise: Array,
        known: Array,
        active: Array | None = None,
    ) -> Array:
        """Take in the outcome of steps, and say which are accepted (N,).

        Parameters
        ----------
        s, y : arrays (N, n)
            The steps, and the changes of the gradient, less the known part.
        before, after : arrays (N,), float64
            Values of f.
        slope : array (N,), float64
            g's at the start of the step.
        noise : array (N,)
            How far rounding may carry a value of f; closer values are told apart by the slopes (Hager & Zhang 2005).
        known : array (N,)
            Known curvature.
        active : array (N,) of bool, optional
            Those that made a step; all unless given.
        """
        s64, y64 = s.astype(xp.float64), y.astype(xp.float64)
        ss, sy, yy = dot(xp, s64, s64), dot(xp, s64, y64), dot(xp, y64, y64)
        sy, yy = sy + known * ss, yy + 2 * known * sy + known * known * ss
        enough = after <= before + ARMIJO * slope
        level = (after <= before + noise) & (self.rejected < PATIENCE)
        accepted = xp.isfinite(after) & xp.isfinite(yy) & (enough | (level & (slope + sy <= -FLAT * slope)))
        accepted &= (ss > 0) | (slope == 0)  # a step that rounding has made nothing of has not been made
        active = xp.ones(len(s), bool) if active is None else active
        good = xp.isfinite(yy) & (sy > LEAST * known * ss) & (sy > COSINE * xp.sqrt(xp.maximum(yy * ss, 0)))
        self.curvature.learn(xp, s, y, ss, good & active)
        self._damp(xp, active & accepted, active & ~accepted, good, known)
        return accepted

    def _damp(self, xp: ModuleType, accepted: Array, rejected: Array, good: Array, known: Array) -> None:
        """Raise mu after the second rejection in a row, or the first that taught nothing; lower it after success."""
        unit = known
        if bool((known <= 0).any()):
            scale, learned = self.curvature.scale(xp, known, self.curvature.usable(xp, known))
            unit = xp.where(known > 0, known, xp.where(learned, scale, 1.0))
        self.rejected = xp.where(accepted, 0, self.rejected + rejected)
        higher = rejected & ((self.rejected >= 2) | ~good)
        mu = xp.where(higher, xp.maximum(DAMP * self.damping, unit), self.damping)
        mu = xp.where(accepted, mu / DAMP, mu)
        self.damping = mu * (higher | (mu >= 0.1 * unit))

    def calm(self, xp: ModuleType, which: Array) -> None:
        """Forget the rejections and the damping of these problems: their function is another one now."""
        self.damping = xp.where(which, 0.0, self.damping)
        self.rejected = xp.where(which, 0, self.rejected)
