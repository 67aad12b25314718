"""The batched solver: one subproblem, min c |r| + loss in the box, per image and target, each at its own c.

Each iteration evaluates the network once for every subproblem of the working set. Since c |r| is known in closed form,
an evaluation of the loss holds for every c: c changes at no cost, and the curvature pairs, which are of the loss alone,
stay valid. So a subproblem continues from its current iterate when its c changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnpg.attacks.least_distortion.brackets import Brackets
from nnpg.attacks.least_distortion.curvature import dot
from nnpg.attacks.least_distortion.norms import Settings
from nnpg.attacks.least_distortion.polish import Points, Solved
from nnpg.attacks.least_distortion.quasi_newton import QuasiNewton
from nnpg.attacks.least_distortion.results import Outcome
from nnpg.attacks.least_distortion.rows import Rows, choose, join, put, rows_at, take
from nnpg.attacks.objective import Objective
from nnpg_kernels import Array

# The outcome at c is assumed before the minimum is reached where the next step is a small share
SMALL_STEP = 0.1  # of |r|
SMALL_CHANGE = 0.3  # of the margin
ACTIVE_SET_ROUNDS = 1  # the next step corrects what is not settled after one round
UNKNOWN_CURVATURE = 8.0  # in directions that no pair covers, at most; as a multiple of the curvature of c |r|
TRIES = 3
NEXT_TRY = 30.0  # the first c is smaller by this factor in each further try
REJECTIONS = 30  # in a row


@dataclass(eq=False)
class Iterate:
    """The current points of N subproblems, and loss and margin there.

    Parameters
    ----------
    v : array (N, n)
        Variables of the norm.
    gradient : array (N, n)
        d loss / d v.
    loss, penalty, margin, threshold, margin_per_loss : arrays (N,), float64
        See `Evaluation`.
    """

    v: Array
    gradient: Array
    loss: Array
    penalty: Array
    margin: Array
    threshold: Array
    margin_per_loss: Array


@dataclass(eq=False)
class Subproblems:
    """N subproblems, each one image with one target.

    Parameters
    ----------
    index, targets, group : arrays (N,), int
        Number of the subproblem, the target, and the group of positions in the network's blocks; number and group are
        on the host.
    x0, best : arrays (N, m)
        The image, and the success with the smallest |r| so far.
    best_size : array (N,)
        Its |r|.
    current : Iterate
    step, slope : arrays (N, n), (N,)
        The next step, and the slope along it.
    newton : QuasiNewton
    brackets : Brackets
    new, exact_only : arrays (N,) of bool
        Whether nothing was evaluated yet, and whether outcomes count only at the minimum.
    tries, steps, evaluations : arrays (N,), int
        Searches that found nothing before this one; steps accepted at this c; passes in all.
    """

    index: Array
    targets: Array
    group: Array
    x0: Array
    best: Array
    best_size: Array
    current: Iterate
    step: Array
    slope: Array
    newton: QuasiNewton
    brackets: Brackets
    new: Array
    exact_only: Array
    tries: Array
    steps: Array
    evaluations: Array


class Solver:
    """The working set. `add` puts subproblems into it, `iterate` gives each one evaluation."""

    def __init__(self, objective: Objective, settings: Settings) -> None:
        self.objective, self.settings = objective, settings
        self.working: Subproblems | None = None
        self.vacant: Array | None = None  # rows of subproblems that are solved, on the host
        self.any_new = False

    def add(self, index: Array, x0: Array, targets: Array, group: Array) -> None:
        """Start subproblems, in the rows of solved ones as far as there are any; `index` and `group` of the host."""
        new = self._subproblems(index, x0, targets, group)
        self.any_new = True
        if self.working is None or self.vacant is None:
            self.working = new if self.working is None else join(self.objective.xp, [self.working, new])
            return
        reused = min(len(self.vacant), len(index))
        put(self.working, self._rows(self.vacant[:reused]), take(new, slice(reused)))
        self.vacant = self.vacant[reused:]
        if reused < len(index):
            self.working = join(self.objective.xp, [self.working, take(new, slice(reused, None))])

    def iterate(self) -> Solved | None:
        """Do one evaluation for each subproblem; return those that are then solved."""
        xp, working = self.objective.xp, self._without_vacant()
        self._evaluate(working)
        finished, outcomes = self._update_c(working)
        if len(finished) == 0:
            return None
        self.vacant, rows = finished, self._rows(finished)
        brackets, outcome = take(working.brackets, rows), rows.of(outcomes)
        located = brackets.c_low > 0
        c = xp.where(located, self.settings.norm.reported(brackets.c_low, brackets.size_low), xp.nan)
        c = xp.where(outcome == int(Outcome.ALREADY), xp.inf, c)
        at_c = xp.where(located, brackets.c_low, brackets.c)
        index, targets, group = map(rows.of, (working.index, working.targets, working.group))
        best, x0, size, evaluations = map(rows.of, (working.best, working.x0, working.best_size, working.evaluations))
        points = Points(index, best, x0, targets, group, at_c, take(working.newton, rows))
        return Solved(outcome, size, evaluations, c, points)

    def _rows(self, numbers: Array) -> Rows:
        return rows_at(self.objective.net.backend, numbers)

    def _without_vacant(self) -> Subproblems:
        """Return the working set after removing the rows that are still vacant."""
        working = self.working
        assert working is not None
        if self.vacant is not None and len(self.vacant):
            keep = np.ones(len(working.index), bool)
            keep[self.vacant] = False
            self.working = working = take(working, self._rows(np.flatnonzero(keep)))
        self.vacant = None
        return working

    def _subproblems(self, index: Array, x0: Array, targets: Array, group: Array) -> Subproblems:
        xp, norm, N = self.objective.xp, self.settings.norm, len(index)
        v = norm.start(x0)

        def zeros(dtype: str = "float64") -> Array:
            return xp.zeros(N, dtype)

        current = Iterate(v, xp.zeros_like(v), zeros(), zeros(), zeros(), zeros(), zeros())
        newton = QuasiNewton.start(xp, N, v.shape[1], self.settings.history, v.dtype)
        brackets, flags = Brackets.start(xp, xp.ones(N), xp.ones(N)), (xp.ones(N, bool), xp.zeros(N, bool))
        sizes = xp.full(N, xp.inf)
        step = xp.zeros_like(v)
        counts = zeros("int64"), zeros("int64"), zeros("int64")
        state = current, step, zeros(), newton, brackets, *flags, *counts
        return Subproblems(index, targets, group, x0, x0.copy(), sizes, *state)

    def _evaluate(self, working: Subproblems) -> None:
        """Evaluate the steps, and make those that are accepted."""
        xp, norm, current, c = self.objective.xp, self.settings.norm, working.current, working.brackets.c
        low, high = self.settings.box.around(xp, working.x0)
        lower, upper = norm.bounds(working.x0, low, high)
        v = xp.minimum(xp.maximum(current.v + working.step, lower), upper)
        x = norm.image(v, working.x0, low, high)
        evaluation = self.objective.evaluate(x, working.targets, working.group)
        penalty, gradient = norm.penalty(v, working.x0), norm.pullback(evaluation.gradient)
        margin, threshold = evaluation.margin, evaluation.threshold
        trial = Iterate(v, gradient, evaluation.loss, penalty, margin, threshold, evaluation.margin_per_loss)
        working.evaluations += 1
        before, after = c * current.penalty + current.loss, c * penalty + evaluation.loss
        s, y, curvature = v - current.v, gradient - current.gradient, norm.curvature * c
        values, positive = (before, after, working.slope, threshold), norm.curvature > 0
        accepted = working.newton.update(xp, s, y, *values, curvature, ~working.new, positive=positive)
        accepted |= working.new
        working.steps += accepted & ~working.new
        size = norm.size(penalty)
        better, moved = choose(xp, (margin > threshold) & (size < working.best_size)), choose(xp, accepted)
        better.put(working.best, better.of(x))
        better.put(working.best_size, better.of(size))
        put(current, moved, take(trial, moved))

    def _update_c(self, working: Subproblems) -> tuple[Array, Array]:
        """Plan the next steps, and change c where its minimum is known; return the rows that end, and the outcomes.

        This is where the host waits for the device, once: for what ends, what starts again, and what is planned again.
        """
        xp, norm, current, tolerance = self.objective.xp, self.settings.norm, working.current, self.settings.tolerance
        already = working.new & (current.margin > current.threshold)
        self._choose_first_c(working)
        c, expected = working.brackets.c, working.brackets.expected
        working.step, working.slope = self._plan(working.newton, current.v, current.gradient, working.x0, c, expected)
        size, success = norm.size(current.penalty), current.margin > current.threshold
        # at a small c the model may overestimate the curvature, and its steps are too short
        brackets = working.brackets
        factor = xp.where(success | (brackets.c_low > 0), 1.0, xp.maximum(brackets.expected / brackets.c, 1))
        length = norm.length(working.step) * factor
        exact = length <= tolerance * size
        margin_change = abs(current.margin_per_loss * dot(xp, current.gradient, working.step))  # that the step promises
        assumed = (length <= SMALL_STEP * size) & (margin_change <= SMALL_CHANGE * abs(current.margin))
        assumed &= (working.steps > 0) & ~working.exact_only
        solved = (working.newton.rejected == 0) & ~working.new & (exact | assumed)
        at_boundary, judged = xp.zeros(len(size), bool), choose(xp, solved & success)
        if not judged.none:
            near = self._is_at_boundary(take(current, judged), judged.of(working.x0), tolerance * judged.of(size))
            judged.put(at_boundary, near)
        converged = brackets.converged(xp, success, size, tolerance)
        solved &= exact | ~(at_boundary | converged)  # what ends the search must be at the minimum
        # a bracket whose success is far from the boundary, and whose failure was only assumed
        doubtful = solved & converged & success & ~at_boundary & ~brackets.exact_high
        working.exact_only |= doubtful
        brackets.drop_failures(xp, doubtful)
        last = at_boundary | (converged & ~doubtful)
        rejected_too_often = working.newton.rejected >= REJECTIONS  # rounding allows no lower value
        solved, last = solved | rejected_too_often, solved & last
        no_evaluations_left = working.evaluations >= self.settings.evaluations
        too_far = brackets.update(xp, solved, success, current.margin, size, exact)
        succeeded = xp.isfinite(working.best_size)
        repeated = too_far & ~succeeded & ~no_evaluations_left & (working.tries + 1 < TRIES)
        outcome = xp.where(
            succeeded, xp.where(last, int(Outcome.FOUND), int(Outcome.UNSETTLED)), int(Outcome.NOT_FOUND)
        )
        outcome = xp.where(already, int(Outcome.ALREADY), outcome)
        changed, ended = solved & ~last, last | (too_far & ~repeated) | no_evaluations_left | already
        ends, again, planned = self.objective.net.backend.to_numpy(xp.stack([ended, repeated, changed]))
        working.newton.reset_damping(xp, changed)
        working.steps = working.steps * ~changed
        self._plan_again(working, np.flatnonzero(planned))
        working.new[:] = self.any_new = False
        self._start_again(working, np.flatnonzero(again))
        return np.flatnonzero(ends), outcome

    def _is_at_boundary(self, current: Iterate, x0: Array, distance: Array) -> Array:
        """Return where the boundary, to first order, is no further than this distance (N,)."""
        steepness = self.settings.norm.dual(self._free_gradient(current, x0))
        return current.margin <= distance * abs(current.margin_per_loss) * steepness

    def _plan_again(self, working: Subproblems, changed: Array) -> None:
        """Plan the next step again, from the current iterate, of the rows where c changed."""
        if len(changed):
            rows = self._rows(changed)
            current, brackets = working.current, working.brackets
            arrays = (current.v, current.gradient, working.x0, brackets.c, brackets.expected)
            step, slope = self._plan(take(working.newton, rows), *map(rows.of, arrays))
            rows.put(working.step, step)
            rows.put(working.slope, slope)

    def _start_again(self, working: Subproblems, repeated: Array) -> None:
        """Search once more from the image itself, at a smaller c, which may lead to another minimum."""
        if len(repeated):
            rows, self.any_new = self._rows(repeated), True
            new = self._subproblems(*map(rows.of, (working.index, working.x0, working.targets, working.group)))
            new.tries, new.evaluations = rows.of(working.tries) + 1, rows.of(working.evaluations)
            put(working, rows, new)

    def _choose_first_c(self, working: Subproblems) -> None:
        """Choose the first c of the subproblems whose image has just been evaluated for the first time."""
        if not self.any_new:
            return
        xp, norm = self.objective.xp, self.settings.norm
        new = choose(xp, working.new)
        current = take(working.current, new)
        known = xp.isfinite(current.margin_per_loss)
        steepness = norm.dual(self._free_gradient(current, new.of(working.x0)))
        steepness = steepness * xp.where(known, abs(current.margin_per_loss), 1.0)
        gap = xp.where(known, xp.maximum(-current.margin, 0.1), xp.maximum(current.loss, 0.1))
        c = xp.maximum(norm.first_c(steepness, gap), 1e-12)
        put(working.brackets, new, Brackets.start(xp, c, c / NEXT_TRY ** new.of(working.tries)))

    def _plan(
        self, newton: QuasiNewton, v: Array, gradient: Array, x0: Array, c: Array, expected: Array
    ) -> tuple[Array, Array]:
        """Return the next step at these c, and the slope along it; `gradient` is that of the loss."""
        xp, norm = self.objective.xp, self.settings.norm
        lower, upper = norm.bounds(x0, *self.settings.box.around(xp, x0))
        g = c.astype(v.dtype)[:, None] * norm.gradient(v, x0) + gradient  # of c |r| + loss
        unknown = UNKNOWN_CURVATURE * norm.curvature * xp.maximum(c, expected) if norm.curvature else None
        return newton.step(xp, g, lower - v, upper - v, norm.curvature * c, unknown, rounds=ACTIVE_SET_ROUNDS)

    def _free_gradient(self, current: Iterate, x0: Array) -> Array:
        """The gradient of the loss, 0 where its descent leads out of the box."""
        limits = self.settings.box.around(self.objective.xp, x0)
        (lower, upper), g = self.settings.norm.bounds(x0, *limits), current.gradient
        return g * (((current.v > lower) | (g < 0)) & ((current.v < upper) | (g > 0)))
