"""Comparisons over the same nets or seeds: which differences are significant, and which values are the same."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import Interval, holm, paired_p
from nnpg.support.arguments import as_number, as_numbers
from nnpg_kernels import Array

Key = TypeVar("Key", bound=Hashable)


class Comparison(NamedTuple):
    """Differences over nets or seeds (n,), and the p of the paired t test, corrected for the number of comparisons."""

    differences: Array
    p: float

    @property
    def mean(self) -> float:
        """The mean difference."""
        return float(self.differences.mean())

    def significant(self, sign: int, *, level: float = 0.05) -> bool:
        """Return whether the mean difference has this sign (1 or -1) and p is below the level."""
        return self.p < level and self.mean * sign > 0


def compare(differences: Mapping[Key, npt.ArrayLike]) -> dict[Key, Comparison]:
    """Test for each key whether paired differences have mean 0; p is corrected for their number (Holm 1979).

    Parameters
    ----------
    differences : mapping of key -> array (n,)
        One value for each net or seed. A single value has no test: its p is 1.

    Returns
    -------
    dict of key -> Comparison

    Examples
    --------
    >>> comparisons = compare({"a": [1.0, 1.1, 0.9], "b": [0.5, -0.6, 0.2]})
    >>> comparisons["a"].significant(1), comparisons["b"].significant(1)
    (True, False)
    """
    values = {key: as_numbers(d, "differences", "an array (n,)", ndim=1) for key, d in differences.items()}
    corrected = holm(np.nan_to_num([paired_p(d) for d in values.values()], nan=1.0))
    return {key: Comparison(d, float(p)) for (key, d), p in zip(values.items(), corrected, strict=True)}


def same_within(difference: Interval, *, margin: float) -> bool | None:
    """Return whether an interval says that two values are the same, that they differ, or leaves it open (None).

    They are the same if the whole interval lies within the margin of 0, and differ if it lies to one side of 0.

    Examples
    --------
    >>> same_within(Interval(0.01, -0.05, 0.07), margin=0.1), same_within(Interval(0.2, 0.1, 0.3), margin=0.1)
    (True, False)
    >>> same_within(Interval(0.1, -0.1, 0.3), margin=0.1) is None
    True
    """
    margin = as_number(margin, "margin", least=0)
    if difference.low > -margin and difference.high < margin:
        return True
    return False if difference.low > 0 or difference.high < 0 else None
