"""How unevenly scores are spread over units: how much the largest of them hold (Hinthorn 2017, 6; Gini 1912)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import as_count, as_number, as_numbers, described


def concentration_curve(scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return which part of the sum of the scores the n largest hold, for n = 0 .. M: a curve from 0 to 1.

    Twice the area between it and the diagonal is the Gini coefficient (`gini`).

    Parameters
    ----------
    scores : array (..., M)
        Not negative.

    Returns
    -------
    array (..., M + 1)
        NaN where all scores are 0.

    Examples
    --------
    >>> concentration_curve([1.0, 7.0, 1.0, 1.0])
    array([0. , 0.7, 0.8, 0.9, 1. ])
    """
    s = _as_scores(scores)
    sums = np.cumsum(-np.sort(-s, axis=-1), axis=-1)
    with np.errstate(invalid="ignore"):  # 0 / 0 where all scores are 0
        return np.concatenate([np.zeros((*s.shape[:-1], 1)), sums / sums[..., -1:]], axis=-1)


def gini(scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return how unevenly scores are spread: 0 where all are equal, 1 - 1/M where one of M has all (Gini 1912).

        G = sum_ij |s_i - s_j| / (2 M sum_i s_i)

    It is twice the area between `concentration_curve` and the diagonal.

    Parameters
    ----------
    scores : array (..., M)
        Not negative.

    Returns
    -------
    array (...)

    Examples
    --------
    >>> float(gini([1.0, 1.0, 1.0, 1.0])), float(gini([0.0, 0.0, 0.0, 1.0]))
    (0.0, 0.75)
    """
    s = np.sort(_as_scores(scores), axis=-1)
    M = s.shape[-1]
    weights = 2 * np.arange(1, M + 1) - M - 1
    return (s @ weights) / (M * s.sum(axis=-1))


def top_share(scores: npt.ArrayLike, *, share: float = 0.1) -> npt.NDArray[np.float64]:
    """Return which part of the sum of the scores the largest ceil(share M) of M scores hold.

    Parameters
    ----------
    scores : array (..., M)
        Not negative.
    share : float
        Above 0, at most 1.

    Returns
    -------
    array (...)

    Examples
    --------
    >>> float(top_share([1.0, 7.0, 1.0, 1.0], share=0.25))
    0.7
    """
    share = as_number(share, "share", above=0, most=1)
    curve = concentration_curve(scores)
    return curve[..., units_in_share(share, curve.shape[-1] - 1)]


def still_share(scores: npt.ArrayLike, *, below: float = 0.01) -> npt.NDArray[np.float64]:
    """Return the share of units whose score is below a part of the largest: those that hardly change (Hinthorn, 5.2).

    Parameters
    ----------
    scores : array (..., M)
        Not negative.
    below : float
        Above 0, at most 1.

    Returns
    -------
    array (...)

    Examples
    --------
    >>> float(still_share([1.0, 0.0, 0.005, 0.5]))
    0.5
    """
    below, s = as_number(below, "below", above=0, most=1), _as_scores(scores)
    return np.asarray((s < below * s.max(axis=-1, keepdims=True)).mean(axis=-1))


def units_in_share(share: float, F: int) -> int:
    """Return ceil(share F): how many of F units a share of them is (Hinthorn 2017, 6), rounding errors left out.

    Examples
    --------
    >>> units_in_share(0.55, 100), units_in_share(0.01, 32)
    (55, 1)
    """
    share, F = as_number(share, "share", least=0, most=1), as_count(F, "F")
    return int(np.ceil(round(share * F, 9)))


def upper_group(scores: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which scores are in the upper of the two groups, divided by a threshold, that explain most variance.

        maximise  n_u n_l (mean_u - mean_l)^2  over all thresholds         (Otsu 1979; two means on a line)

    Hinthorn (2017, 6) proposes "a function of the variance of activation volatility across a layer" that separates the
    neurons, and does not give it: the mean of this array is such a first share of units.

    Parameters
    ----------
    scores : array (M,)
        Not negative. Equal scores are in the same group.

    Returns
    -------
    array (M,), bool
        All True where all scores are equal.

    Examples
    --------
    >>> upper_group([0.1, 2.0, 0.3, 1.6])
    array([False,  True, False,  True])
    """
    s = _as_scores(scores)
    if s.ndim != 1:
        raise ValueError(f"scores must be an array (M,), not {described(s)}")
    ranked, M = -np.sort(-s), len(s)
    n = np.arange(1, M)
    ends = ranked[n] < ranked[n - 1]  # a threshold lies between different scores only
    if not ends.any():
        return np.ones(M, bool)
    sums = np.cumsum(ranked)
    upper, lower = sums[:-1] / n, (sums[-1] - sums[:-1]) / (M - n)
    explained = np.where(ends, n * (M - n) * (upper - lower) ** 2, -1.0)
    return s >= ranked[explained.argmax()]


def _as_scores(scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return scores (..., M) that are not negative, at least one."""
    s = as_numbers(scores, "scores", "an array (..., M)").astype(np.float64)
    if s.ndim == 0 or s.shape[-1] == 0 or not (s >= 0).all():
        raise ValueError(
            f"scores must be an array (..., M) of numbers that are not negative, at least one, not {described(s)}"
        )
    return s
