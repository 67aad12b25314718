"""Attacks in flight: one slot an image, each at its own c, each doing its next evaluation in every round.

With c |r| known in closed form, what the network said at a point holds for every c: c changes at no cost, and the
curvature pairs, which are of the loss alone, stay valid. So an image goes on from where it is when its c changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from nnpg.attacks.least_distortion.brackets import Search
from nnpg.attacks.least_distortion.curvature import dot
from nnpg.attacks.least_distortion.norms import Norm
from nnpg.attacks.least_distortion.polish import Points
from nnpg.attacks.least_distortion.quasi_newton import QuasiNewton
from nnpg.attacks.least_distortion.results import Outcome
from nnpg.attacks.least_distortion.rows import join, put, take
from nnpg.attacks.objective import Reading, Victim
from nnpg_kernels import Array

STEP = 0.1  # the next step is at most this share of |r| where an outcome is called before the minimum is reached,
CLEAR = 0.3  # and it changes the margin by at most this share
ROUNDS = 1  # of the active set: what one round leaves open, the next step puts right
UNKNOWN = 8.0  # curvature in directions that no pair tells of, as a multiple of that of c |r|
TRIES = 3
LOWER = 30.0  # c of the next try
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
    index, target, lane : arrays (N,), int
        Number of the attack, the class wanted, and the lane in the network's blocks.
    x0, best : arrays (N, m)
        The image, and the least changed success met so far.
    best_size : array (N,)
    at : Place
    step, slope : arrays (N, n), (N,)
        To be tried next, and the slope along it.
    fresh, careful : arrays (N,) of bool
        Nothing is known yet; no outcome is called before the minimum is reached any more.
    tries, steps, evaluations : arrays (N,), int
        Searches that found nothing before this one; steps accepted at this c; passes in all.
    """

    index: Array
    target: Array
    lane: Array
    x0: Array
    best: Array
    best_size: Array
    at: Place
    step: Array
    slope: Array
    newton: QuasiNewton
    search: Search
    fresh: Array
    careful: Array
    tries: Array
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
    """Attacks at once. `board` starts new ones, `advance` gives each one evaluation."""

    def __init__(self, victim: Victim, settings: Settings) -> None:
        self.victim, self.settings = victim, settings
        self.slots: Slots | None = None
        self.empty: Array | None = None  # rows of slots whose attack is over

    def board(self, index: Array, x0: Array, target: Array, lane: Array) -> None:
        """Start attacks, in the rows of those that are over as far as there are any."""
        new = self._slots(index, x0, target, lane)
        if self.slots is None or self.empty is None:
            self.slots = new if self.slots is None else join(self.victim.xp, [self.slots, new])
            return
        n = self.victim.xp.arange(len(index))
        seats = min(len(self.empty), len(index))
        put(self.slots, self.empty[:seats], take(new, n[:seats]))
        self.empty = self.empty[seats:]
        if seats < len(index):
            self.slots = join(self.victim.xp, [self.slots, take(new, n[seats:])])

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
        c = xp.where(outcome[n] == int(Outcome.ALREADY), xp.inf, c)
        at_c = xp.where(located, search.c_ok, search.c)
        points = Points(now.index[n], now.best[n], now.x0[n], now.target[n], now.lane[n], at_c, take(now.newton, n))
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

    def _slots(self, index: Array, x0: Array, target: Array, lane: Array) -> Slots:
        xp, norm, N = self.victim.xp, self.settings.norm, len(index)
        v = norm.start(x0)

        def zeros(dtype: str = "float64") -> Array:
            return xp.zeros(N, dtype)

        place = Place(v, xp.zeros_like(v), zeros(), zeros(), zeros(), zeros(), zeros())
        newton = QuasiNewton.start(xp, N, v.shape[1], self.settings.history, v.dtype)
        search, flags = Search.start(xp, xp.ones(N), xp.ones(N)), (xp.ones(N, bool), xp.zeros(N, bool))
        sizes = xp.full(N, xp.inf)
        step = xp.zeros_like(v)
        counts = zeros("int64"), zeros("int64"), zeros("int64")
        return Slots(index, target, lane, x0, x0.copy(), sizes, place, step, zeros(), newton, search, *flags, *counts)

    def _evaluate(self, now: Slots) -> None:
        """Try the steps, and go where they are accepted."""
        xp, norm, at, c = self.victim.xp, self.settings.norm, now.at, now.search.c
        lower, upper = norm.bounds(now.x0, *self.settings.box)
        v = xp.minimum(xp.maximum(at.v + now.step, lower), upper)
        x = norm.image(v, now.x0, *self.settings.box)
        told: Reading = self.victim.read(x, now.target, now.lane)
        penalty, gradient = norm.penalty(v, now.x0), norm.pull(told.gradient)
        there = Place(v, gradient, told.loss, penalty, told.margin, told.slope, told.leeway)
        now.evaluations += 1
        before, after = c * at.penalty + at.loss, c * penalty + told.loss
        s, y, known = v - at.v, gradient - at.gradient, norm.curvature * c
        accepted = now.newton.learn(xp, s, y, before, after, now.slope, told.leeway, known, ~now.fresh) | now.fresh
        now.steps += accepted & ~now.fresh
        size = norm.size(penalty)
        better = xp.flatnonzero((told.margin > told.leeway) & (size < now.best_size))
        now.best[better], now.best_size[better] = x[better], size[better]
        go = xp.flatnonzero(accepted)
        put(at, go, take(there, go))

    def _gradient(self, at: Place, x0: Array, c: Array) -> Array:
        """Of c |r| + loss."""
        return c.astype(at.v.dtype)[:, None] * self.settings.norm.gradient(at.v, x0) + at.gradient

    def _steer(self, now: Slots) -> tuple[Array, Array]:
        """Plan the next steps; where this c is decided, change c. Return which attacks are over, and their outcome."""
        xp, norm, at, tolerance = self.victim.xp, self.settings.norm, now.at, self.settings.tolerance
        already = now.fresh & (at.margin > at.leeway)
        self._begin(now)
        now.step, now.slope = self._plan(now.newton, at, now.x0, now.search)
        size, success = norm.size(at.penalty), at.margin > at.leeway
        # a small c lets images go far in directions where the model takes the curvature for larger than it is
        strict = xp.where(success | (now.search.c_ok > 0), 1.0, xp.maximum(now.search.typical / now.search.c, 1))
        length = norm.length(now.step) * strict
        exact = length <= tolerance * size
        swing = abs(at.slope * dot(xp, at.gradient, now.step))  # the change of the margin that the step promises
        called = (length <= STEP * size) & (swing <= CLEAR * abs(at.margin))
        called &= (now.steps > 0) & ~now.careful
        solved = (now.newton.rejected == 0) & ~now.fresh & (exact | called)
        near, n = xp.zeros(len(size), bool), xp.flatnonzero(solved & success)
        near[n] = self._near(take(at, n), now.x0[n], tolerance * size[n])
        closed = now.search.closed(xp, success, size, tolerance)
        solved &= exact | ~(near | closed)  # what ends the search must be exact
        # a bracket whose success is far from the boundary, and whose failure was only called
        doubt = solved & closed & success & ~near & ~now.search.sure
        now.careful |= doubt
        now.search.reopen(xp, doubt)
        last = near | (closed & ~doubt)
        stuck = now.newton.rejected >= GIVE_UP  # as low as rounding lets it come
        solved, last = solved | stuck, solved & last
        spent = now.evaluations >= self.settings.evaluations
        lost = now.search.record(xp, solved, success, at.margin, size, exact)
        found = xp.isfinite(now.best_size)
        again = lost & ~found & ~spent & (now.tries + 1 < TRIES)
        outcome = xp.where(found, xp.where(last, int(Outcome.FOUND), int(Outcome.UNSETTLED)), int(Outcome.NOT_FOUND))
        outcome = xp.where(already, int(Outcome.ALREADY), outcome)
        self._go_on(now, solved & ~last)
        now.fresh[:] = False
        self._start_again(now, xp.flatnonzero(again))
        return last | (lost & ~again) | spent | already, outcome

    def _near(self, at: Place, x0: Array, distance: Array) -> Array:
        """Whether the boundary, to first order, is no further than this distance (N,)."""
        return at.margin <= distance * abs(at.slope) * self.settings.norm.steepest(self._free(at, x0))

    def _go_on(self, now: Slots, changed: Array) -> None:
        """Plan again, from where they are, for those whose c changed."""
        xp = self.victim.xp
        now.newton.calm(xp, changed)
        now.steps = now.steps * ~changed
        n = xp.flatnonzero(changed)
        if len(n):
            now.step[n], now.slope[n] = self._plan(take(now.newton, n), take(now.at, n), now.x0[n], take(now.search, n))

    def _start_again(self, now: Slots, n: Array) -> None:
        """Search once more from the image itself, at a smaller c: another way down may lead to the target."""
        if len(n):
            tries, evaluations = now.tries[n] + 1, now.evaluations[n]
            put(now, n, self._slots(now.index[n], now.x0[n], now.target[n], now.lane[n]))
            now.tries[n], now.evaluations[n] = tries, evaluations

    def _begin(self, now: Slots) -> None:
        """Choose the first c of those whose image has just been seen for the first time."""
        xp, norm, n = self.victim.xp, self.settings.norm, self.victim.xp.flatnonzero(now.fresh)
        if len(n) == 0:
            return
        at = take(now.at, n)
        told = xp.isfinite(at.slope)
        steepness = norm.steepest(self._free(at, now.x0[n])) * xp.where(told, abs(at.slope), 1.0)
        gap = xp.where(told, xp.maximum(-at.margin, 0.1), xp.maximum(at.loss, 0.1))
        c = xp.maximum(norm.first_c(steepness, gap), 1e-12)
        put(now.search, n, Search.start(xp, c, c / LOWER ** now.tries[n]))

    def _plan(self, newton: QuasiNewton, at: Place, x0: Array, search: Search) -> tuple[Array, Array]:
        """The next step at these c, and the slope along it."""
        xp, norm = self.victim.xp, self.settings.norm
        lower, upper = norm.bounds(x0, *self.settings.box)
        g, known = self._gradient(at, x0, search.c), norm.curvature * search.c
        most = UNKNOWN * norm.curvature * xp.maximum(search.c, search.typical) if norm.curvature else None
        return newton.step(xp, g, lower - at.v, upper - at.v, known, most, rounds=ROUNDS)

    def _free(self, at: Place, x0: Array) -> Array:
        """The gradient of the loss, 0 where its descent leads out of the box."""
        (lower, upper), g = self.settings.norm.bounds(x0, *self.settings.box), at.gradient
        return g * (((at.v > lower) | (g < 0)) & ((at.v < upper) | (g > 0)))
