"""Which images excite a unit, or any other direction of a layer, most, and whether they are of one kind.

A unit is the direction e_i of the space of a layer's outputs phi(x); Szegedy et al. (2013, 3) compare the images with
the largest <phi(x), e_i> to those with the largest <phi(x), v> for random v, by eye. A number for it: the purity of the
labels of such a row of images, and whether it is larger for units than for random directions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg_kernels import Array

Indices = npt.NDArray[np.int64]


class Difference(NamedTuple):
    """A difference, and how often chance makes one as large (two-sided)."""

    difference: float
    p: float


def features(net: Network, x: npt.ArrayLike, at: str, *, batch: int = 256) -> Array:
    """Return the output `at` for all images, one row an image (N, D).

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.ReLU()], input_shape=(1, 5, 5), rng=0)
    >>> features(net, np.zeros((4, 1, 5, 5)), "relu1").shape
    (4, 18)
    """
    x = np.asarray(x)
    rows = [net.backend.to_numpy(net.forward(x[n : n + batch], upto=at).y) for n in range(0, len(x), batch)]
    return np.concatenate([row.reshape(len(row), -1) for row in rows])


def random_directions(D: int, S: int, rng: int | np.random.Generator) -> Array:
    """Return S random unit vectors (S, D), each direction as likely: rows of a random basis while S <= D.

    Examples
    --------
    >>> v = random_directions(5, 3, rng=0)
    >>> (v @ v.T).round(12) + 0.0
    array([[1., 0., 0.],
           [0., 1., 0.],
           [0., 0., 1.]])
    """
    rng = np.random.default_rng(rng)
    v = rng.standard_normal((S, D))
    if S <= D:
        q, r = np.linalg.qr(v.T)
        return np.asarray((q * np.sign(np.diag(r))).T)
    return np.asarray(v / np.linalg.norm(v, axis=1, keepdims=True))


def strongest_images(rows: npt.ArrayLike, directions: npt.ArrayLike, n: int) -> Indices:
    """Return the n images with the largest <phi(x), v> for each direction v, strongest first (S, n).

    Parameters
    ----------
    rows : array (N, D)
        phi(x); see `features`.
    directions : array (S, D)
    n : int
        Of equal images the first ones.

    Raises
    ------
    ValueError
        If the shapes do not fit or there are fewer than n images.

    Examples
    --------
    >>> strongest_images([[0.0, 3.0], [1.0, 1.0], [2.0, 2.0]], np.eye(2), 2)
    array([[2, 1],
           [0, 2]])
    """
    phi, v = np.asarray(rows), np.asarray(directions)
    if phi.ndim != 2 or v.ndim != 2 or phi.shape[1] != v.shape[1] or not 0 < n <= len(phi):
        raise ValueError(
            f"rows (N, D) and directions (S, D) must fit, and 0 < n <= N: not {phi.shape}, {v.shape} and n={n}"
        )
    return np.argsort(-(v @ phi.T), axis=1, kind="stable")[:, :n].astype(np.int64)


def purity(labels: npt.ArrayLike, images: Indices) -> npt.NDArray[np.float64]:
    """Return the share of the most common label in each row of images (S,).

    Parameters
    ----------
    labels : array (N,), int
    images : array (S, n)
        As `strongest_images` gives them.

    Examples
    --------
    >>> purity([0, 0, 1, 2], np.array([[0, 1, 2], [1, 2, 3]])).round(2)
    array([0.67, 0.33])
    """
    own = np.asarray(labels)[images]
    return np.asarray((own[:, :, None] == own[:, None, :]).sum(axis=2).max(axis=1) / own.shape[1])


def above_chance(
    labels: npt.ArrayLike, images: Indices, *, permutations: int, rng: int | np.random.Generator
) -> Difference:
    """Compare the mean purity of rows of images with that after the labels have been dealt out again at random.

    p = (1 + number of deals at least as far from their own mean) / (1 + deals).

    Examples
    --------
    >>> above_chance(np.repeat([0, 1], 50), np.array([[0, 1, 2, 3], [60, 61, 62, 63]]), permutations=99, rng=0).p
    0.01
    """
    labels, draw = np.asarray(labels), np.random.default_rng(rng)
    found = purity(labels, images).mean()
    dealt = np.array([purity(draw.permutation(labels), images).mean() for _ in range(permutations)])
    return Difference(float(found - dealt.mean()), _share(dealt - dealt.mean(), found - dealt.mean()))


def between_groups(
    a: npt.ArrayLike, b: npt.ArrayLike, *, permutations: int, rng: int | np.random.Generator
) -> Difference:
    """Compare the means of two groups with those after the members have been dealt out again at random.

    Parameters
    ----------
    a, b : arrays (A,), (B,)
        Such as the purities of units and of random directions.

    Examples
    --------
    >>> between_groups([0.0, 0.1, 0.2, 0.1], [0.9, 1.0, 0.8, 0.9], permutations=199, rng=0).p < 0.05
    True
    """
    a, both, draw = np.asarray(a), np.concatenate([np.asarray(a), np.asarray(b)]), np.random.default_rng(rng)
    found = a.mean() - np.asarray(b).mean()
    dealt = np.empty(permutations)
    for i in range(permutations):
        p = draw.permutation(both)
        dealt[i] = p[: len(a)].mean() - p[len(a) :].mean()
    return Difference(float(found), _share(dealt, found))


def _share(dealt: npt.NDArray[np.float64], found: float) -> float:
    """How often chance is as far off; a rounding error does not count as less."""
    return float((1 + (abs(dealt) >= abs(found) - 1e-12).sum()) / (1 + len(dealt)))
