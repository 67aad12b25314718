"""The limited-memory quasi-Newton models of a batch of functions, and the minimiser of such a model in a box.

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

from nnpg.attacks.least_distortion.rows import choose
from nnpg_kernels import Array

ACTIVE_SET_ROUNDS = 12  # at most; two or three are usual
SMALLEST_SHARE = 0.02  # of the known curvature: pairs with less curvature along s are not used
SMALLEST_COSINE = 1e-8  # between s and y: it bounds the eigenvalues of B


@dataclass(eq=False)
class Curvature:
    """The last h pairs of N problems. The arrays are changed in place, since they are most of the memory.

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
        """Return the state without any pair."""
        rows = xp.zeros((N, 2 * history, n), dtype)
        return Curvature(rows, xp.zeros((N, 2 * history, 2 * history)), xp.zeros((N, history), xp.int64))

    def store(self, xp: ModuleType, s: Array, y: Array, ss: Array, usable: Array) -> None:
        """Store the pairs (s, y), each (N, n), where `usable` (N,) is set, in place of the oldest; ss is s's (N,)."""
        h, stored = self.age.shape[1], choose(xp, usable & (ss > 0))
        n, slot, newest = stored.numbers, self.age.argmin(axis=1), stored.of(self.age.max(axis=1))
        unit = (1 / xp.sqrt(xp.where(ss > 0, ss, 1))).astype(s.dtype)[:, None]
        slot = stored.of(slot)
        pair = ((slot, y * unit), (slot + h, s * unit))
        for row, vector in pair:
            stored.put_at(self.rows, (n, row), stored.of(vector))
        for row, vector in pair:
            products = stored.of((self.rows @ vector[:, :, None])[:, :, 0])  # (., 2h)
            stored.put_at(self.gram, (n, slice(None), row), products)
            stored.put_at(self.gram, (n, row), products)
        stored.put_at(self.age, (n, slot), newest + 1)

    def usable(self, xp: ModuleType, kappa: Array) -> Array:
        """Return which pairs (N, h) have enough curvature along s, with kappa, for B to be safely positive definite."""
        h, i, kappa = self.age.shape[1], xp.arange(self.age.shape[1]), kappa[:, None]
        sy0, yy0 = self.gram[:, i + h, i], self.gram[:, i, i]
        sy, yy = sy0 + kappa, yy0 + 2 * kappa * sy0 + kappa * kappa
        return (self.age > 0) & (sy > SMALLEST_SHARE * kappa) & (sy > SMALLEST_COSINE * xp.sqrt(xp.maximum(yy, 0)))

    def scale(self, xp: ModuleType, kappa: Array, use: Array) -> tuple[Array, Array]:
        """Return y'y / s'y of the newest usable pair (N,), the largest curvature of late, and where there is one."""
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
class LinearConstraints:
    """Constraints J d >= b on a step: J (N, R, n), b (N, R)."""

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
    constraints: LinearConstraints | None = None,
    rounds: int = ACTIVE_SET_ROUNDS,
) -> tuple[Array, Array]:
    """Minimise g'd + d'Bd/2 over lower <= d <= upper for each problem, by a primal-dual active set method.

    Hintermueller, Ito & Kunisch 2002, Algorithm 2: fix some variables at a bound, and solve for the free ones; those
    whose solution is beyond a bound are fixed there in the next round. When nothing changes, the minimum is found. With
    e = -g/theta for the free variables F and the bound for the others, each round is

        (theta C - A_F A_F') q = A e,    p = -g/theta + A' q,    d = p clipped to the box,    A = curvature.rows

    where theta C is `Curvature.core`. Constraints J d >= b are more rows of A, with zeros in C, and b is subtracted
    from the right side; those with a negative multiplier are left out of the next round. Where nearly all variables are
    beyond a bound, the active set may change for ever: the last d is then no minimum, and `settled` is False.

    Parameters
    ----------
    g, lower, upper : arrays (N, n)
        lower <= 0 <= upper: bounds on the step.
    kappa, theta : arrays (N,)
        Known curvature, and the curvature in directions that no pair covers.
    use : array (N, h) of bool, optional
        Pairs to use, `Curvature.usable` unless given.
    constraints : LinearConstraints, optional
    rounds : int
        Of the active set, at most.

    Returns
    -------
    d : array (N, n)
    settled : array (N,) of bool
        Whether the active set no longer changed, so that d is the minimum.
    """
    A, core = curvature.rows, curvature.core(xp, kappa, theta)
    use = curvature.usable(xp, kappa) if use is None else use
    use = xp.concatenate([use, use], axis=1)
    shift, squares = xp.zeros(use.shape), xp.einsum("nii->ni", curvature.gram)
    if constraints is not None:
        A, core, use, shift = _with_constraints(xp, A, core, use, shift, constraints)
        squares = xp.einsum("nrd,nrd->nr", A, A)
    v = -g / theta[:, None].astype(g.dtype)
    free = ((lower < 0) | (g <= 0)) & ((upper > 0) | (g >= 0))
    e = v * free
    diagonal = 1 / xp.sqrt(squares + 1e-30)
    d, settled = v, free  # until the first round, which is of all rows
    rows: Array | None = None
    for remaining in reversed(range(rounds)):
        F = free.astype(A.dtype)[:, None, :]
        AF = A * F
        scales = diagonal * use  # scales to a diagonal of 1; unused rows become those of the identity
        K = (core - AF @ AF.swapaxes(1, 2)) * scales[:, :, None] * scales[:, None, :]
        i = xp.arange(K.shape[1])
        K[:, i, i] += ~use
        right_side = ((A @ e[:, :, None])[:, :, 0] + shift) * scales
        q = solve(xp, K, right_side) * scales
        p = v + (q.astype(A.dtype)[:, None, :] @ A)[:, 0]
        step = xp.minimum(xp.maximum(p, lower), upper)
        inside = step == p
        unchanged = ((inside == free) & (inside | (step == e))).all(axis=1)  # at the unchanged bound, too
        if constraints is not None:
            active = _active_constraints(xp, q, step, constraints)
            unchanged &= (active == use[:, -active.shape[1] :]).all(axis=1)
            use = xp.concatenate([use[:, : -active.shape[1]], active], axis=1)
        if rows is None:
            d, settled = step, unchanged
        else:
            d[rows], settled[rows] = step, unchanged
        if not remaining:
            break
        going = choose(xp, ~unchanged)  # a problem that does not change stays where it is, should it go on too
        if going.none:
            break
        if rows is None:
            d, rows = d.copy(), xp.arange(len(g))  # on a device, e below is the array of d
        rows, A, core, use, shift, diagonal = map(going.of, (rows, A, core, use, shift, diagonal))
        v, lower, upper, free, e = map(going.of, (v, lower, upper, inside, step))
        e += free * (v - e)  # v where free, the bound elsewhere
        if constraints is not None:
            constraints = LinearConstraints(going.of(constraints.J), going.of(constraints.b))
    return d, settled


def _with_constraints(
    xp: ModuleType, A: Array, core: Array, use: Array, shift: Array, constraints: LinearConstraints
) -> tuple[Array, Array, Array, Array]:
    """Add the rows of the constraints; the one that is violated most is active from the start."""
    (N, r), R = use.shape, constraints.b.shape[1]
    bordered = xp.zeros((N, r + R, r + R))
    bordered[:, :r, :r] = core
    most_violated = constraints.b == constraints.b.max(axis=1, keepdims=True)
    rows = xp.concatenate([A, constraints.J], axis=1)
    return rows, bordered, xp.concatenate([use, most_violated], axis=1), xp.concatenate([shift, -constraints.b], axis=1)


def _active_constraints(xp: ModuleType, q: Array, d: Array, constraints: LinearConstraints) -> Array:
    """Return which constraints are active: multiplier positive, or violated."""
    J, R = constraints.J, constraints.b.shape[1]
    violation = constraints.b - (J @ d[:, :, None])[:, :, 0]
    return q[:, -R:] * xp.einsum("nrd,nrd->nr", J, J) + violation > 0


def solve(xp: ModuleType, K: Array, right_side: Array) -> Array:
    """Solve K q = right_side for each problem; a singular K is made regular, the others stay the same.

    NumPy raises an error for a singular K; a device gives numbers that are not finite.
    """
    if xp is not np:
        q = xp.linalg.solve(K, right_side[:, :, None])
        singular = ~xp.isfinite(q).all(axis=1, keepdims=True)
        return xp.where(singular, xp.linalg.solve(_regular(xp, K, singular), right_side[:, :, None]), q)[:, :, 0]
    try:
        return xp.linalg.solve(K, right_side[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        singular = (xp.linalg.slogdet(K)[0] == 0)[:, None, None]
        return xp.linalg.solve(_regular(xp, K, singular), right_side[:, :, None])[:, :, 0]


def _regular(xp: ModuleType, K: Array, singular: Array) -> Array:
    return K + 1e-10 * singular * xp.eye(K.shape[1])


def dot(xp: ModuleType, a: Array, b: Array) -> Array:
    """Inner product of each row, summed in float64; on a device not by a product of matrices, which may mix rows."""
    if xp is not np:
        return xp.multiply(a, b, dtype=xp.float64).sum(axis=1)
    return xp.einsum("nd,nd->n", a.astype(xp.float64, copy=False), b.astype(xp.float64, copy=False))
