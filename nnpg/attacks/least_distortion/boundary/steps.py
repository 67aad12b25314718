"""One step of many descents along a decision boundary: what is kept, the running mean, and the nearest point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from nnpg import programs
from nnpg.attacks.answers import Margin
from nnpg.attacks.least_distortion.curvature import dot
from nnpg.attacks.least_distortion.norms import Box
from nnpg.attacks.least_distortion.rows import choose
from nnpg.network import Network
from nnpg.programs.tasks import BoundaryStep
from nnpg_kernels import Array

OneStep: TypeAlias = Callable[["Descents", Array, Margin, Box, float, int], None]


@dataclass(eq=False)
class Descents:
    """M descents at the same step.

    Parameters
    ----------
    image : array (M,), int, on the host
        Row of the image in the problem.
    x, mean : arrays (M, m)
        The current points, and the running means of the gradients.
    multiplier : array (M,)
        lambda.
    best, size, rival : arrays (M, m), (M,), (M,)
        The success with the smallest |r| so far, its |r| (infinite for none), and the class with the largest score
        there but that of `labels`.
    """

    image: Array
    x: Array
    mean: Array
    multiplier: Array
    best: Array
    size: Array
    rival: Array


def step_of(net: Network) -> OneStep:
    """Return the function that steps once in place: a program of the network's backend, or `step_by_arrays`."""
    program = programs.look(net, BoundaryStep()).run
    if program is None:
        return partial(step_by_arrays, net.backend.xp)

    def step(descents: Descents, x0: Array, margin: Margin, box: Box, share: float, newton_steps: int) -> None:
        pixels = (x0, descents.x, descents.mean, margin.gradient)
        kept, at_x = (descents.best, descents.size, descents.rival), (margin.value, margin.threshold, margin.rival)
        epsilon = math.inf if box.epsilon is None else box.epsilon
        program(pixels, kept, at_x, descents.multiplier, (share, box.low, box.high, epsilon), newton_steps)

    return step


def step_by_arrays(
    xp: ModuleType, descents: Descents, x0: Array, margin: Margin, box: Box, share: float, newton_steps: int
) -> None:
    """Step once in place, by operations on whole arrays: the definition, which a program must equal up to rounding.

    Parameters
    ----------
    xp : module
        NumPy, or CuPy on a device.
    descents : Descents
        M of them.
    x0 : array (M, m)
        Their images.
    margin : Margin
        At their points.
    box : Box
    share : float
        Of the new gradient in the running mean.
    newton_steps : int
        For lambda.
    """
    _keep_best(xp, descents, x0, margin)
    descents.mean += descents.x.dtype.type(share) * (margin.gradient - descents.mean)
    _project(xp, descents, x0, margin, box, newton_steps)


def _keep_best(xp: ModuleType, descents: Descents, x0: Array, margin: Margin) -> None:
    """Keep points that are successes with a smaller |r| than all before."""
    r = descents.x - x0
    size = xp.sqrt(dot(xp, r, r))
    better = choose(xp, (margin.value > margin.threshold) & (size < descents.size))
    for old, new in ((descents.best, descents.x), (descents.size, size), (descents.rival, margin.rival)):
        better.put(old, better.of(new))


def _project(xp: ModuleType, descents: Descents, x0: Array, margin: Margin, box: Box, newton_steps: int) -> None:
    """Go to the nearest point of the hyperplane, by Newton steps for lambda; clipped pixels do not change with it."""
    g = descents.mean
    aim = 2 * margin.threshold - margin.value + _dot(xp, g, descents.x)  # g'y must reach it
    tiny, (low, high) = 1e-12 * _dot(xp, g, g), box.around(xp, x0)
    for _ in range(newton_steps):
        y = _point(xp, descents, x0)
        inside = xp.minimum(xp.maximum(y, low), high)
        slope = _dot(xp, g * (y == inside), g)
        change = (aim - _dot(xp, g, inside)) / xp.where(slope > tiny, slope, xp.inf)
        descents.multiplier = xp.maximum(descents.multiplier + change, 0)
    descents.x = xp.minimum(xp.maximum(_point(xp, descents, x0), low), high)


def _point(xp: ModuleType, descents: Descents, x0: Array) -> Array:
    return x0 + descents.multiplier.astype(x0.dtype)[:, None] * descents.mean


def _dot(xp: ModuleType, a: Array, b: Array) -> Any:
    """Inner product of each row, summed in the type of a: it chooses steps, and judges nothing."""
    return (xp.einsum("nd,nd->n", a, b) if xp is np else (a * b).sum(axis=1)).astype(xp.float64)
