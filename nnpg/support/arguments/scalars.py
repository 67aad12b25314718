"""Numbers, ranges, seeds, flags; and sizes of layers."""

from __future__ import annotations

import math
import numbers
import operator
from typing import Any, TypeAlias

import numpy as np

from nnpg.support.arguments.messages import described

Padding: TypeAlias = int | tuple[int, int] | tuple[int, int, int, int]


def as_count(value: Any, name: str, *, least: int = 1, most: int | None = None) -> int:
    """Return a whole number in a range.

    Examples
    --------
    >>> as_count(np.int64(3), "epochs")
    3
    >>> as_count("2", "epochs")
    Traceback (most recent call last):
    ...
    TypeError: epochs must be a whole number of at least 1, not '2'
    """
    span = f"of at least {least}" if most is None else f"from {least} to {most}"
    try:
        count = operator.index(value)
    except TypeError:
        count = None
    if count is None or isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) == np.bool_:
        raise TypeError(f"{name} must be a whole number {span}, not {described(value)}")
    if count < least or (most is not None and count > most):
        raise ValueError(f"{name} must be a whole number {span}, not {described(count)}")
    return count


def as_number(
    value: Any,
    name: str,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    finite: bool = True,
) -> float:
    """Return a real number in a range that excludes `above` and `below`; never NaN.

    Examples
    --------
    >>> as_number(0.5, "momentum", least=0, below=1)
    0.5
    >>> as_number(float("nan"), "lr", above=0)
    Traceback (most recent call last):
    ...
    ValueError: lr must be a finite number above 0, not nan
    """
    low = f" above {above:g}" if above > -math.inf else f" of at least {least:g}" if least > -math.inf else ""
    high = f" below {below:g}" if below < math.inf else f" of at most {most:g}" if most < math.inf else ""
    span = f"a {'finite ' * finite}number{low}{' and' * bool(low and high)}{high}"
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real and getattr(value, "shape", None) == () and getattr(value, "dtype", np.dtype(bool)).kind in "iuf":
        real = True  # an array of one number
    if not real:
        raise TypeError(f"{name} must be {span}, not {described(value)}")
    number = float(value)
    ends = (math.isfinite(number) or not finite) and not math.isnan(number)
    if not (
        ends
        and least <= number <= most
        and (above < number or above == -math.inf)
        and (number < below or below == math.inf)
    ):
        raise ValueError(f"{name} must be {span}, not {number:g}")
    return number


def as_ends(value: Any, name: str) -> tuple[float, float]:
    """Return the two ends of a range, the lower one first.

    Examples
    --------
    >>> as_ends((1, 0), "box")
    Traceback (most recent call last):
    ...
    ValueError: box must be two numbers, (low, high) with low below high, not (1, 0)
    """
    expected = f"{name} must be two numbers, (low, high) with low below high"
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{expected}, not {described(value)}")
    try:
        low, high = (as_number(end, name) for end in value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{expected}, not {described(value)}") from None
    if not low < high:
        raise ValueError(f"{expected}, not {described(value)}")
    return low, high


def as_flag(value: Any, name: str) -> bool:
    """Return True or False; other values, such as 0 or "no", are an error.

    Examples
    --------
    >>> as_flag("no", "resume")
    Traceback (most recent call last):
    ...
    TypeError: resume must be True or False, not 'no'
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, not {described(value)}")
    return bool(value)


def as_generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """Return a generator of random numbers: a new one from a seed, or the argument.

    Examples
    --------
    >>> as_generator(None)
    Traceback (most recent call last):
    ...
    TypeError: rng must be a whole number of at least 0 (a seed) or a numpy.random.Generator, not None
    """
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        return np.random.default_rng(as_count(rng, name, least=0))
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} must be a whole number of at least 0 (a seed) or a numpy.random.Generator, not {described(rng)}"
        ) from None


def as_pair(given: Any, name: str) -> tuple[int, int]:
    """Return `2` as `(2, 2)`.

    Examples
    --------
    >>> as_pair(2, "size"), as_pair((1, 2), "size")
    ((2, 2), (1, 2))
    """
    value = tuple(given) if isinstance(given, tuple | list) else (given, given)
    if len(value) != 2 or not all(_whole(v) and v >= 1 for v in value):
        raise ValueError(f"{name} must be one or two positive whole numbers, not {described(given)}")
    return int(value[0]), int(value[1])


def pair(layer: Any, field: str) -> None:
    """Turn a layer's field `2` into `(2, 2)`; other values than positive whole numbers are an error."""
    object.__setattr__(layer, field, as_pair(getattr(layer, field), f"{type(layer).__name__}: {field}"))


def as_sides(given: Any, name: str) -> tuple[int, int, int, int]:
    """Return padding `2` or `(rows, columns)` as `(top, bottom, left, right)`.

    Examples
    --------
    >>> as_sides((1, 2), "padding")
    (1, 1, 2, 2)
    """
    value = tuple(given) if isinstance(given, tuple | list) else (given, given)
    if len(value) == 2:
        value = (value[0], value[0], value[1], value[1])
    if len(value) != 4 or not all(_whole(v) and v >= 0 for v in value):
        raise ValueError(
            f"{name} must be a whole number, (rows, columns) or (top, bottom, left, right), none negative, not "
            f"{described(given)}"
        )
    top, bottom, left, right = map(int, value)
    return top, bottom, left, right


def sides(layer: Any, field: str) -> None:
    """Turn padding `2` or `(rows, columns)` into `(top, bottom, left, right)`."""
    object.__setattr__(layer, field, as_sides(getattr(layer, field), f"{type(layer).__name__}: {field}"))


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
