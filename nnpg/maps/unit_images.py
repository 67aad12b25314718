"""The images that most excite the units of a layer, beside those of random directions (Szegedy et al. 2013, section 3).

Of images of a set, and of images that are changed until they excite it most (`nnpg.maps.maximisation`). The paper
compares them by eye; here are numbers: the purity of each row of images, and how often the network takes the changed
images for the class of their row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.analysis.directions import above_chance, between_groups, features, purity, random_directions, strongest_images
from nnpg.maps.maximisation import maximise_outputs
from nnpg.network import Network, as_network
from nnpg.prediction import predict
from nnpg.support.arguments import as_count, as_generator, as_labels
from nnpg.support.network_arguments import as_images, placed
from nnpg_kernels import Array


class ImageRows(NamedTuple):
    """A row of images for each direction of a layer, such as a unit; and maximised images for some of the rows."""

    images: Array  # indices (S, n), strongest first
    pure: Array  # the purity of each row, (S,)
    above_chance: float
    p: float  # of that, from the permutation test
    maximised: Array  # images (M, ...), of M of the rows
    of_rows: Array  # which rows these are, (M,)
    taken: float  # share of them that the network takes for the class of their row
    gain: float  # their output over that of the strongest image, of the means


class UnitsAndDirections(NamedTuple):
    """The rows of images of units and of as many random directions of one layer."""

    numbers: Array  # of the units, (S,)
    units: ImageRows
    random: ImageRows
    p: float  # of the difference of their purities, from the permutation test


def units_and_directions(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layer: str,
    n: int = 8,
    most: int = 128,
    maximised: int = 32,
    permutations: int = 999,
    rng: int | np.random.Generator,
) -> UnitsAndDirections:
    """Find the images that excite units most, and those that excite random directions most; how pure are their rows?

    Some directions are maximised too: an ascent of <phi(x), v> begins at the image that excites the direction most and
    is not of the most common class of its row, so that the class is not that of the start. Its norm is at most that of
    the first image of the row.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    labels : array (N,)
    layer : str
    n : int
        Images per row.
    most : int
        Units, drawn at random from those whose output is not the same for all images; and random directions.
    maximised : int
        Units, and random directions, that are maximised: spread evenly.
    permutations : int
        Of the labels, for the tests.
    rng : int or numpy.random.Generator

    Raises
    ------
    ValueError
        If the images do not fit the network, or there are fewer than n.
    KeyError
        If there is no such layer.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.ReLU(), nnpg.dense(3), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> x = np.repeat(np.eye(3), 4, axis=0)
    >>> found = units_and_directions(net, x, np.repeat([0, 1, 2], 4), layer="relu1", n=4, rng=0)
    >>> found.numbers, found.units.pure
    (array([0, 1, 2]), array([1., 1., 1.]))
    """
    net = as_network(net)
    x = placed(net, as_images(net, x, least=1, finite=True)).astype(net.dtype, copy=False)
    labels, rng = as_labels(labels, len(x), net.K), as_generator(rng)
    most, maximised = as_count(most, "most"), as_count(maximised, "maximised")
    phi = features(net, x, layer=layer)  # (N, D)
    live = np.flatnonzero(phi.max(axis=0) > phi.min(axis=0))  # a dead unit has no strongest image
    numbers = np.sort(rng.permutation(live)[:most])
    coordinates = np.zeros((len(numbers), phi.shape[1]))
    coordinates[np.arange(len(numbers)), numbers] = 1
    v = random_directions(phi.shape[1], len(numbers), rng=rng)

    def rows(directions: Array) -> ImageRows:
        """The rows of images of these directions."""
        images = strongest_images(phi, directions, n=n)
        chance = above_chance(labels, images, permutations=permutations, rng=rng)
        of_rows = np.linspace(0, len(images) - 1, min(maximised, len(images))).astype(int)
        found = _maximised(net, x, labels, phi, directions[of_rows], images[of_rows], layer)
        return ImageRows(images, purity(labels, images), *chance, found[0], of_rows, *found[1:])

    units, random = rows(coordinates), rows(v)
    p = between_groups(units.pure, random.pure, permutations=permutations, rng=rng).p
    return UnitsAndDirections(numbers, units, random, p)


def _maximised(
    net: Network, x: Array, labels: Array, phi: Array, directions: Array, images: Array, layer: str
) -> tuple[Array, float, float]:
    """Maximise the output of each direction; return the images, the share taken for their row's class, and the gain."""
    outputs, first = directions @ phi.T, images[:, 0]  # (M, N), (M,)
    common = np.array([np.bincount(of_row).argmax() for of_row in labels[images]])
    starts = np.where(labels == common[:, None], -np.inf, outputs).argmax(axis=1)
    norms = np.linalg.norm(x[first].reshape(len(first), -1), axis=1)
    found = maximise_outputs(net, x[starts], directions, layer=layer, largest_norm=norms, progress=False)
    taken = predict(net, found.images).argmax(axis=1) == common
    gain = found.outputs.mean() / outputs[np.arange(len(first)), first].mean()
    return found.images, float(taken.mean()), float(gain)
