"""Hyper-parameters as people write them (`stride=2`), brought into one form."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

Padding: TypeAlias = int | tuple[int, int] | tuple[int, int, int, int]


def pair(layer: Any, field: str) -> None:
    """Turn a layer's field `2` into `(2, 2)`; refuse what is not one or two positive whole numbers."""
    given = getattr(layer, field)
    value = tuple(given) if isinstance(given, tuple | list) else (given, given)
    if len(value) != 2 or not all(isinstance(v, int | np.integer) and v >= 1 for v in value):
        raise ValueError(f"{type(layer).__name__}: {field} must be one or two positive whole numbers, not {given!r}")
    object.__setattr__(layer, field, tuple(map(int, value)))


def sides(layer: Any, field: str) -> None:
    """Turn padding `2` or `(rows, columns)` into `(top, bottom, left, right)`."""
    given = getattr(layer, field)
    value = tuple(given) if isinstance(given, tuple | list) else (given, given)
    if len(value) == 2:
        value = (value[0], value[0], value[1], value[1])
    if len(value) != 4 or not all(isinstance(v, int | np.integer) and v >= 0 for v in value):
        raise ValueError(
            f"{type(layer).__name__}: {field} must be a whole number, (rows, columns) or "
            f"(top, bottom, left, right), none negative, not {given!r}"
        )
    object.__setattr__(layer, field, tuple(map(int, value)))
