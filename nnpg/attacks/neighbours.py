"""The exact nearest neighbour of each image among many, by matrix products of blocks (Lo & Ding 2015, X.A)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from nnpg.support.arguments import as_numbers
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array

QUERIES, REFERENCES = 500, 5000  # per block, whose distances take 10 MB


def nearest_images(
    queries: npt.ArrayLike, references: npt.ArrayLike, *, progress: bool | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which reference is nearest to each query in Euclidean distance, and that distance.

    |q - r|^2 = |q|^2 - 2 q.r + |r|^2 by one float32 product per block. All references that are nearest within its
    rounding are compared again, in float64 from the differences, so the answer is that of the plain search; of equal
    references the first.

    Parameters
    ----------
    queries : array (Q, ...)
    references : array (R, ...)
        Images of the same shape.
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
    mean = r.mean(axis=0, dtype=np.float64).astype(np.float32)  # rounding errors are smaller for shorter vectors
    centred_q, centred_r = (a.astype(np.float32, copy=False) - mean for a in (q, r))
    length_q, length_r = (np.einsum("ni,ni->n", a, a, dtype=np.float64) for a in (centred_q, centred_r))
    if not (np.isfinite(length_q).all() and np.isfinite(length_r).all()):
        raise ValueError("queries or references hold NaN or infinity")
    # a sum of m rounded products is off by (m + 4) u |q| |r| at most, and eps = 2 u
    eps, longest = float(np.finfo(np.float32).eps), float(length_r.max())
    relative_error = (q.shape[1] + 4) * eps
    index, distance = np.empty(len(q), np.int64), np.empty(len(q))
    with progress_bar("nearest images", len(q), show=progress) as advance:
        for n in range(0, len(q), QUERIES):
            rows = slice(n, n + QUERIES)
            gaps = np.empty((len(q[rows]), len(r)), np.float32)
            for m in range(0, len(r), REFERENCES):
                columns = slice(m, m + REFERENCES)
                gaps[:, columns] = length_r[columns] - 2 * (centred_q[rows] @ centred_r[columns].T)
            rounding = relative_error * np.sqrt(length_q[rows] * longest) + 2 * eps * (longest + length_q[rows])
            close = gaps <= (gaps.min(axis=1) + 2 * rounding)[:, None]
            for i, candidates in enumerate(close, n):
                index[i], distance[i] = _nearest(q[i], r, np.flatnonzero(candidates))
            advance(len(q[rows]))
    return index, distance


def _nearest(q: Array, r: Array, candidates: Array) -> tuple[int, float]:
    squares = ((r[candidates].astype(np.float64) - q) ** 2).sum(axis=1)
    best = int(squares.argmin())
    return int(candidates[best]), float(np.sqrt(squares[best]))
