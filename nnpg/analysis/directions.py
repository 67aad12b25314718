"""Which images excite a unit, or any other direction of a layer, most, and whether they are of one kind.

A unit is the direction e_i of the space of a layer's outputs phi(x); Szegedy et al. (2013, 3) compare the images with
the largest <phi(x), e_i> to those with the largest <phi(x), v> for random v, by eye. Here it is measured: the purity of
the labels of such a row of images, and whether it is larger for units than for random directions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.analysis.outputs import BATCH, layer_outputs
from nnpg.network import Network
from nnpg.support.arguments import as_count, as_generator, as_numbers, as_whole, described
from nnpg_kernels import Array

Indices = npt.NDArray[np.int64]


class Difference(NamedTuple):
    """A difference, and how often chance makes one as large (two-sided)."""

    difference: float
    p: float


def features(net: Network, x: npt.ArrayLike, *, layer: str, batch: int = BATCH) -> Array:
    """Return one output for all images as rows phi(x), (N, D): `layer_outputs` with the axes of an image in one.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.ReLU()], input_shape=(1, 5, 5), rng=0)
    >>> features(net, np.zeros((4, 1, 5, 5)), layer="relu1").shape
    (4, 18)
    """
    outputs = layer_outputs(net, x, layer=layer, batch=batch)
    return outputs.reshape(len(outputs), -1)


def random_directions(D: int, S: int, *, rng: int | np.random.Generator) -> Array:
    """Return S random unit vectors (S, D), uniform over all directions; while S <= D they are orthogonal.

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
        return np.asarray((q * np.sign(np.diag(r))).T)  # QR fixes the signs; with those of v it is uniform
    return np.asarray(v / np.linalg.norm(v, axis=1, keepdims=True))


def strongest_images(rows: npt.ArrayLike, directions: npt.ArrayLike, *, n: int) -> Indices:
    """Return the n images with the largest <phi(x), v> for each direction v, strongest first (S, n).

    Parameters
    ----------
    rows : array (N, D)
        phi(x); see `features`.
    directions : array (S, D)
    n : int
        Images per direction.

    Returns
    -------
    array (S, n)
        Indices of images; of equal images the first ones.

    Raises
    ------
    ValueError
        If the shapes do not fit or there are fewer than n images.

    Examples
    --------
    >>> strongest_images([[0.0, 3.0], [1.0, 1.0], [2.0, 2.0]], np.eye(2), n=2)
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
    labels, images = _as_rows(labels, images)
    t = labels[images]
    return np.asarray((t[:, :, None] == t[:, None, :]).sum(axis=2).max(axis=1) / t.shape[1])


def above_chance(
    labels: npt.ArrayLike, images: Indices, *, permutations: int, rng: int | np.random.Generator
) -> Difference:
    """Compare the mean purity of rows of images with that for labels in random order (a permutation test).

        p = (1 + number of permutations at least as far from their mean) / (1 + permutations)

    Parameters
    ----------
    labels, images
        As in `purity`.
    permutations : int
    rng : int or numpy.random.Generator

    Returns
    -------
    Difference
        Mean purity minus the mean over the permutations.

    Examples
    --------
    >>> above_chance(np.repeat([0, 1], 50), np.array([[0, 1, 2, 3], [60, 61, 62, 63]]), permutations=99, rng=0).p
    0.01
    """
    labels, images = _as_rows(labels, images)
    permutations, rng = as_count(permutations, "permutations"), as_generator(rng)
    mean = purity(labels, images).mean()
    permuted = np.array([purity(rng.permutation(labels), images).mean() for _ in range(permutations)])
    return Difference(float(mean - permuted.mean()), _p_value(permuted - permuted.mean(), mean - permuted.mean()))


def between_groups(
    a: npt.ArrayLike, b: npt.ArrayLike, *, permutations: int, rng: int | np.random.Generator
) -> Difference:
    """Compare the means of two groups with those of groups with random members (a permutation test).

        p = (1 + number of permutations with a difference at least as large) / (1 + permutations)

    Parameters
    ----------
    a, b : arrays (A,), (B,)
        Such as the purities of units and of random directions.
    permutations : int
    rng : int or numpy.random.Generator

    Returns
    -------
    Difference
        Mean of a minus mean of b.

    Examples
    --------
    >>> between_groups([0.0, 0.1, 0.2, 0.1], [0.9, 1.0, 0.8, 0.9], permutations=199, rng=0).p < 0.05
    True
    """
    a, b = (_as_group(values, name) for values, name in ((a, "a"), (b, "b")))
    permutations, rng = as_count(permutations, "permutations"), as_generator(rng)
    both, difference = np.concatenate([a, b]), a.mean() - b.mean()
    permuted = np.empty(permutations)
    for i in range(permutations):
        members = rng.permutation(both)
        permuted[i] = members[: len(a)].mean() - members[len(a) :].mean()
    return Difference(float(difference), _p_value(permuted, difference))


def _as_group(values: npt.ArrayLike, name: str) -> Array:
    """Return the values of a group, at least one."""
    numbers = as_numbers(values, name, "an array (A,), at least one,", ndim=1, finite=True)
    if len(numbers) == 0:
        raise ValueError(f"{name} must be an array of at least one number, not {described(numbers)}")
    return numbers


def _as_rows(labels: npt.ArrayLike, images: Any) -> tuple[Array, Array]:
    """Return labels (N,), and rows of images (S, n) as indices of them."""
    labels = as_whole(labels, "labels", "an array (N,)", ndim=1)
    return labels, as_whole(images, "images", "an array (S, n)", ndim=2, least=0, most=len(labels) - 1)


def _p_value(permuted: npt.NDArray[np.float64], difference: float) -> float:
    """Return how often chance gives a difference at least as large; a rounding error does not make it smaller."""
    return float((1 + (abs(permuted) >= abs(difference) - 1e-12).sum()) / (1 + len(permuted)))
