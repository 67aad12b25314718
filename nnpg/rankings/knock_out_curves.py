"""Reading a knock-out: which class falls first, how many filters an error takes, how even a profile is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnpg.knockout import Knockout
from nnpg.support.arguments import as_count, as_instance, as_names, as_numbers, described
from nnpg_kernels import Array


def failure_steps(knockout: Knockout) -> Array:
    """Return after how many knock-outs each class is first taken for another, by most of its images, (K,).

    A class that never is gives T + 1; one without images, -1. (Lo & Ding 2015, Fig. 3: the mode prediction.)

    Examples
    --------
    >>> from nnpg import Filter
    >>> predictions = np.array([[0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 0, 0]])
    >>> failure_steps(Knockout((Filter("pool1", 2), Filter("pool1", 0)), predictions, np.array([0, 0, 1, 1]), 2))
    array([2, 1])
    """
    knockout = as_instance(knockout, Knockout, "knockout")
    T, K = len(knockout.filters), knockout.K
    wrong = knockout.modes != np.arange(K)  # (T + 1, K)
    steps = np.where(wrong.any(axis=0), wrong.argmax(axis=0), T + 1)
    return np.where(np.bincount(knockout.labels, minlength=K) > 0, steps, -1)


def falls_in_words(knockout: Knockout, names: Sequence[str]) -> str:
    """Return a line for each step at which classes first fall (`failure_steps`), and who does.

    Examples
    --------
    >>> from nnpg import Filter
    >>> predictions = np.array([[0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 0, 0]])
    >>> shown = Knockout((Filter("pool1", 2), Filter("pool1", 0)), predictions, np.array([0, 0, 1, 1]), 2)
    >>> print(falls_in_words(shown, ["Ann", "Bob"]))
    after  1: Bob
    after  2: Ann
    """
    steps, T, names = failure_steps(knockout), len(knockout.filters), as_names(names, "names", knockout.K)
    lines = []
    for step in np.unique(steps[steps >= 0]):
        when = f"after {step:2}" if step <= T else "never   "
        lines.append(f"{when}: " + ", ".join(names[int(c)] for c in np.flatnonzero(steps == step)))
    return "\n".join(lines)


def steps_in_words(knockout: Knockout, names: Sequence[str], *, most: int = 3) -> str:
    """Return a line a step: what went, the overall error, and the classes predicted most, with their counts.

    Examples
    --------
    >>> from nnpg import Filter
    >>> shown = Knockout((Filter("pool1", 2),), np.array([[0, 0, 1], [0, 0, 0]]), np.array([0, 0, 1]), 2)
    >>> print(steps_in_words(shown, ["Ann", "Bob"]))
     0  intact    overall_error   0%  predicted most: Ann 2, Bob 1
     1  pool1[2]  overall_error  33%  predicted most: Ann 3, Bob 0
    """
    knockout, most = as_instance(knockout, Knockout, "knockout"), as_count(most, "most", least=0)
    names, lines = as_names(names, "names", knockout.K), []
    for step, error in enumerate(knockout.overall_error):
        taken = knockout.confusion(step).sum(axis=0)
        gone = "intact" if step == 0 else str(knockout.filters[step - 1])
        leading = ", ".join(f"{names[c]} {taken[c]}" for c in np.argsort(-taken, kind="stable")[:most])
        lines.append(f"{step:2}  {gone:8}  overall_error {error:4.0%}  predicted most: {leading}")
    return "\n".join(lines)


def gini(scores: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return how unevenly scores are spread: 0 where all are equal, 1 - 1/M where one of M has all (Gini 1912).

        G = sum_ij |s_i - s_j| / (2 M sum_i s_i)

    Parameters
    ----------
    scores : array (..., M)
        Not negative.

    Examples
    --------
    >>> float(gini([1.0, 1.0, 1.0, 1.0])), float(gini([0.0, 0.0, 0.0, 1.0]))
    (0.0, 0.75)
    """
    s = as_numbers(scores, "scores", "an array (..., M)").astype(np.float64)
    if s.ndim == 0 or s.shape[-1] == 0 or not (s >= 0).all():
        raise ValueError(
            f"scores must be an array (..., M) of numbers that are not negative, at least one, not {described(s)}"
        )
    s = np.sort(s, axis=-1)
    M = s.shape[-1]
    weights = 2 * np.arange(1, M + 1) - M - 1
    return (s @ weights) / (M * s.sum(axis=-1))


def steps_to_reach(error: npt.ArrayLike, level: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return after how many knock-outs an error first reaches a level; T + 1 where it never does.

    Parameters
    ----------
    error : array (..., T + 1)
    level : array (...)

    Examples
    --------
    >>> steps_to_reach([[0.0, 0.2, 0.5], [0.0, 0.1, 0.1]], [0.2, 0.4])
    array([1, 3])
    """
    e, goal = as_numbers(error, "error", "an array (..., T + 1)"), as_numbers(level, "level", "an array (...)")
    if e.ndim == 0 or e.shape[-1] == 0:
        raise ValueError(f"error must be an array (..., T + 1), not {described(e)}")
    if goal.shape not in ((), e.shape[:-1]):
        raise ValueError(f"level and error must be one level for each curve, not {goal.shape} and {e.shape}")
    reached = e >= goal[..., None]
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1), e.shape[-1])
