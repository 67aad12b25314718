"""Tables of a page: numbers in one column have the same decimals and are set flush right."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TypeGuard

_NUMBER = re.compile(r"[+\-−]?[\d.,/]*\d[\d.,/]*([eE][+\-−]?\d+)?\s?%?")
_EMPTY = ("", "-", "–", "—", "nan", "inf", "-inf")  # neither numbers nor words


@dataclass(frozen=True)
class Table:
    """Rows of cells below a header.

    Parameters
    ----------
    header : strings
    rows : sequences, each as long as the header
        Cells are written as str() has them, None as nothing. A column of numbers is set flush right, and the floats in
        it get the same decimals: four digits of the largest. Where the first column is words, it names the rows.
    caption : str
        Above it.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""


@dataclass(frozen=True)
class Cells:
    """A table as text.

    Parameters
    ----------
    header : strings
    rows : rows of strings
    numeric : bools, one for each column
        Whether it holds numbers.
    caption : str
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    caption: str


def cells(table: Table) -> Cells:
    """Write a table's cells.

    Raises
    ------
    ValueError
        If a row does not fit the header.

    Examples
    --------
    >>> cells(Table(("filter", "score"), [("pool1[0]", 0.25), ("pool1[1]", 12)])).rows
    (('pool1[0]', '0.2500'), ('pool1[1]', '12'))
    """
    for n, row in enumerate(table.rows):
        if len(row) != len(table.header):
            header = ", ".join(table.header)
            raise ValueError(f"row {n} has {len(row)} cells, the header {len(table.header)} ({header})")
    columns = [_column([row[c] for row in table.rows]) for c in range(len(table.header))]
    texts = [texts for texts, _ in columns]
    rows = tuple(tuple(column[r] for column in texts) for r in range(len(table.rows)))
    return Cells(tuple(table.header), rows, tuple(numeric for _, numeric in columns), table.caption)


def _column(column: Sequence[object]) -> tuple[list[str], bool]:
    """Return the cells as text, and whether they are numbers; floats show four digits of the largest."""
    floats = [float(cell) for cell in column if _is_float(cell)]
    largest = max((abs(value) for value in floats if math.isfinite(value)), default=0.0)
    decimals = max(0, 3 - math.floor(math.log10(largest))) if largest else 1
    form = f".{decimals}f" if decimals < 8 else ".3e"
    texts = [f"{cell:{form}}" if _is_float(cell) else "" if cell is None else str(cell) for cell in column]
    filled = [text for text in texts if text not in _EMPTY]
    return texts, bool(filled) and all(_NUMBER.fullmatch(text) for text in filled)


def _is_float(cell: object) -> TypeGuard[float]:
    return isinstance(cell, Real) and not isinstance(cell, Integral)
