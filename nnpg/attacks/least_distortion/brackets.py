"""The search for the largest c at which the minimiser of c |r| + loss is still classified as the target.

A larger c holds the minimiser closer to the image, so success ends as c grows. Each image has its own bracket
c_low < c < c_high of a success and a failure. Before there is a bracket, c moves in steps that grow. A bracket is cut
in log c: where the margins at both ends say that the margin is 0, but never closer to an end than 15%, and in half
after some cuts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType

from nnpg_kernels import Array

MARGIN_PER_LOG_C = 1.5  # by how much the margin grows, far from the boundary, when log c falls by 1; a guess
FIRST_STEP = math.log(3)  # of log c, at most; doubled with every further step in the same direction
FARTHEST = 12.0  # from the first log c
INTERPOLATIONS = 6  # cuts by margins; after these, in half


@dataclass(eq=False)
class Brackets:
    """Brackets of N images.

    Parameters
    ----------
    c, c_low, c_high : arrays (N,)
        The c in use; the largest success, 0 for none yet; the smallest failure above it, infinite for none yet.
    margin_low, margin_high, size_low, size_high : arrays (N,)
        Margin and |r| at the two ends.
    expected, first : arrays (N,)
        A guess of the c that is looked for, and the c that the search began with.
    moves, cuts : arrays (N,), int
        Steps in a row in the same direction without a bracket, and cuts of the bracket.
    exact_high : array (N,) of bool
        Whether c_high failed at its minimum, and not only on the way there.
    """

    c: Array
    c_low: Array
    c_high: Array
    margin_low: Array
    margin_high: Array
    size_low: Array
    size_high: Array
    expected: Array
    first: Array
    moves: Array
    cuts: Array
    exact_high: Array

    @staticmethod
    def start(xp: ModuleType, expected: Array, c: Array) -> Brackets:
        """Return searches that begin at these c (N,)."""
        N = len(c)
        return Brackets(
            c=c.copy(), c_low=xp.zeros(N), c_high=xp.full(N, xp.inf),
            margin_low=xp.zeros(N), margin_high=xp.zeros(N), size_low=xp.zeros(N), size_high=xp.zeros(N),
            expected=expected.copy(), first=c.copy(), moves=xp.zeros(N, xp.int64), cuts=xp.zeros(N, xp.int64),
            exact_high=xp.zeros(N, bool),
        )  # fmt: skip

    def converged(self, xp: ModuleType, success: Array, size: Array, tolerance: float) -> Array:
        """Return whether this outcome at c makes the bracket small enough: sizes, or c itself, within the tolerance."""
        larger, smaller = xp.where(success, size, self.size_low), xp.where(success, self.size_high, size)
        low, high = xp.where(success, self.c, self.c_low), xp.where(success, self.c_high, self.c)
        both = (low > 0) & xp.isfinite(high)
        return both & ((larger <= (1 + tolerance) * smaller) | (high <= (1 + tolerance) * low))

    def drop_failures(self, xp: ModuleType, rows: Array) -> None:
        """Drop the failure c_high where `rows` (N,) is set, since it was assumed before the minimum was reached."""
        self.c_high = xp.where(rows, xp.inf, self.c_high)
        self.moves, self.cuts = self.moves * ~rows, self.cuts * ~rows

    def update(self, xp: ModuleType, solved: Array, success: Array, margin: Array, size: Array, exact: Array) -> Array:
        """Take in the outcomes where `solved` (N,) is set and move c; return where c has moved too far (N,)."""
        log_c, low, high = xp.log(self.c), solved & success, solved & ~success
        self.exact_high = xp.where(high, exact, self.exact_high)
        self.c_low, self.c_high = xp.where(low, self.c, self.c_low), xp.where(high, self.c, self.c_high)
        self.margin_low = xp.where(low, margin, self.margin_low)
        self.margin_high = xp.where(high, margin, self.margin_high)
        self.size_low, self.size_high = xp.where(low, size, self.size_low), xp.where(high, size, self.size_high)
        both = (self.c_low > 0) & xp.isfinite(self.c_high)
        most = FIRST_STEP * 2.0 ** xp.minimum(self.moves, 4)
        surplus = xp.maximum(margin, 0)
        up = xp.minimum(xp.maximum(surplus / (1 + 0.35 * surplus), 0.05), most)  # near the boundary 1 per unit of log c
        down = xp.minimum(xp.maximum(-margin / MARGIN_PER_LOG_C, 0.2), most)
        unbracketed = xp.where(success, log_c + up, log_c - down)
        log_low, log_high = xp.log(xp.maximum(self.c_low, 1e-300)), xp.log(xp.minimum(self.c_high, 1e300))
        guess = xp.minimum(
            0.9 * self.margin_low / xp.maximum(log_high - log_low, 1e-9),
            xp.where(success, 1.0, self.margin_low / xp.maximum(self.margin_low - self.margin_high, 1e-9)),
        )
        share = xp.where(self.cuts < INTERPOLATIONS, xp.minimum(xp.maximum(guess, 0.15), 0.85), 0.5)
        log_c = xp.where(solved, xp.where(both, log_low + share * (log_high - log_low), unbracketed), log_c)
        self.c = xp.where(solved, xp.exp(log_c), self.c)
        self.moves, self.cuts = self.moves + (solved & ~both), self.cuts + (solved & both)
        return solved & ~both & (abs(log_c - xp.log(self.first)) > FARTHEST)
