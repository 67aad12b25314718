"""Numbers from the curves of a training: after how many steps the highest value is reached.

A curve that still rises when the training ends has not shown its optimum. The steps to it are then censored: they are
more than the steps to the highest value that was seen. `Optima` says which, `median_steps` is the median of Kaplan &
Meier (1958), and `times_fewer` compares two trainings by the bounds that censored steps give.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.support.arguments import as_instance, as_number, as_numbers, described
from nnpg_kernels import Array


def steps_to_optimum(steps: npt.ArrayLike, curves: npt.ArrayLike, *, within: float = 0.01) -> Array:
    """Return after how many steps each curve was first no more than `within` below its highest value.

    Parameters
    ----------
    steps : array (T,)
    curves : array (R, T)
        Accuracies after so many steps, for R runs.
    within : float

    Returns
    -------
    array (R,)

    Raises
    ------
    ValueError
        If the curves do not fit the steps, or there is none.

    Examples
    --------
    >>> steps_to_optimum([0, 100, 200, 300], [[0.1, 0.6, 0.895, 0.9]])
    array([200])
    """
    at_steps = as_numbers(steps, "steps", "an array (T,)", ndim=1)
    values = as_numbers(curves, "curves", f"an array (R, {len(at_steps)})", ndim=2)
    if values.shape[1] != len(at_steps) or values.size == 0:
        raise ValueError(f"curves must be an array (R, {len(at_steps)}), not {described(values)}")
    reached = values >= values.max(axis=1, keepdims=True) - as_number(within, "within", least=0)
    return np.asarray(at_steps[reached.argmax(axis=1)])


class Optima(NamedTuple):
    """Steps to the optimum of R runs, and whether each run reached it; where it did not, the steps are a lower bound.

    `optima` makes one.
    """

    steps: Array
    reached: Array


def optima(steps: npt.ArrayLike, curves: npt.ArrayLike, *, within: float = 0.01, flat: float = 0.25) -> Optima:
    """Return after how many steps each curve was no more than `within` below its highest value, and if that is flat.

    Parameters
    ----------
    steps : array (T,)
    curves : array (R, T)
        Accuracies after so many steps, for R runs.
    within : float
    flat : float in (0, 1)
        Share of the steps: a run reached its optimum if it was this near to it before the last share of its steps.

    Returns
    -------
    Optima
        Arrays (R,).

    Raises
    ------
    ValueError
        If the curves do not fit the steps, or there is none.

    Examples
    --------
    >>> found = optima([0, 100, 200, 300, 400], [[0.1, 0.6, 0.895, 0.9, 0.9], [0.1, 0.2, 0.3, 0.4, 0.5]])
    >>> found.steps, found.reached
    (array([200, 400]), array([ True, False]))
    """
    taken = steps_to_optimum(steps, curves, within=within)
    share = as_number(flat, "flat", above=0, below=1)
    return Optima(taken, taken <= (1 - share) * np.max(as_numbers(steps, "steps", "an array (T,)")))


def median_steps(found: Optima) -> float:
    """Return the median of the steps to the optimum, censored runs included (Kaplan & Meier 1958).

    It is infinite where half of the runs or more are not known to have reached it.

    Examples
    --------
    >>> median_steps(Optima(np.array([100, 200, 300]), np.array([True, True, False])))
    200.0
    >>> median_steps(Optima(np.array([100, 200, 300]), np.array([True, False, False])))
    inf
    """
    from scipy.stats import CensoredData, ecdf

    as_instance(found, Optima, "found")
    surviving = ecdf(CensoredData.right_censored(found.steps, ~np.asarray(found.reached, bool))).sf
    half = surviving.quantiles[surviving.probabilities <= 0.5 + 1e-12]
    return float(half[0]) if len(half) else math.inf


def times_fewer(baseline: Optima, other: Optima, *, confidence: float = 0.95) -> Interval:
    """Return how many times fewer steps than the baseline others take: the geometric mean over R paired runs.

    A run that did not reach its optimum bounds the ratio of its pair on one side: a baseline from below, another from
    above. The lower end is Student's for the mean logarithm of the lowest ratios possible, the upper end that of the
    highest; an end that nothing bounds is 0 or infinite. Each end bounds that of the true ratios, so the confidence is
    at least that asked for. The value takes every run as if it had reached its optimum.

    Parameters
    ----------
    baseline, other : Optima
        Of R runs each; run r of both starts from the same network. 0 steps count as 1.
    confidence : float in (0, 1)

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If the numbers of runs differ.

    Examples
    --------
    >>> control = Optima(np.array([400, 420, 390]), np.array([True, True, True]))
    >>> faster = Optima(np.array([200, 205, 200]), np.array([True, True, True]))
    >>> [round(v, 2) for v in times_fewer(control, faster)]
    [2.0, 1.88, 2.13]
    >>> late = Optima(np.array([400, 420, 390]), np.array([True, True, False]))
    >>> [round(v, 2) for v in times_fewer(late, faster)]
    [2.0, 1.88, inf]
    """
    before, after = as_instance(baseline, Optima, "baseline"), as_instance(other, Optima, "other")
    if len(before.steps) != len(after.steps):
        raise ValueError(
            f"baseline and other must be as many runs, not {len(before.steps)} and {len(after.steps)}: run r of both "
            "starts from the same network"
        )
    log = np.log(np.maximum(1, before.steps)) - np.log(np.maximum(1, after.steps))  # of the ratio as it was seen
    least, most = np.where(after.reached, log, -math.inf), np.where(before.reached, log, math.inf)
    low = mean_interval(least, confidence=confidence).low if np.isfinite(least).all() else -math.inf
    high = mean_interval(most, confidence=confidence).high if np.isfinite(most).all() else math.inf
    return Interval(*(float(np.exp(v)) for v in (log.mean(), low, high)))
