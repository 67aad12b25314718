"""Initialisers: functions that draw the first weights of a layer from a generator.

An initialiser is a function (rng, shape, fan_in, fan_out) -> float64 array. fan_in is the number of inputs of one
output, fan_out the number of outputs of one input.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnpg.support.arguments import as_choice, as_number

Initialiser = Callable[[np.random.Generator, tuple[int, ...], int, int], NDArray[Any]]


def uniform(limit: float) -> Initialiser:
    """Return the initialiser U(-limit, limit).

    Examples
    --------
    >>> w = uniform(0.1)(np.random.default_rng(0), (1000,), 1, 1)
    >>> bool(abs(w).max() <= 0.1)
    True
    """
    limit = as_number(limit, "limit", least=0)
    return lambda rng, shape, fan_in, fan_out: rng.uniform(-limit, limit, shape)


def glorot(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> NDArray[Any]:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)): Glorot & Bengio 2010, Eq. 16."""
    a = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-a, a, shape)


def lecun(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> NDArray[Any]:
    """N(0, 1 / fan_in): outputs start with the variance of the inputs (LeCun et al. 1998, Eq. 16)."""
    return rng.normal(0, np.sqrt(1 / fan_in), shape)


def he(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> NDArray[Any]:
    """N(0, 2 / fan_in): the same for layers after rectifiers, which halve the variance (He et al. 2015, Eq. 10)."""
    return rng.normal(0, np.sqrt(2 / fan_in), shape)


INITIALISERS: dict[str, Initialiser] = {"glorot": glorot, "lecun": lecun, "he": he}


def as_initialiser(init: str | Initialiser) -> Initialiser:
    """Return the initialiser of a name; a function is returned as it is.

    Examples
    --------
    >>> as_initialiser("he") is he
    True
    """
    if callable(init) and not isinstance(init, type):
        return init
    return INITIALISERS[as_choice(init, "init", INITIALISERS, also="a function (rng, shape, fan_in, fan_out) -> array")]
