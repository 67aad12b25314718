"""One figure from a knock-out curve, and one ranking for all classes together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from nnpg.scores import FilterScores


def knock_out_area(error: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the area under a knock-out curve, as a share of the largest there can be: 0 never wrong, 1 always wrong.

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
    e = np.asarray(error, np.float64)
    if e.ndim == 0 or e.shape[-1] < 2:
        raise ValueError(f"a knock-out curve holds at least 2 errors, intact and after one filter, not shape {e.shape}")
    return (e[..., 1:] + e[..., :-1]).mean(axis=-1) / 2


def overall_scores(scores: FilterScores, row: str = "all classes") -> FilterScores:
    """Return one ranking for all classes: the mean of the rows, each divided by its highest magnitude first.

    Gradients of different classes differ by orders of magnitude (Lo & Ding 2015, V.B), so that without the division
    one class would rank for all. Rows without scores are left out.

    Examples
    --------
    >>> scores = FilterScores({"pool1": np.array([[1.0, 2.0], [300.0, 0.0]])}, ("a", "b"), "frobenius", "prob")
    >>> overall_scores(scores).scores["pool1"]
    array([[0.75, 0.5 ]])
    """
    highest = abs(scores.matrix).max(axis=1)  # (R,); NaN for a class without images
    seen = np.flatnonzero(~np.isnan(highest))
    if not len(seen):
        raise ValueError("no row holds a score")
    scale = np.where(highest[seen] > 0, highest[seen], 1)[:, None]
    means = {name: (own[seen] / scale).mean(axis=0, keepdims=True) for name, own in scores.scores.items()}
    return replace(scores, scores=means, rows=(row,))
