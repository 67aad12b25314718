"""Arguments of figures, brought into one form or refused in one sentence before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from nnpg.support.arguments import (
    as_count,
    as_instances,
    as_mapping,
    as_names,
    as_numbers,
    as_sequence,
    as_text,
    described,
)
from nnpg_kernels import Array

T = TypeVar("T")


def checked_panels(panels: Any, kind: type[T]) -> Sequence[T]:
    """Return panels, at least one, whose title and labels are strings.

    Examples
    --------
    >>> from nnpg.plots import Panel
    >>> checked_panels([], Panel)
    Traceback (most recent call last):
    ...
    ValueError: panels must be a list of at least one Panel object, not []
    """
    instances = as_instances(panels, kind, "panels")
    for panel in instances:
        for field in ("title", "xlabel", "ylabel"):
            as_text(getattr(panel, field, ""), f"panels: {field}")
    return instances


def series_names(series_of_panels: Iterable[Iterable[str]]) -> list[str]:
    """Return the name of every series once, in the order in which the panels name them.

    Examples
    --------
    >>> series_names([{"a": 1, "b": 2}, {"c": 3, "a": 4}])
    ['a', 'b', 'c']
    >>> series_names([{}])
    Traceback (most recent call last):
    ...
    ValueError: panels hold no series: there is nothing to draw
    """
    names = list(dict.fromkeys(name for series in series_of_panels for name in series))
    if not names:
        raise ValueError("panels hold no series: there is nothing to draw")
    return names


def as_like(value: T, kind: type[Any], name: str) -> T:
    """Return an object that has what a Protocol names, such as a result of this library.

    Examples
    --------
    >>> from nnpg.plots.protocols import KnockoutLike
    >>> as_like(3, KnockoutLike, "knockout")
    Traceback (most recent call last):
    ...
    TypeError: knockout must be a Knockout object, not 3
    """
    if isinstance(value, type) or not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__.removesuffix('Like')} object, not {described(value)}")
    return value


def all_like(values: Sequence[T], kind: type[Any], name: str) -> Sequence[T]:
    """Return a list or tuple, perhaps an empty one, of objects that have what a Protocol names.

    Examples
    --------
    >>> from nnpg.plots.protocols import EpochLike
    >>> all_like([3], EpochLike, "history")
    Traceback (most recent call last):
    ...
    TypeError: history must be a list of Epoch objects, not [3]
    """
    objects = f"{kind.__name__.removesuffix('Like')} objects"
    for value in as_sequence(values, name, objects):
        if isinstance(value, type) or not isinstance(value, kind):
            raise TypeError(f"{name} must be a list of {objects}, not {described(values)}")
    return values


def arrays_by_name(
    value: Any, name: str, expected: str, *, ndim: int | None = None, finite: bool = False
) -> dict[str, Array]:
    """Return a dict from name to array, in float64; `expected` says which arrays, such as "an array (E,)".

    Examples
    --------
    >>> arrays_by_name({"blur": [1, 2]}, "kernels", "an array (I, J)", ndim=2)
    Traceback (most recent call last):
    ...
    ValueError: kernels 'blur' must be an array (I, J) of real numbers, not an array int64 (2,)
    """
    return {
        key: as_numbers(one, f"{name} {key!r}", expected, ndim=ndim, finite=finite).astype(np.float64)
        for key, one in as_mapping(value, name, f"name to {expected}").items()
    }


def checked_images(images: Any, count: int | None = None, per: str = "", *, name: str = "images") -> Array:
    """Return images as (N, H, W, 3); there must be `count` of them, one for each `per`.

    Examples
    --------
    >>> checked_images(np.zeros((2, 1, 4, 4)), 3, "rows drawn")
    Traceback (most recent call last):
    ...
    ValueError: images must be 3, one for each of the 3 rows drawn, not 2
    """
    expected = "an array, grey (N, 1, H, W) or RGB (N, 3, H, W),"
    x = as_numbers(images, name, expected, ndim=4)
    if x.shape[1] not in (1, 3) or x.size == 0:
        raise ValueError(f"{name} must be {expected} at least one image, not an array of shape {x.shape}")
    if count is not None and len(x) != count:
        raise ValueError(f"{name} must be {count}, one for each of the {count} {per}, not {len(x)}")
    if not (x.min() >= 0 and x.max() <= 1):  # NaN fails as well
        raise ValueError(f"{name} must have pixels in 0 .. 1, not {ends_of(x)}: scale or clip them")
    pixels = x.transpose(0, 2, 3, 1).astype(np.float64)  # (N, H, W, C)
    return np.broadcast_to(pixels, (*pixels.shape[:3], 3))


def ends_of(values: Array) -> str:
    """Return the lowest and the highest value as text.

    Examples
    --------
    >>> ends_of(np.array([0.5, 3.0]))
    '0.5 .. 3'
    """
    return f"{values.min():.4g} .. {values.max():.4g}"


def as_two(value: Any, name: str, expected: str) -> tuple[Any, Any]:
    """Return a pair; `expected` says which, such as "a list of (W, b)".

    Examples
    --------
    >>> as_two(3, "layers", "a list of (W, b)")
    Traceback (most recent call last):
    ...
    TypeError: layers must be a list of (W, b), not 3
    """
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise TypeError(f"{name} must be {expected}, not {described(value)}")
    return value[0], value[1]


def optional_names(value: Any, name: str, count: int | None = None) -> tuple[str, ...] | None:
    """Return several strings, as many as `count` says, or None."""
    return None if value is None else as_names(value, name, count)


def optional_count(value: Any, name: str) -> int | None:
    """Return a whole number of at least 1, or None."""
    return None if value is None else as_count(value, name)
