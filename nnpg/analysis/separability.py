"""Can a line separate two kinds of points, as the last layer of a network must (Lo 2016, 2.4)?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import as_numbers, as_units, described


def linearly_separable(points: npt.ArrayLike, kind: npt.ArrayLike) -> bool:
    """Return whether some (w, b) gives w . p + b > 0 for exactly the points of one kind; by linear programming.

    Parameters
    ----------
    points : array (P, D)
    kind : bool array (P,)

    Returns
    -------
    bool

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

    p = as_numbers(points, "points", "an array (P, D)", ndim=2, finite=True).astype(np.float64)
    kind = as_units(kind, "kind")
    if kind.shape != (len(p),) or p.size == 0:
        raise ValueError(f"kind must be {len(p)} of True and False, one for each of the points, not {described(kind)}")
    sign = np.where(kind, 1.0, -1.0)[:, None]
    rows = -sign * np.hstack([p, np.ones((len(p), 1))])  # sign (w . p + b) >= 1
    solution = linprog(np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(p)), bounds=(None, None))
    return bool(solution.success)
