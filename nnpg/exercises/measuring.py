"""What the definitions of the exercises share: small arrays, derivatives by measurement, seeds one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from nnpg.exercises.exercise import Values
from nnpg_kernels import Array, Backend

STEP = 1e-3  # of the differences, whose error is of the order of its fourth power


def numbers(rng: np.random.Generator, *shape: int) -> Values:
    """Return random multiples of 0.1 from -2 to 2, none of them 0.

    Examples
    --------
    >>> numbers(np.random.default_rng(0), 3)
    array([-1.8, -1.3, -1.1])
    """
    a = rng.integers(1, 21, shape) * rng.choice([-1, 1], shape)
    return a / 10


def measured(forward: Callable[[Values], Values], x: Values, delta: Values) -> Values:
    """Return dL/dx for L = sum(delta * forward(x)), by moving each entry of x.

    Examples
    --------
    >>> measured(np.square, np.array([1.0, 3.0]), np.array([1.0, 10.0])).round(6)
    array([ 2., 60.])
    """
    slopes = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        move = np.zeros(x.shape)
        move[index] = STEP
        whole, half = (
            float(((forward(x + s * move) - forward(x - s * move)) * delta).sum()) / (2 * s * STEP) for s in (1, 0.5)
        )
        slopes[index] = (4 * half - whole) / 3
    return slopes


def each_seed(function: Callable[[Values], Values], delta: Values, ndim: int) -> Values:
    """Call a function of one seed, delta (N, ...) of `ndim` axes, for every seed that is stacked in front.

    Examples
    --------
    >>> each_seed(lambda delta: 2 * delta, np.ones((3, 4, 2)), 2).shape
    (3, 4, 2)
    """
    if delta.ndim == ndim:
        return function(delta)
    return np.stack([each_seed(function, part, ndim) for part in delta])


class YourLayer:
    """A layer of a forward pass of nnpg and the backward of a student, which takes one seed and the input x.

    Examples
    --------
    >>> from nnpg import gradcheck
    >>> gradcheck(YourLayer(lambda x: 3 * x, lambda delta, x: 3 * delta), input_shape=(2,)).ok
    True
    """

    parameters: ClassVar[tuple[str, ...]] = ()

    def __init__(self, y_of: Callable[[Values], Values], delta_of: Callable[[Values, Values], Values]) -> None:
        self.y_of, self.delta_of = y_of, delta_of

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
        """y as given."""
        return self.y_of(x), x

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """dL/dx by the student, for each seed."""
        return each_seed(lambda d: self.delta_of(d, saved), delta, saved.ndim)

    def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
        """No parameters."""
        return {}


def products_differ(left: float, right: float) -> bool:
    """Whether two sums of products, which a law says are equal, differ by more than rounding."""
    return not abs(left - right) <= 1e-8 * max(abs(left), abs(right), 1.0)


def shown(value: float, scale: float = 1.0) -> str:
    """Return a number as text; 0 where it is only the rounding of numbers of this scale.

    Examples
    --------
    >>> shown(1e-18), shown(-0.123456789), shown(1e-18, scale=1e-18)
    ('0', '-0.1235', '1e-18')
    """
    return "0" if abs(value) <= 1e-9 * scale else f"{value:.4g}"
