"""What a limited-memory quasi-Newton method knows of many functions at once, and the step of that model in a box.

The model of problem n at its point is  q(d) = g'd + d'Bd/2,  with B from the last h pairs (s, y) by the BFGS formula.
In the compact form (Byrd, Nocedal & Schnabel 1994, Eq. 2.17, for B_0 = theta I)

    B = theta I - W M W',   W = [Y  theta S],   M^-1 = [ -D  L' ; L  theta S'S ],

with D the diagonal and L the part below the diagonal of S'Y, oldest pair first. Nothing larger than 2h x 2h is solved.

A part of the curvature may be known exactly, kappa I (that of kappa |x - a|^2 / 2). It is not stored in the pairs but
added when B is built, y + kappa s: kappa may change from step to step, and all pairs stay valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from nnpg_kernels import Array

ROUNDS = 12  # of the active set, at most; two or three are usual
LEAST = 0.02  # of the known curvature: pairs with less along s are not used
COSINE = 1e-8  # between s and y, at least: it bounds the eigenvalues of B


@dataclass(eq=False)
class Curvature:
    """The last h pairs of N problems. The one thing here that is changed in place: it is most of the memory.

    Parameters
    ----------
    rows : array (N, 2h, n)
        y / |s| of each pair, then s / |s|; B does not depend on the length of s.
    gram : array (N, 2h, 2h), float64
        rows rows'.
    age : array (N, h), int
        The larger the newer; 0 where there is no pair yet.
    """

    rows: Array
    gram: Array
    age: Array

    @staticmethod
    def empty(xp: ModuleType, N: int, n: int, history: int, dtype: Any) -> Curvature:
        """Return the state of knowing nothing."""
        rows = xp.zeros((N, 2 * history, n), dtype)
        return Curvature(rows, xp.zeros((N, 2 * history, 2 * history)), xp.zeros((N, history), xp.int64))

    def learn(self, xp: ModuleType, s: Array, y: Array, ss: Array, which: Array) -> None:
        """Store the pairs (s, y), each (N, n), of the problems `which` (N,), each in place of its oldest; ss is s's."""
        h, n = self.age.shape[1], xp.flatnonzero(which & (ss > 0))
        slot, newest = self.age.argmin(axis=1)[n], self.age.max(axis=1)[n]
        unit = (1 / xp.sqrt(xp.where(ss > 0, ss, 1))).astype(s.dtype)[:, None]
        pair = ((slot, y * unit), (slot + h, s * unit))
        for row, vector in pair:
            self.rows[n, row] = vector[n]
        for row, vector in pair:
            products = (self.rows @ vector[:, :, None])[n, :, 0]  # (., 2h)
            self.gram[n, :, row] = products
            self.gram[n, row, :] = products
        self.age[n, slot] = newest + 1

    def usable(self, xp: ModuleType, kappa: Array) -> Array:
        """Which pairs (N, h) have enough curvature along s, kappa included, for B to be safely positive definite."""
        h, i, kappa = self.age.shape[1], xp.arange(self.age.shape[1]), kappa[:, None]
        sy0, yy0 = self.gram[:, i + h, i], self.gram[:, i, i]
        sy, yy = sy0 + kappa, yy0 + 2 * kappa * sy0 + kappa * kappa
        return (self.age > 0) & (sy > LEAST * kappa) & (sy > COSINE * xp.sqrt(xp.maximum(yy, 0)))

    def scale(self, xp: ModuleType, kappa: Array, use: Array) -> tuple[Array, Array]:
        """Return y'y / s'y of the newest usable pair (N,), the largest curvature met of late, and if there is one."""
        n, newest = xp.arange(len(use)), (self.age * use).argmax(axis=1)
        sy = self.gram[n, newest + self.age.shape[1], newest]
        yy = self.gram[n, newest, newest] + 2 * kappa * sy + kappa * kappa
        known = use[n, newest]
        return yy / xp.where(known, sy + kappa, 1), known

    def core(self, xp: ModuleType, kappa: Array, theta: Array) -> Array:
        """Return theta T^-1 M^-1 T'^-1 with W' = T rows (N, 2h, 2h)."""
        h, k = self.age.shape[1], kappa[:, None, None]
        S = self.gram[:, h:, h:]
        kS = k * S
        SY = self.gram[:, h:, :h] + kS
        L = SY * (self.age[:, :, None] > self.age[:, None, :])
        core = xp.empty_like(self.gram)
        core[:, :h, :h] = k * (kS - L - L.swapaxes(1, 2))
        i = xp.arange(h)
        core[:, i, i] -= theta[:, None] * SY[:, i, i]
        core[:, h:, :h] = L - kS
        core[:, :h, h:] = core[:, h:, :h].swapaxes(1, 2)
        core[:, h:, h:] = S
        return core


@dataclass(frozen=True, eq=False)
class Linear:
    """Conditions J d >= b that a step must also meet: J (N, R, n), b (N, R)."""

    J: Array
    b: Array


def box_step(
    xp: ModuleType,
    curvature: Curvature,
    g: Array,
    lower: Array,
    upper: Array,
    kappa: Array,
    theta: Array,
    use: Array | None = None,
    conditions: Linear | None = None,
    rounds: int = ROUNDS,
) -> tuple[Array, Array]:
    """Minimise g'd + d'Bd/2 over lower <= d <= upper for each problem, by a primal-dual active set method.

    Hintermueller, Ito & Kunisch 2002, Algorithm 2: take some variables to be at a bound, solve for the free ones, take
    those to be at a bound that the solution wants beyond it; when nothing changes, the minimum is found. With
    e = -g/theta for the free variables F and the bound for the others, each round is

        (theta C - A_F A_F') q = A e,    p = -g/theta + A' q,    d = p clipped to the box,    A = curvature.rows

    where theta C is `Curvature.core`. Conditions J d >= b are more rows of A, with zeros in C and b taken off the right
    side; those with a negative multiplier are left out of the next round. Where nearly everything wants to go beyond a
    bound, the set may change for ever: the last d then is no minimum, and `settled` says so.

    Parameters
    ----------
    g, lower, upper : arrays (N, n)
        lower <= 0 <= upper: bounds on the step.
    kappa, theta : arrays (N,)
        Known curvature, and the curvature in directions that no pair tells of.
    use : array (N, h) of bool, optional
        Pairs to use, `Curvature.usable` unless given.
    conditions : Linear, optional
    rounds : int
        Of the active set, at most.

    Returns
    -------
    d : array (N, n)
    settled : array (N,) of bool
        Whether the active set came to rest, so that d is the minimum.
    """
    A, core = curvature.rows, curvature.core(xp, kappa, theta)
    use = curvature.usable(xp, kappa) if use is None else use
    use = xp.concatenate([use, use], axis=1)
    shift, squares = xp.zeros(use.shape), xp.einsum("nii->ni", curvature.gram)
    if conditions is not None:
        A, core, use, shift = _with_conditions(xp, A, core, use, shift, conditions)
        squares = xp.einsum("nrd,nrd->nr", A, A)
    v = -g / theta[:, None].astype(g.dtype)
    free = ((lower < 0) | (g <= 0)) & ((upper > 0) | (g >= 0))
    e = v * free
    balance = 1 / xp.sqrt(squares + 1e-30)
    d, settled, left = xp.empty_like(g), xp.zeros(len(g), bool), xp.arange(len(g))
    for more in reversed(range(rounds)):
        F = free.astype(A.dtype)[:, None, :]
        AF = A * F
        counted = balance * use  # scales of 1 on the diagonal; rows that do not count become rows of the identity
        K = (core - AF @ AF.swapaxes(1, 2)) * counted[:, :, None] * counted[:, None, :]
        i = xp.arange(K.shape[1])
        K[:, i, i] += ~use
        right = ((A @ e[:, :, None])[:, :, 0] + shift) * counted
        q = solve(xp, K, right) * counted
        p = v + (q.astype(A.dtype)[:, None, :] @ A)[:, 0]
        step = xp.minimum(xp.maximum(p, lower), upper)
        now = step == p
        same = ((now == free) & (now | (step == e))).all(axis=1)  # at the same bound, too
        if conditions is not None:
            wanted = _wanted(xp, q, step, conditions)
            same &= (wanted == use[:, -wanted.shape[1] :]).all(axis=1)
            use = xp.concatenate([use[:, : -wanted.shape[1]], wanted], axis=1)
        d[left], settled[left] = step, same
        n = xp.flatnonzero(~same)
        if len(n) == 0 or not more:
            break
        left, A, core, use, shift, balance = left[n], A[n], core[n], use[n], shift[n], balance[n]
        v, lower, upper, free = v[n], lower[n], upper[n], now[n]
        e = step[n]
        e += free * (v - e)  # v where free, the bound elsewhere
        if conditions is not None:
            conditions = Linear(conditions.J[n], conditions.b[n])
    return d, settled


def _with_conditions(
    xp: ModuleType, A: Array, core: Array, use: Array, shift: Array, conditions: Linear
) -> tuple[Array, Array, Array, Array]:
    """Add the rows of the conditions; the one that is furthest from being met counts from the start."""
    (N, r), R = use.shape, conditions.b.shape[1]
    larger = xp.zeros((N, r + R, r + R))
    larger[:, :r, :r] = core
    worst = conditions.b == conditions.b.max(axis=1, keepdims=True)
    rows = xp.concatenate([A, conditions.J], axis=1)
    return rows, larger, xp.concatenate([use, worst], axis=1), xp.concatenate([shift, -conditions.b], axis=1)


def _wanted(xp: ModuleType, q: Array, d: Array, conditions: Linear) -> Array:
    """Which conditions count: multiplier positive, or not met."""
    J, R = conditions.J, conditions.b.shape[1]
    missing = conditions.b - (J @ d[:, :, None])[:, :, 0]
    return q[:, -R:] * xp.einsum("nrd,nrd->nr", J, J) + missing > 0


def solve(xp: ModuleType, K: Array, right: Array) -> Array:
    """Solve K q = right for each problem; a singular K is made regular, and no other problem feels it."""
    try:
        return xp.linalg.solve(K, right[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        singular = xp.linalg.slogdet(K)[0] == 0
        K = K + 1e-10 * singular[:, None, None] * xp.eye(K.shape[1])
        return xp.linalg.solve(K, right[:, :, None])[:, :, 0]


def dot(xp: ModuleType, a: Array, b: Array) -> Array:
    """Inner product of each row, summed in float64."""
    return xp.einsum("nd,nd->n", a.astype(xp.float64, copy=False), b.astype(xp.float64, copy=False))
