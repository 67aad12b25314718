"""Is a profile of filter scores a mark of the person? Rank correlation within against between classes (Lo & Ding, V.A).

The paper shows profiles of a few images and calls them "quite similar" within an identity. Here is the number: how
alike the scores of two images are, for two images of one class, and for two of different ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import rank_correlation
from nnpg.support.arguments import as_count, as_generator, as_numbers, as_sequence, as_units, as_whole, described
from nnpg_kernels import Array


class WithinBetween(NamedTuple):
    """Mean likeness of two images of one class, and of two images of different classes."""

    within: float
    between: float

    @property
    def difference(self) -> float:
        """Within less between: 0 where a profile says nothing about the class."""
        return self.within - self.between


def rank_correlations(scores: npt.ArrayLike, others: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
    """Return Spearman's rank correlation of every row with every row; tied scores share their rank.

    Parameters
    ----------
    scores : array (N, M)
        Scores of M filters for N images.
    others : array (R, M), optional
        Correlate with these rows instead.

    Returns
    -------
    array (N, N) or (N, R)
        NaN where a row is constant.

    Examples
    --------
    >>> rank_correlations([[1, 2, 3], [10, 20, 90], [3, 2, 1]]).round(3)
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    a = _standard_ranks(scores, "scores")
    b = a if others is None else _standard_ranks(others, "others")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"scores and others must score the same filters, not {a.shape[1]} and {b.shape[1]}")
    return a @ b.T


def rank_agreement(scores: npt.ArrayLike, others: npt.ArrayLike) -> float:
    """Return the mean of Spearman's rank correlations of each row with the same row of other scores.

    Parameters
    ----------
    scores, others : arrays (N, M)
        Two scores of M filters for each of N images or classes.

    Examples
    --------
    >>> round(rank_agreement([[1, 2, 3], [1, 2, 3]], [[10, 20, 90], [3, 2, 1]]), 3)
    0.0
    """
    a, b = (as_numbers(s, name, "an array (N, M)", ndim=2) for s, name in ((scores, "scores"), (others, "others")))
    if a.shape != b.shape:
        raise ValueError(f"scores and others must have one shape, not {a.shape} and {b.shape}")
    return float(np.mean([rank_correlation(u, v) for u, v in zip(a, b, strict=True)]))


def within_between(
    likeness: npt.ArrayLike, labels: npt.ArrayLike, counted: npt.ArrayLike | None = None
) -> WithinBetween:
    """Average a likeness over the pairs of images of one class, and over those of different classes.

    Parameters
    ----------
    likeness : array (N, N)
        Symmetric; the diagonal is left out.
    labels : array (N,)
    counted : bool array (N, N), optional
        Which pairs count; all unless given. Copies of one image are best left out.

    Raises
    ------
    ValueError
        If shapes do not fit or there is no pair of a kind.

    Examples
    --------
    >>> pair = within_between([[1, 0.9, 0.2], [0.9, 1, 0.4], [0.2, 0.4, 1]], [0, 0, 1])
    >>> pair.within, round(pair.between, 6), round(pair.difference, 6)
    (0.9, 0.3, 0.6)
    """
    r, same, counts = _pairs(likeness, labels, counted)
    return _split(r, same, counts)


def likeness_of_classes(
    likeness: npt.ArrayLike, labels: npt.ArrayLike, counted: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Average a likeness over the pairs of images of every two classes, (K, K); NaN where there is no pair.

    Parameters
    ----------
    likeness, labels, counted
        As in `within_between`.

    Examples
    --------
    >>> likeness_of_classes([[1, 0.9, 0.2], [0.9, 1, 0.4], [0.2, 0.4, 1]], [0, 0, 1])
    array([[0.9, 0.3],
           [0.3, nan]])
    """
    r, _, counts = _pairs(likeness, labels, counted)
    of = (np.asarray(labels) == np.arange(np.max(labels) + 1)[:, None]).astype(np.float64)  # (K, N)
    both = (counts | counts.T).astype(np.float64)
    n = of @ both @ of.T
    return (of @ np.where(both, r, 0) @ of.T) / np.where(n, n, np.nan)


def most_alike(
    likeness: npt.ArrayLike, counted: npt.ArrayLike | None = None, among: npt.ArrayLike | None = None
) -> npt.NDArray[np.intp]:
    """Return the most alike other image of each image, (N,): its nearest neighbour.

    Parameters
    ----------
    likeness, counted
        As in `within_between`.
    among : array of indices, optional
        Images to choose from, such as those of the training set; all unless given.

    Examples
    --------
    >>> most_alike([[1, 0.9, 0.2], [0.9, 1, 0.4], [0.2, 0.4, 1]])
    array([1, 0, 1])
    """
    r = _likeness(likeness)
    allowed = _counted(counted, len(r)) & ~np.eye(len(r), dtype=bool)
    if among is not None:
        chosen = as_whole(among, "among", "indices of images", ndim=1, least=0, most=len(r) - 1)
        allowed[:, np.setdiff1d(np.arange(len(r)), chosen)] = False
    return np.where(allowed, r, -np.inf).argmax(axis=1)


def different_pictures(n: int, copies: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    """Return which pairs of n images are not the same picture, (n, n): what `counted` should leave out.

    Parameters
    ----------
    n : int
    copies : pairs (image, its copy)
        As `nnpg.data.find_duplicates` finds them.

    Examples
    --------
    >>> different_pictures(3, [(0, 2)]).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    n, original = as_count(n, "n"), np.arange(as_count(n, "n"))
    for pair in as_sequence(copies, "copies", "pairs (image, its copy)"):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"copies must be a list of pairs (image, its copy), not of {described(pair)}")
        first, copy = (as_count(image, "an image in copies", least=0, most=n - 1) for image in pair)
        original[copy] = first
    return original[:, None] != original


def permutation_test(
    likeness: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    permutations: int,
    rng: int | np.random.Generator,
    counted: npt.ArrayLike | None = None,
) -> float:
    """Return the probability that labels dealt at random put within at least as far above between (one-sided).

        p = (1 + number of permutations with a difference at least as large) / (1 + permutations)

    (Phipson and Smyth 2010: never 0.) Whole images are relabelled, not pairs, because pairs share images
    (Mantel 1967).

    Parameters
    ----------
    likeness, labels, counted
        As in `within_between`. For several networks, their mean.
    permutations : int
    rng : int or numpy.random.Generator

    Examples
    --------
    >>> likeness = np.kron(np.eye(5), np.ones((4, 4)))
    >>> permutation_test(likeness, np.repeat(np.arange(5), 4), permutations=999, rng=0)
    0.001
    """
    permutations, rng = as_count(permutations, "permutations"), as_generator(rng)
    r, same, counts = _pairs(likeness, labels, counted)
    draw, found = rng, _split(r, same, counts).difference
    as_large = 0
    for _ in range(permutations):
        p = draw.permutation(len(r))
        as_large += _split(r, same[np.ix_(p, p)], counts).difference >= found - 1e-12  # rounding is no difference
    return (1 + as_large) / (1 + permutations)


def _standard_ranks(scores: npt.ArrayLike, name: str) -> Array:
    """Ranks of each row with mean 0 and length 1, so that a product of two rows is their correlation."""
    from scipy.stats import rankdata

    s = as_numbers(scores, name, "an array (N, M)", ndim=2, finite=True).astype(np.float64)
    if s.shape[1] < 2:
        raise ValueError(f"{name} must be an array (N, M) of at least 2 filters, not {described(s)}")
    ranks = rankdata(s, axis=1) - (s.shape[1] + 1) / 2
    length = np.sqrt((ranks * ranks).sum(axis=1, keepdims=True))
    return ranks / np.where(length, length, np.nan)


def _pairs(likeness: npt.ArrayLike, labels: npt.ArrayLike, counted: npt.ArrayLike | None) -> tuple[Array, Array, Array]:
    """The likeness, which pairs are of one class, and which pairs count: each pair once, above the diagonal."""
    r = _likeness(likeness)
    t = as_whole(labels, "labels", f"an array ({len(r)},), one for each row of the likeness,", ndim=1, least=0)
    if len(t) != len(r):
        raise ValueError(f"labels must be {len(r)}, one for each row of the likeness, not {len(t)}")
    which = _counted(counted, len(r))
    counts = np.triu(np.ones_like(r, bool), 1) & which & which.T
    same = t[:, None] == t
    if not (same & counts).any() or not (~same & counts).any():
        raise ValueError("there must be a pair of images of one class and a pair of different classes")
    return r, same, counts


def _likeness(likeness: npt.ArrayLike) -> Array:
    r = as_numbers(likeness, "likeness", "an array (N, N)", ndim=2, finite=True).astype(np.float64)
    if r.shape[0] != r.shape[1] or r.size == 0:
        raise ValueError(f"likeness must be an array (N, N), not {described(r)}")
    return r


def _counted(counted: npt.ArrayLike | None, N: int) -> Array:
    if counted is None:
        return np.ones((N, N), bool)
    which = as_units(counted, "counted")
    if which.shape != (N, N):
        raise ValueError(f"counted must be a bool array ({N}, {N}), not {described(which)}")
    return which


def _split(r: Array, same: Array, counts: Array) -> WithinBetween:
    return WithinBetween(float(r[same & counts].mean()), float(r[~same & counts].mean()))
