"""What figures are given, in one form, or refused in one sentence before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from nnpg.support.arguments import as_count, as_instances, as_mapping, as_numbers, as_sequence, as_text, described
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
    found = as_instances(panels, kind, "panels")
    for panel in found:
        for field in ("title", "xlabel", "ylabel"):
            as_text(getattr(panel, field, ""), f"panels: {field}")
    return found


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
    """Return images as (N, H, W, 3); there must be `count`, one for each of what `per` names.

    Examples
    --------
    >>> checked_images(np.zeros((2, 1, 4, 4)), 3, "rows drawn")
    Traceback (most recent call last):
    ...
    ValueError: images must be 3, one for each of the 3 rows drawn, not 2
    """
    expected = "an array, grey (N, 1, H, W) or RGB (N, 3, H, W),"
    given = as_numbers(images, name, expected, ndim=4)
    if given.shape[1] not in (1, 3) or given.size == 0:
        raise ValueError(f"{name} must be {expected} at least one image, not an array of shape {given.shape}")
    if count is not None and len(given) != count:
        raise ValueError(f"{name} must be {count}, one for each of the {count} {per}, not {len(given)}")
    if not (given.min() >= 0 and given.max() <= 1):  # NaN fails as well
        found = f"{given.min():.4g} .. {given.max():.4g}"
        raise ValueError(f"{name} must have pixels in 0 .. 1, not {found}: scale or clip them")
    pixels = given.transpose(0, 2, 3, 1).astype(np.float64)  # (N, H, W, C)
    return np.broadcast_to(pixels, (*pixels.shape[:3], 3))


def optional_count(value: Any, name: str) -> int | None:
    """Return a whole number of at least 1, or None."""
    return None if value is None else as_count(value, name)
