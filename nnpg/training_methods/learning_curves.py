"""Numbers from the curves of a training: after how many steps the highest value is reached."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import as_number, as_numbers, described
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
