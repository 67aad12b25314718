"""The search along the boundary for the images of a tally, some at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nnpg.attacks.least_distortion.boundary import STARTS, search, sides_of
from nnpg.attacks.least_distortion.curvature import dot
from nnpg.attacks.least_distortion.partial_results import PENDING, Tally
from nnpg.attacks.least_distortion.results import Outcome
from nnpg.attacks.least_distortion.solver import Settings
from nnpg.attacks.objective import Victim
from nnpg.support.progress import Advance
from nnpg_kernels import Array

COPIES = 6  # of all points of an image that a search holds at its start


def search_from_sides(
    victim: Victim,
    settings: Settings,
    tally: Tally,
    capacity: int,
    untargeted: bool,
    seed: int,
    advance: Advance,
    save: Callable[[], None],
) -> None:
    """Search what is pending; what nothing is found for stays pending.

    Untargeted, an image is searched once, away from its own class: of its attacks the one on the class that was met
    gets the result, and the others end as NOT_FOUND, without a pass.
    """
    T = tally.targets.shape[1]
    pending = tally.pending
    if untargeted:
        pending = pending[pending % T == 0]
    own = _own_classes(tally, victim.net.K) if untargeted else tally.targets
    some = max(1, capacity * (20 * settings.history + 55) // (COPIES * STARTS))
    for first in range(0, len(pending), some):
        p = pending[first : first + some]
        advance(_search(victim, settings, tally, p, own.ravel()[p // T if untargeted else p], untargeted, seed))
        save()


def _own_classes(tally: Tally, K: int) -> Array:
    """The class (N,) that is not among the targets of an image: all others are."""
    return K * (K - 1) // 2 - tally.targets.sum(axis=1)


def _search(
    victim: Victim, settings: Settings, tally: Tally, p: Array, label: Array, untargeted: bool, seed: int
) -> int:
    """Search the attacks p; return how many images are done by it."""
    k, T, norm = victim.net.backend, tally.targets.shape[1], settings.norm
    x0, lane = tally.x0[p // T], victim.lanes(tally.x0[p // T], label)
    here = k.asarray(x0), k.asarray(label), k.asarray(lane)
    at_first = victim.lead(*here, away=untargeted)
    already = k.to_numpy(at_first.margin > at_first.leeway)
    done = sum(
        _enter(tally, n, Outcome.ALREADY, x, 0.0, np.inf, 1, int(rival) if untargeted else None)
        for n, x, rival in zip(p[already], x0[already], k.to_numpy(at_first.rival)[already], strict=True)
    )
    n = np.flatnonzero(~already)
    if len(n) == 0:
        return done
    here = k.asarray(x0[n]), k.asarray(label[n]), k.asarray(lane[n])
    found = search(sides_of(victim, *here, settings.box, away=untargeted), seed)
    target = found.rival if untargeted else here[1]
    c = _price(victim, found.x, here[0], target, here[2])
    c = norm.reported(c, found.size)
    rows = zip(*map(k.to_numpy, (found.x, found.size, c, found.evaluations, target)), strict=True)
    for attack, (x, size, price, passes, reached) in zip(p[n], rows, strict=True):
        if np.isfinite(size):
            met = int(reached) if untargeted else None
            done += _enter(tally, attack, Outcome.FOUND, x, float(size), float(price), int(passes) + 2, met)
    return done


def _price(victim: Victim, x: Array, x0: Array, target: Array, lane: Array) -> Array:
    """The c for which each x comes nearest to a minimiser of c |r|^2 + loss: that with the least |2 c r + dloss/dx|."""
    xp, r = victim.xp, x - x0
    told = victim.read(x, target, lane)
    return -dot(xp, told.gradient, r) / xp.maximum(2 * dot(xp, r, r), 1e-300)


def _enter(
    tally: Tally, p: int, outcome: Outcome, x: Array, size: float, c: float, passes: int, met: int | None
) -> bool:
    """Enter the outcome of attack p; where a class was met, of the attack on this image that has it for its target."""
    if met is None:
        return tally.record(p, outcome, x, size, c, passes)
    n, T = p // tally.targets.shape[1], tally.targets.shape[1]
    done = False
    for t in np.flatnonzero(tally.outcome[n] == PENDING).tolist():
        if tally.targets[n, t] == met:
            done |= tally.record(n * T + t, outcome, x, size, c, passes)
        else:
            done |= tally.record(n * T + t, Outcome.NOT_FOUND, x, np.nan, np.nan, 0)
    return done
