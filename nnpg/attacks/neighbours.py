"""The exact nearest neighbour of each image among many, by matrix products of blocks (Lo & Ding 2015, X.A)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.support.arguments import as_numbers
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array

QUERIES, REFERENCES = 500, 5000  # in a block: its distances take 10 MB


def nearest_images(
    queries: npt.ArrayLike, references: npt.ArrayLike, *, progress: bool | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which reference is nearest to each query in Euclidean distance, and that distance.

    |q - r|^2 = |q|^2 - 2 q.r + |r|^2 by one float32 product a block. What its rounding could hide is computed again,
    in float64 from the differences, so the answer is that of the plain search; of equal references the first.

    Parameters
    ----------
    queries : array (Q, ...)
    references : array (R, ...)
        Of the same shape of image.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    index : array (Q,), int
    distance : array (Q,), float64

    Raises
    ------
    ValueError
        If the images differ in shape, there are none, or one is not finite.

    Examples
    --------
    >>> nearest_images([[0.0, 0.1], [3.0, 3.0]], [[3.0, 4.0], [0.0, 0.0]])
    (array([1, 0]), array([0.1, 1. ]))
    """
    q, r = (
        as_numbers(a, name, "images (N, ...)", finite=True)
        for a, name in ((queries, "queries"), (references, "references"))
    )
    if q.ndim == 0 or r.ndim == 0 or q.shape[1:] != r.shape[1:] or len(q) == 0 or len(r) == 0:
        raise ValueError(f"queries and references must be images of one shape, at least one, not {q.shape}, {r.shape}")
    q, r = q.reshape(len(q), -1), r.reshape(len(r), -1)
    middle = r.mean(axis=0, dtype=np.float64).astype(np.float32)  # shorter vectors are rounded less
    short_q, short_r = (a.astype(np.float32, copy=False) - middle for a in (q, r))
    length_q, length_r = (np.einsum("ni,ni->n", a, a, dtype=np.float64) for a in (short_q, short_r))
    if not (np.isfinite(length_q).all() and np.isfinite(length_r).all()):
        raise ValueError("queries or references hold NaN or infinity")
    # a sum of m rounded products is off by (m + 4) u |q| |r| at most, and eps = 2 u
    eps, longest = float(np.finfo(np.float32).eps), float(length_r.max())
    unsure = (q.shape[1] + 4) * eps
    index, distance = np.empty(len(q), np.int64), np.empty(len(q))
    with progress_bar("nearest images", len(q), show=progress) as advance:
        for n in range(0, len(q), QUERIES):
            some = slice(n, n + QUERIES)
            gap = np.empty((len(q[some]), len(r)), np.float32)
            for m in range(0, len(r), REFERENCES):
                part = slice(m, m + REFERENCES)
                gap[:, part] = length_r[part] - 2 * (short_q[some] @ short_r[part].T)
            room = unsure * np.sqrt(length_q[some] * longest) + 2 * eps * (longest + length_q[some])
            near = gap <= (gap.min(axis=1) + 2 * room)[:, None]
            for i, candidates in enumerate(near, n):
                index[i], distance[i] = _nearest(q[i], r, np.flatnonzero(candidates))
            advance(len(q[some]))
    return index, distance


def _nearest(q: Array, r: Array, candidates: Array) -> tuple[int, float]:
    squares = ((r[candidates].astype(np.float64) - q) ** 2).sum(axis=1)
    best = int(squares.argmin())
    return int(candidates[best]), float(np.sqrt(squares[best]))
