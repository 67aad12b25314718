"""Does a profile of filter scores tell classes apart? Rank correlation within and between classes (Lo & Ding, V.A).

The paper shows profiles of a few images and calls them "quite similar" within an identity. Here it is measured: how
alike the scores of two images are, for two images of one class, and for two of different classes.
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
        """Within minus between: 0 where a profile does not depend on the class."""
        return self.within - self.between


def rank_correlations(scores: npt.ArrayLike, others: npt.ArrayLike | None = None) -> npt.NDArray[np.float64]:
    """Return Spearman's rank correlation of every row with every row; equal scores share their mean rank.

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

    Raises
    ------
    ValueError
        If there are fewer than 2 filters, or the rows are not of the same filters.

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
        Which pairs count; all unless given. Leave copies of one image out (`different_pictures`).

    Returns
    -------
    WithinBetween

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
    likeness, same, counts = _as_pairs(likeness, labels, counted)
    return _means(likeness, same, counts)


def likeness_of_classes(
    likeness: npt.ArrayLike, labels: npt.ArrayLike, counted: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Average a likeness over the pairs of images of every two classes.

    Parameters
    ----------
    likeness, labels, counted
        As in `within_between`.

    Returns
    -------
    array (K, K)
        Symmetric; NaN where there is no pair.

    Examples
    --------
    >>> likeness_of_classes([[1, 0.9, 0.2], [0.9, 1, 0.4], [0.2, 0.4, 1]], [0, 0, 1])
    array([[0.9, 0.3],
           [0.3, nan]])
    """
    likeness, _, counts = _as_pairs(likeness, labels, counted)
    t = as_whole(labels, "labels", "an array (N,)")
    one_hot = (t == np.arange(t.max() + 1)[:, None]).astype(np.float64)  # (K, N)
    pairs = (counts | counts.T).astype(np.float64)
    n = one_hot @ pairs @ one_hot.T
    return (one_hot @ np.where(pairs, likeness, 0) @ one_hot.T) / np.where(n, n, np.nan)


def most_alike(
    likeness: npt.ArrayLike, counted: npt.ArrayLike | None = None, among: npt.ArrayLike | None = None
) -> npt.NDArray[np.intp]:
    """Return for each image the other image that is most like it: its nearest neighbour.

    Parameters
    ----------
    likeness, counted
        As in `within_between`.
    among : array of indices, optional
        Images to choose from, such as those of the training set; all unless given.

    Returns
    -------
    array (N,)
        Indices of images.

    Examples
    --------
    >>> most_alike([[1, 0.9, 0.2], [0.9, 1, 0.4], [0.2, 0.4, 1]])
    array([1, 0, 1])
    """
    likeness = _as_likeness(likeness)
    N = len(likeness)
    allowed = _as_counted(counted, N) & ~np.eye(N, dtype=bool)
    if among is not None:
        chosen = as_whole(among, "among", "indices of images", ndim=1, least=0, most=N - 1)
        allowed[:, np.setdiff1d(np.arange(N), chosen)] = False
    return np.where(allowed, likeness, -np.inf).argmax(axis=1)


def different_pictures(n: int, copies: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    """Return which pairs of n images are not the same picture: the `counted` of `within_between` and its like.

    Parameters
    ----------
    n : int
    copies : pairs (image, its copy)
        As `nnpg.data.find_duplicates` finds them.

    Returns
    -------
    bool array (n, n)

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
    counted: npt.ArrayLike | None = None,
    *,
    permutations: int,
    rng: int | np.random.Generator,
) -> float:
    """Return the probability that labels in random order put within at least as far above between (one-sided).

        p = (1 + number of permutations with a difference at least as large) / (1 + permutations)

    (Phipson and Smyth 2010: never 0.) The labels of whole images are permuted, not those of pairs, because pairs share
    images (Mantel 1967).

    Parameters
    ----------
    likeness, labels, counted
        As in `within_between`. For several networks give the mean of their likenesses.
    permutations : int
    rng : int or numpy.random.Generator

    Examples
    --------
    >>> likeness = np.kron(np.eye(5), np.ones((4, 4)))
    >>> permutation_test(likeness, np.repeat(np.arange(5), 4), permutations=999, rng=0)
    0.001
    """
    permutations, rng = as_count(permutations, "permutations"), as_generator(rng)
    likeness, same, counts = _as_pairs(likeness, labels, counted)
    difference = _means(likeness, same, counts).difference
    as_large = 0
    for _ in range(permutations):
        order = rng.permutation(len(likeness))
        permuted = _means(likeness, same[np.ix_(order, order)], counts).difference
        as_large += permuted >= difference - 1e-12  # rounding is no difference
    return (1 + as_large) / (1 + permutations)


def _standard_ranks(scores: npt.ArrayLike, name: str) -> Array:
    """Return the ranks of each row with mean 0 and length 1, so that a product of two rows is their correlation."""
    from scipy.stats import rankdata

    s = as_numbers(scores, name, "an array (N, M)", ndim=2, finite=True).astype(np.float64)
    if s.shape[1] < 2:
        raise ValueError(f"{name} must be an array (N, M) of at least 2 filters, not {described(s)}")
    ranks = rankdata(s, axis=1) - (s.shape[1] + 1) / 2
    length = np.sqrt((ranks * ranks).sum(axis=1, keepdims=True))
    return ranks / np.where(length, length, np.nan)


def _as_pairs(
    likeness: npt.ArrayLike, labels: npt.ArrayLike, counted: npt.ArrayLike | None
) -> tuple[Array, Array, Array]:
    """Return the likeness, which pairs are of one class, and which count: each pair once, above the diagonal."""
    likeness = _as_likeness(likeness)
    N = len(likeness)
    labels = as_whole(labels, "labels", f"an array ({N},), one for each row of the likeness,", ndim=1, least=0)
    if len(labels) != N:
        raise ValueError(f"labels must be {N}, one for each row of the likeness, not {len(labels)}")
    allowed = _as_counted(counted, N)
    counts = np.triu(np.ones_like(likeness, bool), 1) & allowed & allowed.T
    same = labels[:, None] == labels
    if not (same & counts).any() or not (~same & counts).any():
        raise ValueError("there must be a pair of images of one class and a pair of different classes")
    return likeness, same, counts


def _as_likeness(likeness: npt.ArrayLike) -> Array:
    """Return a likeness of every image with every image, (N, N)."""
    r = as_numbers(likeness, "likeness", "an array (N, N)", ndim=2, finite=True).astype(np.float64)
    if r.shape[0] != r.shape[1] or r.size == 0:
        raise ValueError(f"likeness must be an array (N, N), not {described(r)}")
    return r


def _as_counted(counted: npt.ArrayLike | None, N: int) -> Array:
    """Return which pairs count, (N, N); all of them for None."""
    if counted is None:
        return np.ones((N, N), bool)
    allowed = as_units(counted, "counted")
    if allowed.shape != (N, N):
        raise ValueError(f"counted must be a bool array ({N}, {N}), not {described(allowed)}")
    return allowed


def _means(likeness: Array, same: Array, counts: Array) -> WithinBetween:
    """Return the mean over the pairs that count of one class, and over those of different classes."""
    return WithinBetween(float(likeness[same & counts].mean()), float(likeness[~same & counts].mean()))
