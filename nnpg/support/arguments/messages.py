"""Short descriptions of values for the end of a message."""

from __future__ import annotations

import numbers
from collections.abc import Collection
from typing import Any

import numpy as np

LONGEST = 80  # characters of a value that a message repeats


def described(value: Any) -> str:
    """Return a short description of a value for the end of a message.

    Examples
    --------
    >>> described("sgd"), described(np.zeros((2, 3))), described({1, 2}), described(int)
    ("'sgd'", 'an array float64 (2, 3)', '{1, 2}', 'the class int')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None:
        whole = f"{type(value).__name__} " if isinstance(value, np.ma.MaskedArray) else ""
        return f"{value!r}" if isinstance(value, np.generic) else f"an array {whole}{dtype} {tuple(shape)}"
    if value is None or isinstance(value, str | bytes | numbers.Number | list | tuple | set | dict):
        text = repr(value)
        if len(text) <= LONGEST:
            return text
        return f"a {type(value).__name__} of length {len(value)}" if isinstance(value, Collection) else text[:LONGEST]
    return f"an object of type {type(value).__name__}"
