"""Clusters of units that adversarial images change together (Hinthorn 2017, 6.2: future work)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import as_count, as_numbers, as_whole, described


def volatility_clusters(volatility: npt.ArrayLike, *, clusters: int) -> npt.NDArray[np.int64]:
    """Divide the units of a layer into clusters whose volatilities rise and fall together over the pairs.

    Hinthorn (2017, 6.2) proposes to retain clusters of neurons that are "grouped based on relationships of activities
    under certain stimuli". The relationship here is the correlation over the pairs. Clusters are merged by Ward's rule,
    which adds the least variance inside the clusters, from the standardised volatilities (Ward 1963).

    Parameters
    ----------
    volatility : array (N, F)
        Of each pair and unit, such as `unit_changes(...)["relu3"].volatility`.
    clusters : int
        How many; fewer where there are not as many units that change.

    Returns
    -------
    array (F,), int
        Cluster of each unit, from 0 on; -1 for a unit whose volatility is the same for all pairs.

    Raises
    ------
    ValueError
        If the volatilities are no table of finite numbers with two pairs or more.

    Examples
    --------
    >>> a, b = np.array([[0.0, 1.0, 2.0], [5.0, 1.0, 1.0]])
    >>> volatility_clusters(np.stack([a, b, 3 * a, b, 0 * a], axis=1), clusters=2)
    array([ 0,  1,  0,  1, -1])
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    v = as_numbers(volatility, "volatility", "a table (N, F)", ndim=2, finite=True).astype(np.float64)
    if len(v) < 2 or v.shape[1] < 1:
        raise ValueError(f"volatility must be a table (N, F) of two pairs or more, not {described(v)}")
    clusters = as_count(clusters, "clusters")
    found = np.full(v.shape[1], -1)
    moving = np.flatnonzero(v.max(axis=0) > v.min(axis=0))
    if len(moving) < 2:
        found[moving] = 0
        return found
    z = v[:, moving] - v[:, moving].mean(axis=0)
    points = (z / np.linalg.norm(z, axis=0)).T  # (F, N): half their squared distance is 1 minus the correlation
    names = fcluster(linkage(points, "ward"), min(clusters, len(moving)), "maxclust")
    order = {name: place for place, name in enumerate(dict.fromkeys(names.tolist()))}  # by their first unit
    found[moving] = [order[name] for name in names.tolist()]
    return found


def adjusted_rand(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Return how much two divisions of the same units into clusters agree: 1 if equal, 0 on average by chance.

    The share of pairs of units that both put together, less what is expected by chance (Hubert & Arabie 1985, Eq. 5).

    Parameters
    ----------
    a, b : arrays (F,), int
        Cluster of each unit.

    Returns
    -------
    float
        1 where both put all units together, or each alone.

    Raises
    ------
    ValueError
        If they do not divide the same number of units, or there is none.

    Examples
    --------
    >>> adjusted_rand([0, 0, 1, 1], [5, 5, 2, 2]), round(adjusted_rand([0, 0, 1, 1], [0, 1, 0, 1]), 3)
    (1.0, -0.5)
    """
    first, second = (as_whole(c, name, "clusters (F,)", ndim=1) for c, name in ((a, "a"), (b, "b")))
    if first.shape != second.shape or len(first) == 0:
        raise ValueError(f"a and b must divide the same units, not {described(first)} and {described(second)}")
    _, i = np.unique(first, return_inverse=True)
    _, j = np.unique(second, return_inverse=True)
    table = np.zeros((i.max() + 1, j.max() + 1))
    np.add.at(table, (i, j), 1)
    together, in_a, in_b, every = (_pairs(n) for n in (table, table.sum(axis=1), table.sum(axis=0), len(i)))
    expected, most = in_a * in_b / every if every else 0.0, (in_a + in_b) / 2
    return 1.0 if most == expected else float((together - expected) / (most - expected))


def _pairs(n: npt.ArrayLike) -> float:
    """Return the sum of n (n - 1) / 2."""
    n = np.asarray(n)
    return float((n * (n - 1) / 2).sum())
