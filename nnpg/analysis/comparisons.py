"""Comparisons over the same nets or seeds: which differences are significant."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import holm, paired_p
from nnpg.support.arguments import as_numbers
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
