"""Which images excite a unit, or any other direction of a layer, most, and whether they are of one kind.

A unit is the direction e_i of the space of a layer's outputs phi(x); Szegedy et al. (2013, 3) compare the images with
the largest <phi(x), e_i> to those with the largest <phi(x), v> for random v, by eye. A number for it: the purity of the
labels of such a row of images, and whether it is larger for units than for random directions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.network import Network, as_network
from nnpg.support.arguments import as_count, as_generator, as_numbers, as_whole, described
from nnpg.support.network_arguments import as_images, as_output
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
    net = as_network(net)
    x, at, batch = as_images(net, x, least=1), as_output(net, at, "at"), as_count(batch, "batch")
    rows = [net.backend.to_numpy(net.forward(x[n : n + batch], stop=at).y) for n in range(0, len(x), batch)]
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
    D, S, rng = as_count(D, "D"), as_count(S, "S"), as_generator(rng)
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
    phi = as_numbers(rows, "rows", "an array (N, D)", ndim=2, finite=True)
    v = as_numbers(directions, "directions", "an array (S, D)", ndim=2, finite=True)
    if phi.shape[1] != v.shape[1]:
        raise ValueError(f"rows (N, D) and directions (S, D) must have one D, not {phi.shape} and {v.shape}")
    n = as_count(n, "n", most=len(phi))
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
    t, images = _dealt(labels, images)
    own = t[images]
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
    labels, images = _dealt(labels, images)
    permutations, draw = as_count(permutations, "permutations"), as_generator(rng)
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
    a, b = (_group(own, name) for own, name in ((a, "a"), (b, "b")))
    permutations, draw = as_count(permutations, "permutations"), as_generator(rng)
    both, found = np.concatenate([a, b]), a.mean() - b.mean()
    dealt = np.empty(permutations)
    for i in range(permutations):
        p = draw.permutation(both)
        dealt[i] = p[: len(a)].mean() - p[len(a) :].mean()
    return Difference(float(found), _share(dealt, found))


def _group(values: npt.ArrayLike, name: str) -> Array:
    v = as_numbers(values, name, "an array (A,), at least one,", ndim=1, finite=True)
    if len(v) == 0:
        raise ValueError(f"{name} must be an array of at least one number, not {described(v)}")
    return v


def _dealt(labels: npt.ArrayLike, images: Any) -> tuple[Array, Array]:
    """Labels, and rows of images, each a number of a label."""
    t = as_whole(labels, "labels", "an array (N,)", ndim=1)
    of = as_whole(images, "images", "an array (S, n)", ndim=2, least=0, most=len(t) - 1)
    return t, of


def _share(dealt: npt.NDArray[np.float64], found: float) -> float:
    """How often chance is as far off; a rounding error does not count as less."""
    return float((1 + (abs(dealt) >= abs(found) - 1e-12).sum()) / (1 + len(dealt)))
