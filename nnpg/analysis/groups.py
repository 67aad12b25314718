"""Perturbation groups: pairs of an image and its adversarial image, by true class and by the class it is taken for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import as_choice, as_generator, as_numbers, as_whole, described
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas

By: TypeAlias = Literal["source", "target", "both"]


@dataclass(frozen=True, eq=False)
class Groups:
    """N pairs in G groups; prints as a table of the groups.

    Parameters
    ----------
    index : array (N,), int
        Group of each pair, 0 .. G-1; no group is empty.
    names : G strings
    """

    index: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Pairs in each group (G,)."""
        return np.bincount(self.index, minlength=len(self))

    def __str__(self) -> str:
        return text_table(("group", "pairs"), self._rows())

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per group: group, pairs."""
        return data_frame(("group", "pairs"), self._rows())

    def mean(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the mean of values (N, ...) in each group, (G, ...)."""
        values = self._as_values(values)
        return np.stack([values[self.index == g].mean(axis=0) for g in range(len(self))])

    def max(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the largest of values (N, ...) in each group, (G, ...)."""
        values = self._as_values(values)
        return np.stack([values[self.index == g].max(axis=0) for g in range(len(self))])

    def hold_out(self, *, rng: int | np.random.Generator) -> npt.NDArray[np.bool_]:
        """Draw one pair of each group, groups of one included, for validation (Hinthorn 2017, 5.4): (N,) bool.

        The only pair of a group of one is then not trained on.

        Examples
        --------
        >>> held = perturbation_groups([0, 0, 0, 7], [9, 9, 9, 1]).hold_out(rng=0)
        >>> held.sum(), held[3]
        (np.int64(2), np.True_)
        """
        rng, held = as_generator(rng), np.zeros(len(self.index), bool)
        for g in range(len(self)):
            held[rng.choice(np.flatnonzero(self.index == g))] = True
        return held

    def _as_values(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        N = len(self.index)
        numbers = as_numbers(values, "values", f"an array ({N}, ...)").astype(np.float64)
        if numbers.shape[:1] != (N,):
            raise ValueError(f"values must be an array ({N}, ...), one for each pair, not {described(numbers)}")
        return numbers

    def _rows(self) -> list[tuple[str, int]]:
        return [(name, int(size)) for name, size in zip(self.names, self.sizes, strict=True)]


def perturbation_groups(source: npt.ArrayLike, target: npt.ArrayLike, *, by: By = "both") -> Groups:
    """Group pairs by true class, by the class the adversarial image is taken for, or by both (Hinthorn 2017, 5.2).

    Parameters
    ----------
    source, target : arrays (N,), int
        Class of the original, and class that the adversarial image is taken for.
    by : "source", "target" or "both"

    Returns
    -------
    Groups
        Those groups that have pairs, in ascending order.

    Raises
    ------
    ValueError
        If there are no pairs, their numbers differ, or `by` is something else.

    Examples
    --------
    >>> groups = perturbation_groups([0, 0, 9], [9, 9, 1])
    >>> groups.names, groups.index
    (('0 to 9', '9 to 1'), array([0, 0, 1]))
    >>> perturbation_groups([0, 0, 9], [9, 9, 1], by="target").names
    ('to 1', 'to 9')
    """
    source, target = (
        as_whole(classes, name, "classes (N,)", ndim=1).astype(np.int64)
        for classes, name in ((source, "source"), (target, "target"))
    )
    if source.shape != target.shape:
        raise ValueError(
            f"source and target must be classes (N,) of the same pairs, not {source.shape} and {target.shape}"
        )
    as_choice(by, "by", ("source", "target", "both"))
    keys: Array = {"source": source[:, None], "target": target[:, None], "both": np.stack([source, target], axis=1)}[by]
    groups, index = np.unique(keys, axis=0, return_inverse=True)
    name = {"source": "from {}", "target": "to {}", "both": "{} to {}"}[by]
    return Groups(index.ravel(), tuple(name.format(*classes) for classes in groups))
