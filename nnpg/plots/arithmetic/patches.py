"""The terms of a sum that a picture shows: those of one feature map in their plane, or the largest in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nnpg.plots.protocols import TermsLike
from nnpg.support.tables import ROUNDING
from nnpg_kernels import Array

_IN_A_ROW = 5  # terms that are drawn where units lie in no plane


@dataclass(frozen=True, eq=False)
class Patch:
    """Terms side by side: NaN where there is none."""

    words: str  # which units
    values: Array  # (H, W)
    slopes: Array  # (H, W)
    rest: str  # the terms that are not in it


def patch_of(terms: TermsLike, by_product: bool, largest: float = 0.0) -> Patch:
    """Return the terms of one feature map in their plane, or the largest terms in a row.

    Values that are only the rounding of numbers as large as `largest` are 0.
    """
    sizes = np.abs(terms.values * terms.slopes if by_product else terms.slopes)
    index = np.asarray(terms.index)
    all_values = np.where(abs(terms.values) <= ROUNDING * largest, 0, terms.values)
    if index.shape[1] != 3:
        chosen = np.argsort(-sizes, kind="stable")[:_IN_A_ROW]
        names = ", ".join(".".join(map(str, index[i])) for i in chosen)
        words = f"{terms.output}, {'units' if len(chosen) > 1 else 'unit'} {names}"
        values, slopes = all_values[chosen][None], terms.slopes[chosen][None]
    else:
        maps = np.unique(index[:, 0])
        best = maps[np.argmax([sizes[index[:, 0] == m].sum() for m in maps])]
        chosen = np.flatnonzero(index[:, 0] == best)
        corner = index[chosen, 1:].min(axis=0)
        rows, columns = (index[chosen, 1:] - corner).T
        values = np.full((rows.max() + 1, columns.max() + 1), np.nan)
        slopes = values.copy()
        values[rows, columns], slopes[rows, columns] = all_values[chosen], terms.slopes[chosen]
        words = f"{terms.output}, map {best}, from row {corner[0]} and column {corner[1]}"
    hidden = np.setdiff1d(np.arange(len(index)), chosen)
    if not len(hidden):
        return Patch(words, values, slopes, "")
    total = (terms.values * terms.slopes)[hidden].sum()
    rest = f"; {len(hidden)} more not drawn"
    if by_product:
        rest += f", together {number_text(total)}"
    return Patch(words, values, slopes, rest)


def number_text(value: float) -> str:
    """Return a number with four digits and a minus of print.

    Examples
    --------
    >>> number_text(-0.02341)
    '−0.02341'
    """
    return f"{value:.4g}".replace("-", "−")
