"""A step of each of M descents along a decision boundary, for `nnpg.attacks.least_distortion.boundary`.

mean <- mean + weight (gradient - mean)
lambda <- max(lambda + (aim - mean'y) / sum_{y inside the box} mean_i^2, 0),  y = clip(x0 + lambda mean);  a few times
x <- clip(x0 + lambda mean)

Before the step, x is kept where it is a success with a smaller |x - x0| than all before.

task      a descent
inner     vectors of pixels, which stay in the cache from pass to pass
bound     memory for long images; for short ones, the sum over the lanes at the end of each pass
writer    each descent is written by one task
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.atomics import next_task
from nnpg_kernels.numba.runtime.compilation import entry, jit
from nnpg_kernels.numba.runtime.thread_pool import share
from nnpg_kernels.numba.simd import add_sums, lanes, load, store, where_below, where_equal, zeros
from nnpg_kernels.threads import threads_for

FEW = 16  # descents that are not worth a second thread


def boundary_steps(
    pixels: tuple[npt.NDArray[Any], ...],
    kept: tuple[npt.NDArray[Any], ...],
    margins: tuple[npt.NDArray[Any], ...],
    multiplier: npt.NDArray[np.float64],
    numbers: tuple[float, float, float, float],
    newton_steps: int,
) -> None:
    """Step in place.

    Parameters
    ----------
    pixels : x0, x, mean, gradient, arrays (M, m) in C order
    kept : best (M, m), |best - x0| (M,) and rival (M,)
    margins : value, threshold (M,), float64, and rival (M,), int64, at x
    multiplier : array (M,)
        lambda.
    numbers : weight, low, high, epsilon
        The box is that of all pixels, and within epsilon of x0.
    newton_steps : int

    Examples
    --------
    >>> x0, x, gradient = np.zeros((1, 2)), np.zeros((1, 2)), np.array([[3.0, 4.0]])
    >>> best, at_x = (x.copy(), np.full(1, np.inf), np.zeros(1, int)), (np.array([-5.0]), np.zeros(1), np.zeros(1, int))
    >>> boundary_steps((x0, x, x.copy(), gradient), best, at_x, np.zeros(1), (1.0, 0.0, 1.0, np.inf), 1)
    >>> x                                        # the nearest point where -5 + 3 x_1 + 4 x_2 = 0
    array([[0.6, 0.8]])
    """
    x0, x, mean, gradient = pixels
    best, size, rival = kept
    M, m = x.shape
    flat = [a.reshape(-1) for a in (x0, x, mean, gradient, best)]
    threads = threads_for(-(-M // FEW))
    sums = np.zeros(4 * M, x.dtype)
    share(_kernel(x.dtype), threads, *flat, size, rival, *margins, multiplier, sums, *numbers, m, newton_steps)


@cache
def _kernel(dtype: npt.DTypeLike) -> Any:
    kind: Any = np.dtype(dtype).type
    step = lanes(dtype)
    width = 2 * step

    @jit
    def distance(x: Any, x0: Any, first: int, last: int) -> Any:
        a = b = c = d = 0.0  # four sums, which do not wait for each other
        fours = first + (last - first) // 4 * 4
        for i in range(first, fours, 4):
            p, q = np.float64(x[i] - x0[i]), np.float64(x[i + 1] - x0[i + 1])
            r, s = np.float64(x[i + 2] - x0[i + 2]), np.float64(x[i + 3] - x0[i + 3])
            a, b, c, d = a + p * p, b + q * q, c + r * r, d + s * s
        for i in range(fours, last):
            p = np.float64(x[i] - x0[i])
            a += p * p
        return math.sqrt((a + b) + (c + d))

    @jit
    def clipped(x0: Any, mean: Any, i: int, factor: Any, low: Any, high: Any, epsilon: Any) -> Any:
        centre = load(x0, i, step, 1, 2)
        y = centre + load(mean, i, step, 1, 2) * factor
        floor, ceiling = centre - epsilon, centre + epsilon
        floor, ceiling = where_below(floor, low, low, floor), where_below(high, ceiling, high, ceiling)
        y = where_below(y, floor, floor, y)
        return where_below(ceiling, y, ceiling, y)

    @jit
    def clipped_one(x0: Any, mean: Any, i: int, factor: Any, low: Any, high: Any, epsilon: Any) -> Any:
        floor, ceiling = x0[i] - epsilon, x0[i] + epsilon
        floor, ceiling = low if floor < low else floor, high if high < ceiling else ceiling
        y = x0[i] + factor * mean[i]
        y = floor if y < floor else y
        return ceiling if ceiling < y else y

    @entry
    def run(
        counter: Any, thread: int, x0: Any, x: Any, mean: Any, gradient: Any, best: Any, size: Any, rival: Any,
        value: Any, threshold: Any, rival_at_x: Any, multiplier: Any, sums: Any, weight: float, low: float, high: float,
        epsilon: float, m: int, newton_steps: int,
    ) -> None:  # fmt: skip
        M, vectors = len(size), m // width * width
        bottom, top, reach = kind(low), kind(high), kind(epsilon)
        part = kind(weight)
        d = next_task(counter, 0)
        while d < M:
            first = d * m
            middle, last = first + vectors, first + m
            if value[d] > threshold[d]:
                length = distance(x, x0, first, last)
                if length < size[d]:
                    size[d], rival[d] = length, rival_at_x[d]
                    for i in range(first, last):
                        best[i] = x[i]
            s = 4 * d  # places of the sums mean'x and mean'mean, then of mean'y and the slope
            along, squares = zeros(x, 1, 2), zeros(x, 1, 2)
            for i in range(first, middle, width):
                g = load(mean, i, step, 1, 2)
                g = g + (load(gradient, i, step, 1, 2) - g) * part
                store(g, mean, i, width, 1, width)
                along, squares = along + g * load(x, i, step, 1, 2), squares + g * g
            sums[s : s + 4] = 0
            add_sums(along, sums, s, 1, 1)
            add_sums(squares, sums, s + 2, 1, 1)
            of_x, of_mean = np.float64(sums[s] + sums[s + 1]), np.float64(sums[s + 2] + sums[s + 3])
            for i in range(middle, last):
                mean[i] += part * (gradient[i] - mean[i])
                of_x += mean[i] * x[i]
                of_mean += mean[i] * mean[i]
            aim, tiny = 2 * threshold[d] - value[d] + of_x, 1e-12 * of_mean
            for _ in range(newton_steps):
                factor = kind(multiplier[d])
                along, squares = zeros(x, 1, 2), zeros(x, 1, 2)
                for i in range(first, middle, width):
                    g = load(mean, i, step, 1, 2)
                    y = load(x0, i, step, 1, 2) + g * factor
                    inside = clipped(x0, mean, i, factor, bottom, top, reach)
                    along = along + g * inside
                    squares = squares + where_equal(y, inside, g * g, 0.0)
                sums[s : s + 4] = 0
                add_sums(along, sums, s, 1, 1)
                add_sums(squares, sums, s + 2, 1, 1)
                of_y, slope = np.float64(sums[s] + sums[s + 1]), np.float64(sums[s + 2] + sums[s + 3])
                for i in range(middle, last):
                    bounded = clipped_one(x0, mean, i, factor, bottom, top, reach)
                    of_y += mean[i] * bounded
                    slope += mean[i] * mean[i] if x0[i] + factor * mean[i] == bounded else 0.0
                if slope > tiny:
                    further = multiplier[d] + (aim - of_y) / slope
                    multiplier[d] = 0.0 if further < 0 else further
            factor = kind(multiplier[d])
            for i in range(first, middle, width):
                store(clipped(x0, mean, i, factor, bottom, top, reach), x, i, width, 1, width)
            for i in range(middle, last):
                x[i] = clipped_one(x0, mean, i, factor, bottom, top, reach)
            d = next_task(counter, 0)

    return run
