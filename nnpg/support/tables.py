"""Results as tables: text to print, and data frames of pandas."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

Rows = Sequence[Sequence[object]]
ROUNDING = 1e-15  # of the numbers that a number was computed from: less than this is 0 in a calculation by hand


def text_table(header: Sequence[str], rows: Rows) -> str:
    """Return a table as text: words flush left, numbers flush right, None as "-".

    Parameters
    ----------
    header : strings
    rows : sequences, each as long as the header

    Examples
    --------
    >>> print(text_table(("epoch", "loss", "note"), [(1, 2.5, "warm-up"), (10, 0.03125, None)]))
    epoch     loss  note
        1      2.5  warm-up
       10  0.03125  -
    """
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    texts = [_column(name, values) for name, values in zip(header, columns, strict=True)]
    return "\n".join("  ".join(line).rstrip() for line in zip(*texts, strict=True))


def by_hand(value: float, scale: float) -> float:
    """Return a number to print: 0 where it is only the rounding of numbers of this scale.

    Examples
    --------
    >>> by_hand(0.1 + 0.2 - 0.3, scale=0.3), by_hand(5.6e-17, scale=1e-16), by_hand(-0.25, scale=1.0)
    (0.0, 5.6e-17, -0.25)
    """
    return 0.0 if abs(value) <= ROUNDING * scale else value


def data_frame(header: Sequence[str], rows: Rows) -> pandas.DataFrame:
    """Return a table as a data frame.

    Raises
    ------
    ImportError
        Without pandas; says how to install it.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("to_frame needs pandas: pip install 'nnpg[table]'") from error
    return pandas.DataFrame([tuple(row) for row in rows], columns=list(header))


def _column(name: str, values: Sequence[object]) -> list[str]:
    """Return the name and the values of a column as texts of one width."""
    texts = [name, *map(_cell, values)]
    width, numeric = max(map(len, texts)), all(value is None or isinstance(value, Real) for value in values)
    return [text.rjust(width) if numeric else text.ljust(width) for text in texts]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, Real) and not isinstance(value, Integral) else str(value)
