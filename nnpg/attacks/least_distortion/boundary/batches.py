"""The search along the boundary for all pending images, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnpg.attacks.least_distortion.boundary.search import BoundaryProblem, Effort, search_boundary
from nnpg.attacks.least_distortion.curvature import dot
from nnpg.attacks.least_distortion.norms import Settings
from nnpg.attacks.least_distortion.partial_results import PENDING, PartialResults
from nnpg.attacks.least_distortion.results import Outcome
from nnpg.attacks.objective import Objective
from nnpg.support.progress import Advance
from nnpg_kernels import Array

COPIES = 6  # of all points of an image that a search holds at its start


def search_pending(
    objective: Objective,
    settings: Settings,
    results: PartialResults,
    x0: Array,
    capacity: int,
    untargeted: bool,
    seed: int,
    effort: Effort,
    advance: Advance,
    save: Callable[[], None],
) -> None:
    """Search what is pending; where nothing is found, it stays pending. `x0` (N, m) are where the network is.

    Untargeted, an image is searched once, away from its own class. The result is that of the subproblem whose target is
    the class that was found, and its other subproblems end as NOT_FOUND, without a pass.
    """
    T, pending = results.targets.shape[1], results.pending
    if untargeted:
        pending = pending[pending % T == 0]
    classes = _own_classes(results, objective.net.K) if untargeted else results.targets
    batch = max(1, capacity * (20 * settings.history + 55) // (COPIES * effort.starts))
    for first in range(0, len(pending), batch):
        p = pending[first : first + batch]
        labels = classes.ravel()[p // T if untargeted else p]
        advance(_search(objective, settings, results, x0, p, labels, untargeted, seed, effort))
        save()


def _own_classes(results: PartialResults, K: int) -> Array:
    """The class (N,) that is not among the targets of an image: all others are."""
    return K * (K - 1) // 2 - results.targets.sum(axis=1)


def _search(
    objective: Objective,
    settings: Settings,
    results: PartialResults,
    placed_x0: Array,
    p: Array,
    labels: Array,
    untargeted: bool,
    seed: int,
    effort: Effort,
) -> int:
    """Search subproblems p; return how many images are then done."""
    k, T, norm = objective.net.backend, results.targets.shape[1], settings.norm
    x0, group = results.x0[p // T], objective.group_of(results.x0[p // T], labels)
    margin = objective.margin(placed_x0[k.asarray(p // T)], k.asarray(labels), group, away=untargeted)
    already = k.to_numpy(margin.value > margin.threshold)
    done = sum(
        _record(results, n, Outcome.ALREADY, x, 0.0, np.inf, 1, int(rival) if untargeted else None)
        for n, x, rival in zip(p[already], x0[already], k.to_numpy(margin.rival)[already], strict=True)
    )
    n = np.flatnonzero(~already)
    if len(n) == 0:
        return done
    x0, labels, group = placed_x0[k.asarray(p[n] // T)], k.asarray(labels[n]), group[n]
    problem = BoundaryProblem.start(objective, x0, labels, group, settings.box, away=untargeted)
    nearest = search_boundary(problem, seed, effort)
    targets = nearest.rival if untargeted else labels
    c = norm.reported(_stationary_c(objective, nearest.x, x0, targets, group), nearest.size)
    sizes, cs, classes = k.to_numpy(k.xp.stack([nearest.size, c, targets.astype(k.xp.float64)]))
    rows = zip(k.to_numpy(nearest.x), sizes, cs, nearest.evaluations, classes, strict=True)
    for subproblem, (x, size, c_of_x, passes, target) in zip(p[n], rows, strict=True):
        if np.isfinite(size):
            rival = int(target) if untargeted else None
            numbers = float(size), float(c_of_x), int(passes) + 2
            done += _record(results, subproblem, Outcome.FOUND, x, *numbers, rival)
    return done


def _stationary_c(objective: Objective, x: Array, x0: Array, targets: Array, group: Array) -> Array:
    """The c for which x comes nearest to a minimiser of c |r|^2 + loss (least |2 c r + dloss/dx|)."""
    xp, r = objective.xp, x - x0
    gradient = objective.evaluate(x, targets, group).gradient
    return -dot(xp, gradient, r) / xp.maximum(2 * dot(xp, r, r), 1e-300)


def _record(
    results: PartialResults, p: int, outcome: Outcome, x: Array, size: float, c: float, passes: int, rival: int | None
) -> bool:
    """Record the outcome of subproblem p; with a rival, of the subproblem of the same image with that target."""
    if rival is None:
        return results.record(p, outcome, x, size, c, passes)
    n, T = p // results.targets.shape[1], results.targets.shape[1]
    done = False
    for t in np.flatnonzero(results.outcome[n] == PENDING).tolist():
        if results.targets[n, t] == rival:
            done |= results.record(n * T + t, outcome, x, size, c, passes)
        else:
            done |= results.record(n * T + t, Outcome.NOT_FOUND, x, np.nan, np.nan, 0)
    return done
