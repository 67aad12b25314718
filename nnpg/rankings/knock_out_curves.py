"""Numbers from knock-out curves: the area, the step at which each class fails, the step that reaches an error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnpg.knockout import Knockout
from nnpg.support.arguments import as_count, as_instance, as_names, as_numbers, described
from nnpg_kernels import Array


def knock_out_area(error: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the area under a knock-out curve, as a share of the largest possible one: 1 if always wrong.

    Strongest first, a better ranking has a larger area; weakest first, a smaller one.

    Parameters
    ----------
    error : array (..., T + 1)
        Error, a fraction, after 0 .. T knock-outs.

    Returns
    -------
    array (...)
        By the trapezoidal rule, over T.

    Examples
    --------
    >>> float(knock_out_area([0.0, 1.0, 1.0]))
    0.75
    """
    error = as_numbers(error, "error", "an array (..., T + 1)").astype(np.float64)
    if error.ndim == 0 or error.shape[-1] < 2:
        raise ValueError(
            f"a knock-out curve holds at least 2 errors, intact and after one filter, not shape {error.shape}"
        )
    return (error[..., 1:] + error[..., :-1]).mean(axis=-1) / 2


def failure_steps(knockout: Knockout) -> Array:
    """Return after how many knock-outs each class first fails: its images are predicted most often as another class.

    (Lo & Ding 2015, Fig. 3: the mode prediction.)

    Parameters
    ----------
    knockout : Knockout

    Returns
    -------
    array (K,)
        T + 1 for a class that never fails, -1 for a class without images.

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


def steps_to_reach(error: npt.ArrayLike, level: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return after how many knock-outs an error first reaches a level; T + 1 where it never does.

    Parameters
    ----------
    error : array (..., T + 1)
    level : array (...)
        One for all curves, or one per curve.

    Returns
    -------
    array (...)

    Examples
    --------
    >>> steps_to_reach([[0.0, 0.2, 0.5], [0.0, 0.1, 0.1]], [0.2, 0.4])
    array([1, 3])
    """
    error, level = as_numbers(error, "error", "an array (..., T + 1)"), as_numbers(level, "level", "an array (...)")
    if error.ndim == 0 or error.shape[-1] == 0:
        raise ValueError(f"error must be an array (..., T + 1), not {described(error)}")
    if level.shape not in ((), error.shape[:-1]):
        raise ValueError(f"level and error must be one level for each curve, not {level.shape} and {error.shape}")
    reached = error >= level[..., None]
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1), error.shape[-1])


def describe_failures(knockout: Knockout, class_names: Sequence[str]) -> str:
    """Return a line for each step at which classes first fail (`failure_steps`), with their names.

    Examples
    --------
    >>> from nnpg import Filter
    >>> predictions = np.array([[0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 0, 0]])
    >>> curve = Knockout((Filter("pool1", 2), Filter("pool1", 0)), predictions, np.array([0, 0, 1, 1]), 2)
    >>> print(describe_failures(curve, ["Ann", "Bob"]))
    after  1: Bob
    after  2: Ann
    """
    steps, T = failure_steps(knockout), len(knockout.filters)
    names, lines = as_names(class_names, "class_names", knockout.K), []
    for step in np.unique(steps[steps >= 0]):
        when = f"after {step:2}" if step <= T else "never   "
        lines.append(f"{when}: " + ", ".join(names[int(c)] for c in np.flatnonzero(steps == step)))
    return "\n".join(lines)


def describe_steps(knockout: Knockout, class_names: Sequence[str], *, most: int = 3) -> str:
    """Return a line per step: the filter, the overall error, and the classes predicted most often, with their counts.

    Examples
    --------
    >>> from nnpg import Filter
    >>> curve = Knockout((Filter("pool1", 2),), np.array([[0, 0, 1], [0, 0, 0]]), np.array([0, 0, 1]), 2)
    >>> print(describe_steps(curve, ["Ann", "Bob"]))
     0  intact    overall_error   0%  predicted most: Ann 2, Bob 1
     1  pool1[2]  overall_error  33%  predicted most: Ann 3, Bob 0
    """
    knockout, most = as_instance(knockout, Knockout, "knockout"), as_count(most, "most", least=0)
    names, lines = as_names(class_names, "class_names", knockout.K), []
    for step, error in enumerate(knockout.overall_error):
        counts = knockout.confusion(step).sum(axis=0)
        label = "intact" if step == 0 else str(knockout.filters[step - 1])
        leading = ", ".join(f"{names[c]} {counts[c]}" for c in np.argsort(-counts, kind="stable")[:most])
        lines.append(f"{step:2}  {label:8}  overall_error {error:4.0%}  predicted most: {leading}")
    return "\n".join(lines)
