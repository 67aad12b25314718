"""The least change of an image by a search along the decision boundary, for networks with kinks.

    min |r|_2   such that   lead(x0 + r) >= 0,   x0 + r in the box

The lead is the target's score minus the largest other score; untargeted, the largest other score minus that of the
image's own class. With ReLU and pooling it is linear in pieces, and at the minimum several pieces meet: r is a multiple
of a mean of their gradients, and none of them alone leads there. So a descent steps along a running mean g of the
gradients that it has met (as in the dual averaging of Nesterov 2009), each time to the nearest point of the hyperplane

    x <- argmin |y - x0|   such that   lead(x) + g'(y - x) >= aim,   y in the box,   so   y = clip(x0 + lambda g).

There are many local minima. Each image starts descents from many random points around it. After a few steps their order
is nearly that of their ends, so only the best go on. Then the best points found are thrown off and descend again, round
after round, and in the end the last two descend with a longer mean.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.attacks.least_distortion.curvature import dot
from nnpg.attacks.least_distortion.rows import join, put, take
from nnpg.attacks.objective import Lead, Victim
from nnpg.layers import MaxPool, ReLU, Step
from nnpg.network import Network
from nnpg_kernels import Array

FIRST = 12  # steps from the image itself, which say how far the boundary is
CLASSES = 9  # the likeliest others; straight towards each of them,
STRAIGHT = 20  # steps
STARTS = 48  # random points around the image, at these multiples of that distance in turn,
FAR = (2.0, 4.0, 8.0)
RACE = ((10, 8), (10, 4), (10, 2))  # (steps, how many of them go on)
ROUNDS = 14  # in each, every point kept is thrown off THROWS times, by these multiples of |r|, round by round
THROWS = 3
THROWN = (2.0, 4.0)
SECOND_RACE = ((8, 1), (25, 1))
KEPT = RACE[-1][1]
PATIENCE = 5  # rounds in a row without a gain, after which an image has no more of them
GAIN = 1e-4  # of |r|
LAST = 80  # steps in the end
ROWS = 128  # points that take their steps together: what they need stays in the cache
SOLVE = 5  # Newton steps for lambda at the start of a descent, where it is not known; later one each time


@dataclass(eq=False)
class Descents:
    """M descents at the same step.

    Parameters
    ----------
    image : array (M,), int
        Which image, in the rows of what is searched.
    x, mean : arrays (M, m)
        Where they are, and the running mean of the gradients.
    pull : array (M,)
        lambda.
    best, size, rival : arrays (M, m), (M,), (M,)
        The least changed success so far, its |r| (infinite for none), and the largest score there but that of `label`.
    """

    image: Array
    x: Array
    mean: Array
    pull: Array
    best: Array
    size: Array
    rival: Array


@dataclass(frozen=True, eq=False)
class Searched:
    """What was found for N images.

    Parameters
    ----------
    x : array (N, m)
    size : array (N,)
        |r|_2; infinite where nothing was found.
    rival : array (N,)
        The largest score but that of the class named.
    evaluations : array (N,)
        Passes forward and back.
    """

    x: Array
    size: Array
    rival: Array
    evaluations: Array


@dataclass(frozen=True, eq=False)
class Sides:
    """What is searched: images x0 (N, m), a class of each (N,) to get away from, or to reach, and their lanes (N,)."""

    victim: Victim
    x0: Array
    label: Array
    lane: Array
    away: bool
    box: tuple[float, float]
    passes: Array  # (N,), of each image so far

    def read(self, x: Array, image: Array) -> Lead:
        """Return the leads at points of these images, and count them."""
        self.passes[:] += self.victim.xp.bincount(image, minlength=len(self.passes))
        return self.victim.lead(x, self.label[image], self.lane[image], away=self.away)


def sides_of(victim: Victim, x0: Array, label: Array, lane: Array, box: tuple[float, float], *, away: bool) -> Sides:
    """Return what is to be searched, before the first pass."""
    return Sides(victim, x0, label, lane, away, box, victim.xp.zeros(len(x0), victim.xp.int64))


def has_kinks(net: Network) -> bool:
    """Return whether a network is only piecewise smooth: ReLU, Step or MaxPool."""
    return any(isinstance(layer, ReLU | MaxPool | Step) for layer in net.layers.values())


def search(sides: Sides, seed: int) -> Searched:
    """Return the least changed images that were found; each from its own pixels, its class and the seed alone."""
    xp, N = sides.victim.xp, len(sides.x0)
    draws = _generators(sides, seed)
    images = xp.arange(N)
    first = _descend(sides, _at(xp, images, sides.x0), FIRST)
    low, high = sides.box
    distance = xp.where(xp.isfinite(first.size), first.size, 0.1 * (high - low) * sides.x0.shape[1] ** 0.5)
    multiples = np.resize(FAR, STARTS)
    kept = _race(sides, _thrown(sides, draws, images, sides.x0, distance, multiples), RACE)
    straight = [first, _towards(sides, images)] if sides.away else [first]
    kept = _best(xp, join(xp, [kept, *straight]), KEPT)
    stale = xp.zeros(N, xp.int64)
    for number in range(ROUNDS):
        going = xp.flatnonzero(stale < PATIENCE)
        if len(going) == 0:
            break
        rows = (going[:, None] * KEPT + xp.arange(KEPT)).ravel()
        before = take(kept, rows)
        after = _best(xp, join(xp, [before, _round(sides, draws, before, distance, number)]), KEPT)
        put(kept, rows, after)
        better = after.size[::KEPT] < (1 - GAIN) * before.size[::KEPT]
        stale[going] = xp.where(better, 0, stale[going] + 1)
    last = _descend(sides, _at(xp, kept.image, kept.best), LAST, longer=True)
    found = _best(xp, join(xp, [kept, last]), 1)
    return Searched(found.best, found.size, found.rival, sides.passes)


def _generators(sides: Sides, seed: int) -> list[np.random.Generator]:
    """One for each image, from its pixels, its class and the seed."""
    to_numpy = sides.victim.net.backend.to_numpy
    pairs = zip(to_numpy(sides.x0), to_numpy(sides.label), strict=True)
    return [np.random.default_rng([seed, zlib.crc32(x.tobytes()), int(t), int(sides.away)]) for x, t in pairs]


def _round(sides: Sides, draws: list[np.random.Generator], kept: Descents, distance: Array, number: int) -> Descents:
    """Throw the points that were kept off, and return the best descent from each."""
    xp = sides.victim.xp
    size = xp.where(xp.isfinite(kept.size), kept.size, distance[kept.image])
    multiples = np.full(THROWS, THROWN[number % len(THROWN)])
    again = _thrown(sides, draws, kept.image, kept.best, size, multiples)
    again.image = xp.arange(len(kept.image)).repeat(THROWS)  # race those thrown off the same point
    return _race(sides, again, SECOND_RACE, kept.image)


def _towards(sides: Sides, images: Array) -> Descents:
    """Descents from the images themselves, each towards one of the likeliest other classes."""
    xp, R = sides.victim.xp, min(CLASSES, sides.victim.net.K - 1)
    _, rivals = sides.victim.read_rivals(sides.x0, sides.label, sides.lane, R)
    each = images.repeat(R)
    one_by_one = sides_of(sides.victim, sides.x0[each], rivals.classes.ravel(), sides.lane[each], sides.box, away=False)
    found = _descend(one_by_one, _at(xp, xp.arange(len(each)), one_by_one.x0), STRAIGHT)
    sides.passes[:] += 1 + R + one_by_one.passes.reshape(-1, R).sum(axis=1)
    found.rival = one_by_one.label
    found.image = each
    return found


def _at(xp: ModuleType, image: Array, x: Array) -> Descents:
    """Descents that begin at these points."""
    M = len(image)
    nothing = xp.full(M, xp.inf), xp.zeros(M, xp.int64)
    return Descents(image, x.copy(), xp.zeros_like(x), xp.zeros(M), x.copy(), *nothing)


def _thrown(
    sides: Sides,
    draws: list[np.random.Generator],
    image: Array,
    x: Array,
    size: Array,
    multiples: npt.NDArray[np.float64],
) -> Descents:
    """Descents that begin at random points around each of x (M, m): `multiples` of `size` (M,) away, in the box."""
    xp, k, m = sides.victim.xp, sides.victim.net.backend, x.shape[1]
    kind = np.float32 if x.dtype == np.float32 else np.float64
    drawn = [draws[n].standard_normal((len(multiples), m), kind) for n in k.to_numpy(image).tolist()]
    far = (size[:, None] * k.asarray(multiples) / m**0.5).astype(x.dtype)  # (M, T)
    points = x[:, None] + far[:, :, None] * k.asarray(np.stack(drawn))  # (M, T, m)
    points = xp.minimum(xp.maximum(points, sides.box[0]), sides.box[1])
    return _at(xp, image.repeat(len(multiples)), points.reshape(-1, m))


def _race(
    sides: Sides, all_of_them: Descents, stages: tuple[tuple[int, int], ...], images: Array | None = None
) -> Descents:
    """Take steps, keep the best of each group, and so on; a group's image is `images[group]` where these are given."""
    xp, step, now = sides.victim.xp, 0, all_of_them
    for steps, keep in stages:
        group = now.image
        if images is not None:
            now.image = images[group]
        now = _descend(sides, now, steps, step)
        now.image = group
        now, step = _best(xp, now, keep), step + steps
    if images is not None:
        now.image = images[now.image]
    return now


def _best(xp: ModuleType, all_of_them: Descents, keep: int) -> Descents:
    """The `keep` best descents of each image, the first of equals; images in order, each with as many descents."""
    order = xp.lexsort(xp.stack([all_of_them.size, all_of_them.image]))
    each = len(order) // len(xp.unique(all_of_them.image))
    return take(all_of_them, order.reshape(-1, each)[:, :keep].ravel())


def _descend(sides: Sides, all_of_them: Descents, steps: int, first: int = 0, *, longer: bool = False) -> Descents:
    """Take `steps` more steps after the `first`; some descents at a time, which do not feel each other."""
    xp, M = sides.victim.xp, len(all_of_them.image)
    rows = max(ROWS, 2 * sides.victim.block)
    parts = [take(all_of_them, xp.arange(n, min(n + rows, M))) for n in range(0, M, rows)]
    for now in parts:
        x0 = sides.x0[now.image]
        for step in range(first, first + steps):
            told = sides.read(now.x, now.image)
            _remember(xp, now, x0, told)
            share = 1.0 if step == 0 else 1 / (10 + step) if longer else 1 / (2 + step / 2)
            now.mean += now.x.dtype.type(share) * (told.gradient - now.mean)
            _go_on(xp, now, x0, told, sides.box, SOLVE if step == 0 else 1)
    return parts[0] if len(parts) == 1 else join(xp, parts)


def _remember(xp: ModuleType, now: Descents, x0: Array, told: Lead) -> None:
    """Keep what is a success and less changed than all before."""
    r = now.x - x0
    size = xp.sqrt(dot(xp, r, r))
    n = xp.flatnonzero((told.margin > told.leeway) & (size < now.size))
    put(now, n, Descents(now.image[n], now.x[n], now.mean[n], now.pull[n], now.x[n], size[n], told.rival[n]))


def _go_on(xp: ModuleType, now: Descents, x0: Array, told: Lead, box: tuple[float, float], solve: int) -> None:
    """Go to the nearest point of the hyperplane, by Newton steps for lambda: what is clipped is out of the sum."""
    g = now.mean
    need = 2 * told.leeway - told.margin + _dot(xp, g, now.x)  # g'y is to reach it
    least = 1e-12 * _dot(xp, g, g)
    for _ in range(solve):
        y = _point(xp, now, x0)
        inside = xp.minimum(xp.maximum(y, box[0]), box[1])
        slope = _dot(xp, g * (y == inside), g)
        change = (need - _dot(xp, g, inside)) / xp.where(slope > least, slope, xp.inf)
        now.pull = xp.maximum(now.pull + change, 0)
    now.x = xp.minimum(xp.maximum(_point(xp, now, x0), box[0]), box[1])


def _point(xp: ModuleType, now: Descents, x0: Array) -> Array:
    return x0 + now.pull.astype(x0.dtype)[:, None] * now.mean


def _dot(xp: ModuleType, a: Array, b: Array) -> Any:
    """Inner product of each row, summed in the type of a: it only steers."""
    return xp.einsum("nd,nd->n", a, b).astype(xp.float64)
