"""The least distortion by a search along the decision boundary, for networks with kinks.

    min |r|_2   such that   margin(x0 + r) >= 0,   x0 + r in the box

The margin is the target's score minus the largest other score; untargeted, the largest other score minus that of the
image's own class; minus kappa in both. With epsilon the box of an image is the part where |r_i| <= epsilon. With ReLU
and pooling the margin is piecewise linear, and at the minimum several pieces meet: r is a multiple of a mean of their
gradients, and no single gradient leads there. So a descent uses a running mean g of the gradients at its points (as in
the dual averaging of Nesterov 2009), and each step goes to the nearest point of the hyperplane

    x <- argmin |y - x0|   such that   margin(x) + g'(y - x) >= aim,   y in the box,   so   y = clip(x0 + lambda g).

There are many local minima, so the search is a multi-start one. Descents start from many random points around an image.
After a few steps their order is nearly that of their ends, so only the best continue (successive halving). Then the
best points are perturbed and descend again, round after round, and in the end the last two use a longer mean.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from types import ModuleType
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.attacks.least_distortion.boundary.steps import Descents, step_of
from nnpg.attacks.least_distortion.norms import Box
from nnpg.attacks.least_distortion.rows import Rows, join, put, rows_at, take
from nnpg.attacks.objective import Objective
from nnpg.layers import MaxPool, ReLU, Step
from nnpg.network import Network
from nnpg_kernels import Array

FIRST_STEPS = 12  # of the descent from the image itself, which estimates the distance of the boundary
START_DISTANCES = (2.0, 4.0, 8.0)  # multiples of the distance, in turn, at which random points lie around the image
PERTURBED = 3  # descents from each of the best points in a round
PERTURBATIONS = (2.0, 4.0)  # multiples of |r|, one per round in turn
LATER_HALVING = ((8, 1), (25, 1))
PATIENCE = 5  # rounds in a row without a gain, after which the search for an image ends
GAIN = 1e-4  # of |r|
BATCH = 128  # descents at a time: what they need stays in the cache
NEWTON_STEPS = 5  # for lambda at the start of a descent, where it is not known; later one

EffortName = Literal["thorough", "quick", "rough"]


class Effort(NamedTuple):
    """How long a search goes on.

    Parameters
    ----------
    starts : int
        Random points around an image.
    first_halving : tuple of (int, int)
        Steps of the descents from these, and how many of them then continue.
    rival_classes, rival_steps : int
        How many classes, those with the largest scores, have a descent towards them from the image; its steps.
    rounds : int
        Of perturbations, at most.
    last_steps : int
        Of the last descent.
    """

    starts: int
    first_halving: tuple[tuple[int, int], ...]
    rival_classes: int
    rival_steps: int
    rounds: int
    last_steps: int

    @property
    def kept(self) -> int:
        """Points of an image after the first halving."""
        return self.first_halving[-1][1]


EFFORTS: dict[EffortName, Effort] = {
    "thorough": Effort(48, ((10, 8), (10, 4), (10, 2)), 9, 20, 14, 80),
    "quick": Effort(12, ((10, 4), (10, 2)), 9, 20, 0, 20),
    "rough": Effort(6, ((10, 1),), 5, 15, 0, 40),
}


@dataclass(frozen=True, eq=False)
class NearestPoints:
    """The nearest points that were found for N images.

    Parameters
    ----------
    x : array (N, m)
    size : array (N,)
        |r|_2; infinite where nothing was found.
    rival : array (N,)
        The class with the largest score but that of `labels`.
    evaluations : array (N,), on the host
        Passes forward and back.
    """

    x: Array
    size: Array
    rival: Array
    evaluations: Array


@dataclass(frozen=True, eq=False)
class BoundaryProblem:
    """Images x0 (N, m), a class of each (N,) to reach, or to leave where `away` is set, and their groups (N,).

    Groups and passes are on the host.
    """

    objective: Objective
    x0: Array
    labels: Array
    group: Array
    away: bool
    box: Box
    passes: npt.NDArray[np.int64]  # (N,), of each image so far

    @staticmethod
    def start(objective: Objective, x0: Array, labels: Array, group: Array, box: Box, *, away: bool) -> BoundaryProblem:
        """Return the problem before the first pass."""
        return BoundaryProblem(objective, x0, labels, group, away, box, np.zeros(len(x0), np.int64))

    def rows(self, numbers: npt.NDArray[np.int64]) -> Rows:
        """Return rows by their numbers."""
        return rows_at(self.objective.net.backend, numbers)


def has_kinks(net: Network) -> bool:
    """Return whether a network is only piecewise smooth: ReLU, Step or MaxPool."""
    return any(isinstance(layer, ReLU | MaxPool | Step) for layer in net.layers.values())


def search_boundary(problem: BoundaryProblem, seed: int, effort: Effort) -> NearestPoints:
    """Return the nearest points found; for each image they depend on its pixels, its class and the seed alone."""
    xp, to_numpy, N = problem.objective.xp, problem.objective.net.backend.to_numpy, len(problem.x0)
    generators = _generators(problem, seed)
    images, kept = np.arange(N), effort.kept
    first = _descend(problem, _descents_from(xp, images, problem.x0), FIRST_STEPS)
    span = problem.box.high - problem.box.low
    distance = xp.where(xp.isfinite(first.size), first.size, 0.1 * span * problem.x0.shape[1] ** 0.5)
    multiples = np.resize(START_DISTANCES, effort.starts)
    around = _perturbed(problem, generators, images, problem.x0, distance, multiples)
    best = _halve(problem, around, effort.first_halving)
    others = [first, _towards_rivals(problem, images, effort)] if problem.away else [first]
    best = _best(problem, join(xp, [best, *others]), kept)
    without_gain = np.zeros(N, np.int64)
    for number in range(effort.rounds):
        going = np.flatnonzero(without_gain < PATIENCE)
        if len(going) == 0:
            break
        rows = problem.rows((going[:, None] * kept + np.arange(kept)).ravel())
        before = take(best, rows)
        after = _best(problem, join(xp, [before, _round(problem, generators, before, distance, number)]), kept)
        put(best, rows, after)
        better = to_numpy(after.size[::kept] < (1 - GAIN) * before.size[::kept])  # here the host waits, once a round
        without_gain[going] = np.where(better, 0, without_gain[going] + 1)
    last = _descend(problem, _descents_from(xp, best.image, best.best), effort.last_steps, longer=True)
    nearest = _best(problem, join(xp, [best, last]), 1)
    return NearestPoints(nearest.best, nearest.size, nearest.rival, problem.passes)


def _generators(problem: BoundaryProblem, seed: int) -> list[np.random.Generator]:
    """One generator per image, from its pixels, its class and the seed."""
    to_numpy = problem.objective.net.backend.to_numpy
    pairs = zip(to_numpy(problem.x0), to_numpy(problem.labels), strict=True)
    return [np.random.default_rng([seed, zlib.crc32(x.tobytes()), int(t), int(problem.away)]) for x, t in pairs]


def _round(
    problem: BoundaryProblem, generators: list[np.random.Generator], best: Descents, distance: Array, number: int
) -> Descents:
    """Perturb the best points, and return the best descent from each."""
    xp = problem.objective.xp
    size = xp.where(xp.isfinite(best.size), best.size, problem.rows(best.image).of(distance))
    multiples = np.full(PERTURBED, PERTURBATIONS[number % len(PERTURBATIONS)])
    descents = _perturbed(problem, generators, best.image, best.best, size, multiples)
    descents.image = np.arange(len(best.image)).repeat(PERTURBED)  # compare those from the same point
    return _halve(problem, descents, LATER_HALVING, best.image)


def _towards_rivals(problem: BoundaryProblem, images: Array, effort: Effort) -> Descents:
    """Descents from the images themselves, each towards one of the other classes with the largest scores."""
    xp, R = problem.objective.xp, min(effort.rival_classes, problem.objective.net.K - 1)
    _, rivals = problem.objective.evaluate_rivals(problem.x0, problem.labels, problem.group, R)
    image = images.repeat(R)
    x0, targets, group = problem.rows(image).of(problem.x0), rivals.classes.ravel(), problem.group[image]
    targeted = BoundaryProblem.start(problem.objective, x0, targets, group, problem.box, away=False)
    descents = _descend(targeted, _descents_from(xp, np.arange(len(image)), targeted.x0), effort.rival_steps)
    problem.passes[:] += 1 + R + targeted.passes.reshape(-1, R).sum(axis=1)
    descents.rival = targeted.labels
    descents.image = image
    return descents


def _descents_from(xp: ModuleType, image: Array, x: Array) -> Descents:
    """Descents that start at these points."""
    M = len(image)
    size, rival = xp.full(M, xp.inf), xp.zeros(M, xp.int64)
    return Descents(image, x.copy(), xp.zeros_like(x), xp.zeros(M), x.copy(), size, rival)


def _perturbed(
    problem: BoundaryProblem,
    generators: list[np.random.Generator],
    image: Array,
    x: Array,
    size: Array,
    multiples: npt.NDArray[np.float64],
) -> Descents:
    """Descents that start at random points around each of x (M, m): `multiples` of `size` (M,) away, in the box."""
    xp, k, m = problem.objective.xp, problem.objective.net.backend, x.shape[1]
    dtype = np.float32 if x.dtype == np.float32 else np.float64
    drawn = [generators[n].standard_normal((len(multiples), m), dtype) for n in image.tolist()]
    distances = (size[:, None] * k.asarray(multiples) / m**0.5).astype(x.dtype)  # (M, T)
    points = x[:, None] + distances[:, :, None] * k.asarray(np.stack(drawn))  # (M, T, m)
    rows = image.repeat(len(multiples))
    low, high = problem.box.around(xp, problem.x0 if problem.box.epsilon is None else problem.rows(rows).of(problem.x0))
    return _descents_from(xp, rows, xp.minimum(xp.maximum(points.reshape(-1, m), low), high))


def _halve(
    problem: BoundaryProblem, descents: Descents, stages: tuple[tuple[int, int], ...], images: Array | None = None
) -> Descents:
    """Keep the best descents of each image, stage by stage; with `images` those of each number n, on `images[n]`."""
    step = 0
    for steps, keep in stages:
        compared = descents.image
        if images is not None:
            descents.image = images[compared]
        descents = _descend(problem, descents, steps, step)
        descents.image = compared
        descents, step = _best(problem, descents, keep), step + steps
    if images is not None:
        descents.image = images[descents.image]
    return descents


def _best(problem: BoundaryProblem, descents: Descents, keep: int) -> Descents:
    """The `keep` best descents per image, of equal ones the first; images in order, with equal numbers of descents."""
    by_image, xp = np.argsort(descents.image, kind="stable"), problem.objective.xp  # images on the host, sizes not
    image = descents.image[by_image].reshape(len(np.unique(descents.image)), -1)
    rows = problem.rows(by_image.reshape(image.shape)).placed
    order = xp.argsort(descents.size[rows], axis=1, kind="stable")[:, :keep]
    best = xp.take_along_axis(rows, order, axis=1).ravel()
    parts = (descents.x, descents.mean, descents.multiplier, descents.best, descents.size, descents.rival)
    return Descents(image[:, :keep].ravel(), *(a[best] for a in parts))


def _descend(
    problem: BoundaryProblem, descents: Descents, steps: int, first: int = 0, *, longer: bool = False
) -> Descents:
    """Make `steps` further steps after the `first`; a batch at a time, which does not change the results.

    The descents that are given change too.
    """
    xp, M = problem.objective.xp, len(descents.image)
    rows = max(BATCH, 2 * problem.objective.block)
    parts, one_step = [take(descents, slice(n, n + rows)) for n in range(0, M, rows)], step_of(problem.objective.net)
    problem.passes[:] += steps * np.bincount(descents.image, minlength=len(problem.passes))
    for part in parts:
        images = problem.rows(part.image)
        x0, labels, group = map(images.of, (problem.x0, problem.labels, problem.group))
        for step in range(first, first + steps):
            margin = problem.objective.margin(part.x, labels, group, away=problem.away)
            share = 1.0 if step == 0 else 1 / (10 + step) if longer else 1 / (2 + step / 2)
            one_step(part, x0, margin, problem.box, share, NEWTON_STEPS if step == 0 else 1)
    return parts[0] if len(parts) == 1 else join(xp, parts)
