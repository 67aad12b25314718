"""The search for the largest c at which the minimiser of c |r| + loss is still classified as the target.

A larger c pulls the image back to where it came from, so success is lost as c grows. Each image has its own bracket
c_ok < c < c_no of a success and a failure. Outside, c moves in steps that grow; inside, it is cut in log c: where the
margins at both ends say that it crosses 0, but never closer to an end than 15%, and in half where that takes long.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import ModuleType

from nnpg_kernels import Array

STEEP = 1.5  # margin that is won, far from the boundary, when c falls e-fold; a guess
FACTOR = math.log(3)  # of the first step of c, at most; doubled with every further step in the same direction
RANGE = 12.0  # how far log c may go from where it began
PATIENCE = 6  # cuts by margins; then in half


@dataclass(eq=False)
class Search:
    """Brackets of N images.

    Parameters
    ----------
    c, c_ok, c_no : arrays (N,)
        The c in use; the largest success, 0 for none yet; the smallest failure above it, infinite for none yet.
    margin_ok, margin_no, size_ok, size_no : arrays (N,)
        Margin and |r| at the two ends.
    typical, first : arrays (N,)
        A guess of the c that is looked for, and the c that the search began with.
    moves, cuts : arrays (N,), int
        Steps in a row in the same direction without a bracket, and cuts of the bracket.
    sure : array (N,) of bool
        Whether c_no failed at its minimum, and not only on the way there.
    """

    c: Array
    c_ok: Array
    c_no: Array
    margin_ok: Array
    margin_no: Array
    size_ok: Array
    size_no: Array
    typical: Array
    first: Array
    moves: Array
    cuts: Array
    sure: Array

    @staticmethod
    def start(xp: ModuleType, typical: Array, c: Array) -> Search:
        """Return searches that begin at these c (N,)."""
        N = len(c)
        return Search(
            c=c.copy(), c_ok=xp.zeros(N), c_no=xp.full(N, xp.inf),
            margin_ok=xp.zeros(N), margin_no=xp.zeros(N), size_ok=xp.zeros(N), size_no=xp.zeros(N),
            typical=typical.copy(), first=c.copy(), moves=xp.zeros(N, xp.int64), cuts=xp.zeros(N, xp.int64),
            sure=xp.zeros(N, bool),
        )  # fmt: skip

    def closed(self, xp: ModuleType, success: Array, size: Array, tolerance: float) -> Array:
        """Say whether this outcome at c makes the bracket small enough: sizes, or c itself, within the tolerance."""
        larger, smaller = xp.where(success, size, self.size_ok), xp.where(success, self.size_no, size)
        low, high = xp.where(success, self.c, self.c_ok), xp.where(success, self.c_no, self.c)
        both = (low > 0) & xp.isfinite(high)
        return both & ((larger <= (1 + tolerance) * smaller) | (high <= (1 + tolerance) * low))

    def reopen(self, xp: ModuleType, which: Array) -> None:
        """Drop the failure c_no of these images, since it was called too early."""
        self.c_no = xp.where(which, xp.inf, self.c_no)
        self.moves, self.cuts = self.moves * ~which, self.cuts * ~which

    def record(self, xp: ModuleType, solved: Array, success: Array, margin: Array, size: Array, exact: Array) -> Array:
        """Take in the outcomes of the images `solved` and move their c; return which have run out of c (N,)."""
        log_c, ok, no = xp.log(self.c), solved & success, solved & ~success
        self.sure = xp.where(no, exact, self.sure)
        self.c_ok, self.c_no = xp.where(ok, self.c, self.c_ok), xp.where(no, self.c, self.c_no)
        self.margin_ok, self.margin_no = xp.where(ok, margin, self.margin_ok), xp.where(no, margin, self.margin_no)
        self.size_ok, self.size_no = xp.where(ok, size, self.size_ok), xp.where(no, size, self.size_no)
        both = (self.c_ok > 0) & xp.isfinite(self.c_no)
        most = FACTOR * 2.0 ** xp.minimum(self.moves, 4)
        lost = xp.maximum(margin, 0)
        up = xp.minimum(xp.maximum(lost / (1 + 0.35 * lost), 0.05), most)  # near it, 1 is lost when c grows e-fold
        down = xp.minimum(xp.maximum(-margin / STEEP, 0.2), most)
        free = xp.where(success, log_c + up, log_c - down)
        low, high = xp.log(xp.maximum(self.c_ok, 1e-300)), xp.log(xp.minimum(self.c_no, 1e300))
        guess = xp.minimum(
            0.9 * self.margin_ok / xp.maximum(high - low, 1e-9),
            xp.where(success, 1.0, self.margin_ok / xp.maximum(self.margin_ok - self.margin_no, 1e-9)),
        )
        share = xp.where(self.cuts < PATIENCE, xp.minimum(xp.maximum(guess, 0.15), 0.85), 0.5)
        log_c = xp.where(solved, xp.where(both, low + share * (high - low), free), log_c)
        self.c = xp.where(solved, xp.exp(log_c), self.c)
        self.moves, self.cuts = self.moves + (solved & ~both), self.cuts + (solved & both)
        return solved & ~both & (abs(log_c - xp.log(self.first)) > RANGE)
