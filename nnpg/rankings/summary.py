"""One ranking for all classes together, and the weakest filters that the layers of a network can spare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from nnpg.scores import Filter, FilterScores
from nnpg.support.arguments import as_count, as_instance, as_sequence, as_text


def overall_scores(scores: FilterScores, *, row: str = "all classes") -> FilterScores:
    """Return one ranking for all classes: the mean of the rows, each divided by its highest magnitude first.

    Gradients of different classes differ by orders of magnitude (Lo & Ding 2015, V.B): without the division one class
    would decide the ranking. Rows without scores are left out.

    Parameters
    ----------
    scores : FilterScores
    row : str
        Name of the one row of the result.

    Raises
    ------
    ValueError
        If no row holds a score.

    Examples
    --------
    >>> scores = FilterScores({"pool1": np.array([[1.0, 2.0], [300.0, 0.0]])}, ("a", "b"), "frobenius", "prob")
    >>> overall_scores(scores).scores["pool1"]
    array([[0.75, 0.5 ]])
    """
    scores, row = as_instance(scores, FilterScores, "scores"), as_text(row, "row")
    highest = abs(scores.matrix).max(axis=1)  # (R,); NaN for a class without images
    rows = np.flatnonzero(~np.isnan(highest))
    if not len(rows):
        raise ValueError("no row holds a score")
    scale = np.where(highest[rows] > 0, highest[rows], 1)[:, None]
    means = {name: (values[rows] / scale).mean(axis=0, keepdims=True) for name, values in scores.scores.items()}
    return replace(scores, scores=means, rows=(row,))


def shared_strongest(scores: FilterScores, *, rows: Sequence[int], n: int) -> float:
    """Return the share of the n strongest filters that two rows have in common, the mean over all pairs of rows.

    By chance it is n / M, for M filters.

    Parameters
    ----------
    scores : FilterScores
    rows : at least two rows, by name or number
    n : int

    Examples
    --------
    >>> scores = FilterScores({"a": np.array([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0]])}, ("x", "y"), "frobenius", "prob")
    >>> shared_strongest(scores, rows=[0, 1], n=2)
    0.5
    """
    scores, n = as_instance(scores, FilterScores, "scores"), as_count(n, "n")
    rows = as_sequence(rows, "rows", "rows of the scores")
    if len(rows) < 2:
        raise ValueError(f"rows must be at least 2, not {len(rows)}")
    strongest = [{unit[:2] for unit in scores.strongest(row, n)} for row in rows]
    return float(np.mean([len(a & b) / n for a, b in combinations(strongest, 2)]))


def weakest_leaving(scores: FilterScores, *, row: int | str, n: int, leave: int = 1) -> list[Filter]:
    """Return the n filters with the lowest scores, weakest first, so that every layer keeps some filters.

    Parameters
    ----------
    scores : FilterScores
    row : int or str
    n : int
    leave : int
        Filters that every layer keeps: a network without any filter in a layer passes nothing on.

    Raises
    ------
    ValueError
        If the layers cannot spare n filters.

    Examples
    --------
    >>> scores = FilterScores({"a": np.array([[1.0, 2.0]]), "b": np.array([[3.0, 4.0]])}, ("x",), "frobenius", "prob")
    >>> [unit[:2] for unit in weakest_leaving(scores, row=0, n=2)]
    [('a', 0), ('b', 0)]
    """
    scores = as_instance(scores, FilterScores, "scores")
    n, leave = as_count(n, "n", least=0), as_count(leave, "leave", least=0)
    spare = {layer: values.shape[1] - leave for layer, values in scores.scores.items()}
    chosen: list[Filter] = []
    for unit in scores.weakest(row):
        if len(chosen) < n and spare[unit.layer] > 0:
            chosen.append(unit)
            spare[unit.layer] -= 1
    if len(chosen) < n:
        raise ValueError(f"{n} filters cannot go: every layer must keep {leave}, so that {len(chosen)} can be spared")
    return chosen
