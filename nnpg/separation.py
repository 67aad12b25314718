"""Can a line part two kinds of points, as the last layer of a network must (Lo 2016, 2.4)?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def linearly_separable(points: npt.ArrayLike, kind: npt.ArrayLike) -> bool:
    """Return whether some (w, b) gives w . p + b > 0 for exactly the points of one kind; by linear programming.

    Parameters
    ----------
    points : array (P, D)
    kind : bool array (P,)

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> square = [[0, 0], [0, 1], [1, 1], [1, 0]]
    >>> linearly_separable(square, [False, False, True, False]), linearly_separable(square, [False, True, False, True])
    (True, False)
    """
    from scipy.optimize import linprog

    p, k = np.asarray(points, np.float64), np.asarray(kind, bool)
    if p.ndim != 2 or k.shape != (len(p),):
        raise ValueError(f"{len(p)} points (P, D) need as many kinds, not {p.shape} and {k.shape}")
    rows = -np.where(k, 1.0, -1.0)[:, None] * np.hstack([p, np.ones((len(p), 1))])  # sign (w . p + b) >= 1
    found = linprog(np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(p)), bounds=(None, None))
    return bool(found.success)
