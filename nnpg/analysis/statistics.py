"""How certain a number is: intervals for shares, means and medians, tests, and the correlation of two rankings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.support.arguments import as_count, as_function, as_generator, as_number, as_numbers, described

FEWEST_EQUAL = 5  # equal values make an interval: a value that half of all nets have comes so often in 1 of 32 cases


class Interval(NamedTuple):
    """A value and its 95% interval; with a format such as ".0%" it reads "5% (1% to 16%)"."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})" if spec else str(self)


def wilson(successes: int, n: int) -> Interval:
    """Return a share and its 95% interval (Wilson 1927), which stays inside [0, 1] and has a width at 0 and n too.

    Parameters
    ----------
    successes, n : int
        Of n independent trials.

    Examples
    --------
    >>> [round(v, 3) for v in wilson(2, 41)]
    [0.049, 0.013, 0.161]
    """
    n = as_count(n, "n")
    successes = as_count(successes, "successes", least=0, most=n)
    z, p = 1.959964, successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else max(0.0, middle - half)  # where rounding would leave 1e-18
    return Interval(p, low, 1.0 if successes == n else min(1.0, middle + half))


def mean_interval(values: npt.ArrayLike, *, confidence: float = 0.95, step: float = 0.0) -> Interval:
    """Return the mean of independent values and its interval (Student's t).

    The ends are NaN for one value, and for two to four that are equal: values that differ by steps, such as shares of
    few images, are often equal by chance, and t would take them for certain.

    Parameters
    ----------
    values : array (n,)
    confidence : float in (0, 1)
        1 - 0.05 / m for m comparisons that must all be right at once (Bonferroni).
    step : float
        Of which all values are multiples, such as 1 / 2000 for shares of 2,000 images. Their standard deviation then
        counts as at least that of rounding to it, step / sqrt(12), and equal values have an interval too.

    Examples
    --------
    >>> [round(v, 2) for v in mean_interval([1.0, 2.0, 3.0])]
    [2.0, -0.48, 4.48]
    >>> mean_interval([0.5, 0.5]), [round(v, 2) for v in mean_interval([0.5, 0.5], step=1 / 40)]
    (Interval(value=0.5, low=nan, high=nan), [0.5, 0.44, 0.56])
    """
    from scipy.stats import t

    v, confidence = _sample(values, "values"), as_number(confidence, "confidence", above=0, below=1)
    mean, n, rounding = float(v.mean()), len(v), as_number(step, "step", least=0) / math.sqrt(12)
    if n < 2 or (rounding == 0 and n < FEWEST_EQUAL and (v == v[0]).all()):
        return Interval(mean, math.nan, math.nan)
    half = float(t.ppf((1 + confidence) / 2, n - 1) * max(v.std(ddof=1), rounding) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half)


def interval_over_groups(values: npt.ArrayLike, groups: npt.ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return the mean over groups of each group's mean, and its interval over the groups (Student's t).

    For values that depend on each other inside a group, such as images of one trained network: the group is then the
    unit that is independent, and n is the number of groups.

    Parameters
    ----------
    values : array (M,)
    groups : array (M,)
        Which group each value belongs to; every group weighs the same.
    confidence : float in (0, 1)
        1 - 0.05 / m for m comparisons that must all be right at once (Bonferroni).

    Returns
    -------
    Interval
        Its ends are NaN where there is one group: nothing tells how much another would differ.

    Raises
    ------
    ValueError
        If the groups do not fit the values, or there is none.

    Examples
    --------
    >>> found = interval_over_groups([0, 1, 1, 1, 0, 0], ["net 1", "net 1", "net 2", "net 2", "net 3", "net 3"])
    >>> [round(v, 2) for v in found], [round(v, 2) for v in mean_interval([0, 1, 1, 1, 0, 0])]
    ([0.5, -0.74, 1.74], [0.5, -0.07, 1.07])
    """
    v, names = _sample(values, "values"), _as_groups(groups)
    if names.shape != v.shape:
        raise ValueError(f"groups must be {len(v)}, one for each value, not {described(names)}")
    _, group = np.unique(names, return_inverse=True)
    return mean_interval(np.bincount(group, v) / np.bincount(group), confidence=confidence)


def median_interval(values: npt.ArrayLike) -> Interval:
    """Return the median and the distribution-free 95% interval from the order statistics (binomial).

    Its ends are NaN for fewer than 6 values: even the smallest and the largest then miss the median too often.

    Examples
    --------
    >>> median_interval(range(1, 21))
    Interval(value=10.5, low=6.0, high=15.0)
    """
    from scipy.stats import binom

    v = np.sort(_sample(values, "values"))
    if len(v) < 6:
        return Interval(float(np.median(v)), math.nan, math.nan)
    below = max(1, int(binom.ppf(0.025, len(v), 0.5)))  # from this order statistic to its mirror: at least 95%
    return Interval(float(np.median(v)), float(v[below - 1]), float(v[-below]))


def bootstrap(
    statistic: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    n: int,
    *,
    resamples: int,
    rng: int | np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 95% percentile interval of one or more statistics over resamples of n samples with replacement.

    Parameters
    ----------
    statistic : function of indices (n,) -> array
        The statistics of the samples with these indices.
    n, resamples : int
        Samples in each resample, and resamples.
    rng : int or numpy.random.Generator

    Returns
    -------
    low, high : arrays

    Examples
    --------
    >>> x = np.arange(100.0)
    >>> low, high = bootstrap(lambda indices: np.array([x[indices].mean()]), 100, resamples=500, rng=0)
    >>> bool(low[0] < 49.5 < high[0]), bool(high[0] - low[0] < 15)
    (True, True)
    """
    as_function(statistic, "statistic", "of indices (n,) -> array")
    n, resamples, rng = as_count(n, "n"), as_count(resamples, "resamples"), as_generator(rng)
    draws = np.array([statistic(rng.integers(n, size=n)) for _ in range(resamples)])
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    return low, high


def crossed_interval(
    values: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    rng: int | np.random.Generator = 0,
) -> Interval:
    """Return the mean of a table and its interval where rows and columns are both samples, such as nets and images.

    Every net is tested on the same images, so that the cells of the table are not independent. Rows, and groups of
    columns, are drawn again with replacement, independently of each other (the pigeonhole bootstrap, Owen 2007); a 95%
    interval is from the 2.5% to the 97.5% quantile of the means. For few rows or groups that is too narrow, so both
    ends are moved away from the mean by the factor t sqrt(n / (n - 1)) / z, where n is the number of rows or of groups,
    whichever is less, t is Student's quantile for it and z the normal one; but not beyond the range of the values.

    Parameters
    ----------
    values : array (R, C)
        Such as hit or not, for R nets and C images.
    groups : array (C,), optional
        Columns that are drawn together, such as the images of one person; each column alone unless given.
    confidence : float in (0, 1)
        1 - 0.05 / m for m comparisons that must all be right at once (Bonferroni).
    resamples : int
    rng : int or numpy.random.Generator

    Returns
    -------
    Interval
        Its ends are NaN where there is one row or one group: nothing tells how much another would differ. So they are
        where all cells are equal, and rows or groups are fewer than five (see `mean_interval`).

    Raises
    ------
    ValueError
        If values are no table of numbers, or groups do not fit.

    Examples
    --------
    >>> hits = [[0, 1, 1, 0, 1, 1, 0, 1, 0, 0], [0, 1, 1, 0, 1, 0, 0, 1, 0, 0]] * 5   # nets agree: 10 samples, not 100
    >>> [round(v, 2) for v in crossed_interval(hits)], [round(v, 2) for v in wilson(45, 100)]
    ([0.45, 0.1, 0.8], [0.45, 0.36, 0.55])
    """
    from scipy.stats import norm, t

    v = as_numbers(values, "values", "a table (R, C)", ndim=2, finite=True).astype(np.float64)
    if v.size == 0:
        raise ValueError(f"values must be a table (R, C) of finite numbers, not {described(v)}")
    confidence = as_number(confidence, "confidence", above=0, below=1)
    resamples, rng = as_count(resamples, "resamples"), as_generator(rng)
    names = np.arange(v.shape[1]) if groups is None else _as_groups(groups)
    if names.shape != v.shape[1:]:
        raise ValueError(f"groups must be {v.shape[1]}, one for each column of the values, not {described(names)}")
    _, group = np.unique(names, return_inverse=True)
    sizes = np.bincount(group).astype(np.float64)  # (G,)
    sums = np.stack([np.bincount(group, row) for row in v])  # (R, G)
    R, G = sums.shape
    n, mean = min(R, G), float(v.mean())
    if n < (FEWEST_EQUAL if (v == v.flat[0]).all() else 2):
        return Interval(mean, math.nan, math.nan)
    rows, columns = (rng.multinomial(m, np.full(m, 1 / m), size=resamples) for m in (R, G))  # times each is drawn
    means = np.einsum("nr,rg,ng->n", rows, sums, columns, optimize=True) / (R * (columns @ sizes))
    tail = round((1 - confidence) / 2, 12)  # exactly 0.025 for 0.95
    stretch = t.isf(tail, n - 1) / norm.isf(tail) * math.sqrt(n / (n - 1))
    low, high = np.clip(mean + stretch * (np.quantile(means, (tail, 1 - tail)) - mean), v.min(), v.max())
    return Interval(mean, float(low), float(high))


def rank_correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Return Spearman's rank correlation of two lists of values of the same things; NaN where one is constant.

    Examples
    --------
    >>> round(rank_correlation([1, 2, 3, 4], [10, 20, 40, 30]), 3)
    0.8
    """
    a, b = _sample(a, "a"), _sample(b, "b")
    if len(a) != len(b):
        raise ValueError(f"a and b must rank the same things, not {len(a)} and {len(b)}")
    if len(set(a)) < 2 or len(set(b)) < 2:
        return math.nan
    return float(np.corrcoef([_mean_ranks(a), _mean_ranks(b)])[1, 0])


def paired_p(differences: npt.ArrayLike) -> float:
    """Return the two-sided p of a paired t test that independent differences have mean 0.

    NaN for a single one, and for two to four that are equal and not 0 (see `mean_interval`).

    Examples
    --------
    >>> round(paired_p([1.0, 2.0, 3.0]), 3)
    0.074
    """
    from scipy.stats import t

    d = _sample(differences, "differences")
    if len(d) < 2:
        return math.nan
    error = d.std(ddof=1) / np.sqrt(len(d))
    if error <= 1e-12 * abs(d).max():  # all the same
        return 1.0 if abs(d).max() == 0 else math.nan if len(d) < FEWEST_EQUAL else 0.0
    return float(2 * t.sf(abs(d.mean()) / error, len(d) - 1))


def _sample(values: npt.ArrayLike, name: str) -> NDArray[np.float64]:
    """Return at least one finite number, in one row."""
    v = as_numbers(list(values) if isinstance(values, range) else values, name, "at least one", finite=True)
    if v.size == 0:
        raise ValueError(f"{name} must be at least one finite number, not {described(values)}")
    return np.asarray(v, np.float64).ravel()


def _mean_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks from 1 on; equal values share their mean rank."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def _as_groups(groups: npt.ArrayLike) -> NDArray[Any]:
    """Return the groups of columns, as numbers or names."""
    if isinstance(groups, list | tuple) and all(isinstance(group, str) for group in groups):
        return np.asarray(groups)
    if isinstance(groups, np.ndarray) and groups.dtype.kind == "U":
        return groups
    return as_numbers(groups, "groups", "an array (C,)", ndim=1)
