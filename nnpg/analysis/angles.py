"""How alike directions are: cosines of vectors, and of the changes of pairs in a perturbation group."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.analysis.groups import Groups
from nnpg.support.arguments import as_count, as_numbers, described

TINY = 1e-30  # a vector of zeros has cosine 0 with every vector


def cosines(rows: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the cosine of every row with every row, (N, N).

    Parameters
    ----------
    rows : array (N, ...)
        N vectors; further axes are taken as one.

    Examples
    --------
    >>> cosines([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]).round(3)
    array([[1.   , 0.   , 0.707],
           [0.   , 1.   , 0.707],
           [0.707, 0.707, 1.   ]])
    """
    vectors = as_numbers(rows, "rows", "an array (N, ...)", finite=True)
    if vectors.ndim < 2 or len(vectors) == 0:
        raise ValueError(f"rows must be an array (N, ...) of at least one vector, not {described(vectors)}")
    flat = vectors.reshape(len(vectors), -1).astype(np.float64)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), TINY)
    return np.asarray(flat @ flat.T)


def mean_cosine(rows: npt.ArrayLike) -> float:
    """Return the mean cosine of two different rows.

    Examples
    --------
    >>> round(mean_cosine([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0]]), 3)
    0.471
    """
    cosine = cosines(rows)
    if len(cosine) < 2:
        raise ValueError(f"rows must be at least 2 vectors, not {len(cosine)}")
    return float(cosine[~np.eye(len(cosine), dtype=bool)].mean())


def likeness_within_groups(groups: Groups, changes: npt.ArrayLike, *, least: int = 3) -> npt.NDArray[np.float64]:
    """Return the mean cosine of the changes of two pairs of a group, for each group of at least `least` pairs.

    Parameters
    ----------
    groups : Groups
        Of N pairs.
    changes : array (N, ...)
    least : int

    Returns
    -------
    array (G',)
        In the order of the groups.

    Examples
    --------
    >>> groups = Groups(np.array([0, 0, 1]), ("0 to 9", "7 to 1"))
    >>> likeness_within_groups(groups, [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], least=2)
    array([1.])
    """
    changes, least = as_numbers(changes, "changes", "an array (N, ...)"), as_count(least, "least", least=2)
    large = [g for g in range(len(groups)) if groups.sizes[g] >= least]
    return np.array([mean_cosine(changes[groups.index == g]) for g in large])


def pair_cosines(changes: npt.ArrayLike, directions: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the cosine of each change with its direction, (N,).

    Parameters
    ----------
    changes, directions : arrays (N, ...)

    Examples
    --------
    >>> pair_cosines([[1.0, 0.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 1.0]]).round(3)
    array([1.   , 0.707])
    """
    a, b = (as_numbers(v, name, "an array (N, ...)") for v, name in ((changes, "changes"), (directions, "directions")))
    if a.shape != b.shape:
        raise ValueError(f"changes and directions must have one shape, not {a.shape} and {b.shape}")
    return np.array([mean_cosine(np.stack(pair)) for pair in zip(a, b, strict=True)])
