"""Attacks in flight: one slot an image, each at its own c, each doing its next evaluation in every round.

With c |r| known in closed form, what the network said at a point holds for every c: c changes at no cost, and the
curvature pairs, which are of the loss alone, stay valid. So one image is searched in one go, and never started afresh.
"""

from __future__ import annotations

from dataclasses import dataclass

from nnpg.attacks.curvature import dot
from nnpg.attacks.norms import Norm
from nnpg.attacks.polish import Points
from nnpg.attacks.quasi_newton import QuasiNewton, put, take
from nnpg.attacks.results import Outcome
from nnpg.attacks.search import Search
from nnpg.attacks.victim import Reading, Victim
from nnpg_kernels import Array

STEP = 0.1  # the next step is at most this share of |r| where an outcome is called before the minimum is reached,
CLEAR = 0.3  # and it changes the margin by at most this share
GIVE_UP = 30  # rejected steps in a row


@dataclass(frozen=True)
class Settings:
    """What is asked for; see `minimal_distortion`."""

    norm: Norm
    box: tuple[float, float]
    tolerance: float
    history: int
    evaluations: int


@dataclass(eq=False)
class Place:
    """Where N searches are, and what the network says there.

    Parameters
    ----------
    v : array (N, n)
        Variables of the norm.
    gradient : array (N, n)
        d loss / d v.
    loss, penalty, margin, slope : arrays (N,), float64
    """

    v: Array
    gradient: Array
    loss: Array
    penalty: Array
    margin: Array
    slope: Array
    leeway: Array


@dataclass(eq=False)
class Slots:
    """The images in flight.

    Parameters
    ----------
    index, target : arrays (N,), int
        Number of the attack, and the class wanted.
    x0, best : arrays (N, m)
        The image, and the least changed success met so far.
    best_size : array (N,)
    at, ok : Place
        Now, and at the largest c that succeeded.
    step : array (N, n)
        To be tried next.
    fresh : array (N,) of bool
        Nothing is known yet.
    steps, evaluations : arrays (N,), int
        Accepted at this c; passes in all.
    """

    index: Array
    target: Array
    x0: Array
    best: Array
    best_size: Array
    at: Place
    ok: Place
    step: Array
    newton: QuasiNewton
    search: Search
    fresh: Array
    steps: Array
    evaluations: Array


@dataclass(frozen=True, eq=False)
class Landed:
    """Attacks that are over: outcomes, sizes, evaluations and largest c (N,), and where they are."""

    outcome: Array
    size: Array
    evaluations: Array
    c: Array
    points: Points


class Flight:
    """Up to `capacity` attacks at once. `board` starts new ones, `advance` gives each one evaluation."""

    def __init__(self, victim: Victim, settings: Settings, capacity: int) -> None:
        self.victim, self.settings, self.capacity = victim, settings, capacity
        self.slots: Slots | None = None
        self.empty: Array | None = None  # rows of slots whose attack is over

    def board(self, index: Array, x0: Array, target: Array) -> None:
        """Start attacks: into the rows of those that are over, or behind the others while there is room."""
        new = self._slots(index, x0, target)
        if self.slots is None:
            self.slots = new
        elif self.empty is not None:
            put(self.slots, self.empty[: len(index)], new)
            self.empty = self.empty[len(index) :]

    @property
    def room(self) -> int:
        """How many attacks may start now."""
        if self.slots is None:
            return self.capacity
        return 0 if self.empty is None else len(self.empty)

    def advance(self) -> Landed | None:
        """Do one evaluation for each attack; return those that are over by it."""
        xp, now = self.victim.xp, self._close_ranks()
        self._evaluate(now)
        finished, outcome = self._steer(now)
        n = xp.flatnonzero(finished)
        if len(n) == 0:
            return None
        self.empty = n
        search = take(now.search, n)
        located = search.c_ok > 0
        c = xp.where(located, self.settings.norm.reported(search.c_ok, search.size_ok), xp.nan)
        at_c = xp.where(located, search.c_ok, search.c)
        points = Points(now.index[n], now.best[n], now.x0[n], now.target[n], at_c, take(now.newton, n))
        return Landed(outcome[n], now.best_size[n], now.evaluations[n], c, points)

    def _close_ranks(self) -> Slots:
        """Drop the rows that nobody took."""
        xp, slots = self.victim.xp, self.slots
        assert slots is not None
        if self.empty is not None and len(self.empty):
            keep = xp.ones(len(slots.index), bool)
            keep[self.empty] = False
            self.slots = slots = take(slots, xp.flatnonzero(keep))
        self.empty = None
        return slots

    def _slots(self, index: Array, x0: Array, target: Array) -> Slots:
        xp, norm, N = self.victim.xp, self.settings.norm, len(index)
        v = norm.start(x0)

        def zeros(dtype: str = "float64") -> Array:
            return xp.zeros(N, dtype)

        def place() -> Place:
            return Place(v.copy(), xp.zeros_like(v), zeros(), zeros(), zeros(), zeros(), zeros())

        newton = QuasiNewton.start(xp, N, v.shape[1], self.settings.history, v.dtype)
        search, fresh = Search.start(xp, xp.ones(N)), xp.ones(N, bool)
        sizes = xp.full(N, xp.inf)
        step = xp.zeros_like(v)
        counts = zeros("int64"), zeros("int64")
        return Slots(index, target, x0, x0.copy(), sizes, place(), place(), step, newton, search, fresh, *counts)

    def _evaluate(self, now: Slots) -> None:
        """Try the steps, and go where they are accepted."""
        xp, norm, at, c = self.victim.xp, self.settings.norm, now.at, now.search.c
        lower, upper = norm.bounds(now.x0, *self.settings.box)
        v = xp.minimum(xp.maximum(at.v + now.step, lower), upper)
        x = self._image(v, now.x0)
        reading: Reading = self.victim.read(x, now.target)
        there = Place(
            v, norm.pull(reading.gradient), reading.loss, norm.penalty(v, now.x0),
            reading.margin, reading.slope, reading.leeway,
        )  # fmt: skip
        now.evaluations += 1
        s, known = v - at.v, norm.curvature * c
        before, after = c * at.penalty + at.loss, c * there.penalty + there.loss
        slope, end = dot(xp, self._gradient(now, at), s), dot(xp, self._gradient(now, there), s)
        accepted = now.newton.judge(xp, before, after, slope, end, reading.leeway)
        accepted = xp.isfinite(after) & (accepted | now.fresh)
        now.newton.learn(xp, s, there.gradient - at.gradient, accepted, known, ~now.fresh)
        now.steps += accepted & ~now.fresh
        size = norm.length(x - now.x0)
        better = xp.flatnonzero((reading.margin > reading.leeway) & (size < now.best_size))
        now.best[better], now.best_size[better] = x[better], size[better]
        go = xp.flatnonzero(accepted)
        put(at, go, take(there, go))

    def _gradient(self, now: Slots, at: Place) -> Array:
        """Of c |r| + loss."""
        c = now.search.c[:, None].astype(at.v.dtype)
        return c * self.settings.norm.gradient(at.v, now.x0) + at.gradient

    def _image(self, v: Array, x0: Array) -> Array:
        xp, (low, high) = self.victim.xp, self.settings.box
        return xp.minimum(xp.maximum(self.settings.norm.image(v, x0), low), high)

    def _steer(self, now: Slots) -> tuple[Array, Array]:
        """Plan the next steps; where this c is decided, change c. Return which attacks are over, and their outcome."""
        xp, norm, at, tolerance = self.victim.xp, self.settings.norm, now.at, self.settings.tolerance
        already = now.fresh & (at.margin > at.leeway)
        self._begin(now)
        now.step = step = self._plan(now)
        size, length = norm.length(norm.image(at.v, now.x0) - now.x0), norm.length(step)
        success, exact = at.margin > at.leeway, length <= tolerance * size
        swing = abs(at.slope * dot(xp, at.gradient, step))  # the change of the margin that the step promises
        called = (length <= STEP * size) & (swing <= CLEAR * abs(at.margin))
        solved = (now.newton.rejected == 0) & ~now.fresh & (exact | (called & (now.steps > 0)))
        near = success & (at.margin <= tolerance * size * abs(at.slope) * norm.steepest(self._free(now, at.gradient)))
        last = near | now.search.closed(xp, success, size, tolerance)
        solved &= exact | ~last  # what ends the search must be exact
        stuck = now.newton.rejected >= GIVE_UP  # as low as rounding lets it come
        solved, last = solved | stuck, solved & last
        keep = xp.flatnonzero(solved & success)
        put(now.ok, keep, take(at, keep))
        spent = now.evaluations >= self.settings.evaluations
        lost = now.search.record(xp, solved, success, at.margin, size)
        found = xp.isfinite(now.best_size)
        outcome = xp.where(found, xp.where(last, int(Outcome.FOUND), int(Outcome.UNSETTLED)), int(Outcome.NOT_FOUND))
        outcome = xp.where(already, int(Outcome.ALREADY), outcome)
        self._go_on(now, solved & ~last, success)
        now.fresh[:] = False
        return last | lost | spent | already, outcome

    def _go_on(self, now: Slots, changed: Array, success: Array) -> None:
        """Plan again for those whose c changed; after a failure from the best success, which follows its branch."""
        xp = self.victim.xp
        back = xp.flatnonzero(changed & ~success & (now.search.c_ok > 0))
        put(now.at, back, take(now.ok, back))
        now.newton.calm(xp, changed)
        now.steps = now.steps * ~changed
        n = xp.flatnonzero(changed)
        if len(n):
            now.step[n] = self._plan(take(now, n))

    def _begin(self, now: Slots) -> None:
        """Choose the first c of those whose image has just been seen for the first time."""
        xp, norm, n = self.victim.xp, self.settings.norm, self.victim.xp.flatnonzero(now.fresh)
        if len(n) == 0:
            return
        at = take(now.at, n)
        told = xp.isfinite(at.slope)
        steepness = norm.steepest(self._free(take(now, n), at.gradient)) * xp.where(told, abs(at.slope), 1.0)
        gap = xp.where(told, xp.maximum(-at.margin, 0.1), xp.maximum(at.loss, 0.1))
        put(now.search, n, Search.start(xp, xp.maximum(norm.first_c(steepness, gap), 1e-12)))

    def _plan(self, now: Slots) -> Array:
        lower, upper = self.settings.norm.bounds(now.x0, *self.settings.box)
        known, v = self.settings.norm.curvature * now.search.c, now.at.v
        return now.newton.step(self.victim.xp, self._gradient(now, now.at), lower - v, upper - v, known)

    def _free(self, now: Slots, g: Array) -> Array:
        """The gradient, 0 where its descent leads out of the box."""
        lower, upper = self.settings.norm.bounds(now.x0, *self.settings.box)
        return g * (((now.at.v > lower) | (g < 0)) & ((now.at.v < upper) | (g > 0)))
