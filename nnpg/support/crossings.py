"""Arrays that come down from a device together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from nnpg.support.arguments import is_on_device
from nnpg_kernels import Array, Backend

Key = TypeVar("Key")


def all_to_numpy(k: Backend, arrays: Sequence[Array]) -> list[Any]:
    """Return arrays of a backend as NumPy arrays; those of a device come down once for each type of number.

    Examples
    --------
    >>> import nnpg
    >>> all_to_numpy(nnpg.load_backend("numpy"), [np.zeros(2), np.ones(1)])
    [array([0., 0.]), array([1.])]
    """
    placed = [a for a in arrays if is_on_device(a)]
    if len(placed) < 2:
        return [k.to_numpy(a) for a in arrays]
    flat = {
        dtype: iter(_parts(k, [a for a in placed if a.dtype == dtype]))
        for dtype in dict.fromkeys(a.dtype for a in placed)
    }
    return [next(flat[a.dtype]) if is_on_device(a) else a for a in arrays]


def _parts(k: Backend, arrays: list[Array]) -> list[Any]:
    """Return arrays of one type, copied down as one."""
    row = k.to_numpy(k.xp.concatenate([a.ravel() for a in arrays]))
    ends = np.cumsum([a.size for a in arrays])[:-1]
    return [part.reshape(a.shape) for part, a in zip(np.split(row, ends), arrays, strict=True)]


def values_to_numpy(k: Backend, arrays: Mapping[Key, Array]) -> dict[Key, Any]:
    """Return the same for the values of a mapping.

    Examples
    --------
    >>> import nnpg
    >>> values_to_numpy(nnpg.load_backend("numpy"), {"dense1": np.zeros(2)})
    {'dense1': array([0., 0.])}
    """
    return dict(zip(arrays, all_to_numpy(k, list(arrays.values())), strict=True))


def coming_down(k: Backend, a: Array) -> Callable[[], Any]:
    """Begin to copy an array down; the function waits for it alone, and returns it.

    Examples
    --------
    >>> import nnpg
    >>> coming_down(nnpg.load_backend("numpy"), np.ones(2))()
    array([1., 1.])
    """
    begin: Any = getattr(k, "coming_down", None)
    return partial(k.to_numpy, a) if begin is None or not is_on_device(a) else begin(a)
