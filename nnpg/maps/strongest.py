"""Each image's strongest unit, its place in the image, and the values of maps at such places (Lo 2016, 4.3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nnpg.maps.common import as_explained, as_map_layer
from nnpg.maps.evidence import contribution_map
from nnpg.maps.localisation import highest_place
from nnpg.maps.receptive_fields import ReceptiveField, receptive_field
from nnpg.network import Network
from nnpg.prediction import prediction_gradient
from nnpg.support.arguments import as_generator, as_numbers, as_whole, described
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas

_COLUMNS = ("image", "filter", "unit row", "unit column", "gradient", "pixel row", "pixel column")


@dataclass(frozen=True, eq=False)
class StrongestUnits:
    """A layer's outputs and prediction gradients, and each image's unit with the highest one; prints as a table.

    `nnpg.plots.strongest_regions` draws outputs and gradients beside the images.

    Parameters
    ----------
    outputs, gradients : arrays (N, F, H', W')
    field : ReceptiveField
        What a unit of the layer sees.
    filters : array (N,)
        The filter of each image's strongest unit.
    units : array (N, 2)
        The unit's row and column in the map.
    places : array (N, 2)
        The pixel in the middle of what the unit sees.
    """

    outputs: Array
    gradients: Array
    field: ReceptiveField
    filters: Array
    units: Array
    places: Array

    def __str__(self) -> str:
        return text_table(_COLUMNS, self._rows())

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per image: the strongest unit's filter, row, column and gradient, and its place in pixels."""
        return data_frame(_COLUMNS, self._rows())

    @property
    def leading_share(self) -> float:
        """The share of the images whose strongest unit is in the filter for which this is most often the case."""
        return float(np.bincount(self.filters).max() / len(self.filters))

    def _rows(self) -> list[tuple[object, ...]]:
        strongest = self.gradients.reshape(len(self.filters), -1).max(axis=1)
        columns = (self.filters, *self.units.T, strongest, *self.places.T)
        return [(n, *(value.item() for value in line)) for n, line in enumerate(zip(*columns, strict=True))]


def strongest_units(
    net: Network, x: npt.ArrayLike, classes: npt.ArrayLike, *, layer: str | None = None
) -> StrongestUnits:
    """Find each image's unit with the highest dy_c/do (Lo 2016, 4.3.1).

    Parameters
    ----------
    net : Network
    x : array (N, C, H, W)
    classes : array (N,)
        The class c of each image.
    layer : str, optional
        A feature map's output; that of the first convolutional block unless given.

    Returns
    -------
    StrongestUnits

    Raises
    ------
    ValueError, KeyError
        If images or classes do not fit the network, or `layer` is no output with feature maps.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()],
    ...                  input_shape=(1, 5, 5), rng=0)
    >>> strongest = strongest_units(net, np.zeros((4, 1, 5, 5)), [0, 1, 0, 1])
    >>> strongest.gradients.shape, bool((strongest.places == strongest.units + 1).all())  # 1 pixel from the rim
    ((4, 2, 3, 3), True)
    """
    x, classes = as_explained(net, x, classes)
    layer = as_map_layer(net, layer)
    field, outputs = receptive_field(net, layer=layer), net.forward(x, stop=layer)[layer]
    delta = prediction_gradient(net, x, layers=layer, classes="true", labels=classes)[layer]  # on the host
    filters, *ij = np.unravel_index(delta.reshape(len(x), -1).argmax(axis=1), delta.shape[1:])
    units = np.stack(ij, axis=1)
    places = units * field.step + field.start + np.array(field.size) // 2
    return StrongestUnits(net.backend.to_numpy(outputs), delta, field, filters, units, places)


def contributing_places(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike,
    *,
    reference: npt.ArrayLike,
    rng: int | np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Return the place at which `contribution_map` is highest for each image, (N, 2) pixels.

    Parameters
    ----------
    net : Network
    x : array (N, C, H, W)
    classes : array (N,)
    reference : array (M, C, H, W)
        The images over which outputs are averaged.
    rng : int or numpy.random.Generator
        Chooses one of several places that are equally high.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()],
    ...                  input_shape=(1, 5, 5), rng=0)
    >>> x = np.random.default_rng(0).random((4, 1, 5, 5))
    >>> contributing_places(net, x[:2], [0, 1], reference=x, rng=0).shape
    (2, 2)
    """
    rng = as_generator(rng)
    return np.array([highest_place(one, rng=rng) for one in contribution_map(net, x, classes, reference=reference)])


def place_ranks(maps: npt.ArrayLike, places: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the share of each map's places that are below a place; a tie counts half.

    Parameters
    ----------
    maps : array (N, H, W)
    places : array (M, 2)
        Rows and columns.

    Returns
    -------
    array (N, M)
        Of map n at place m.

    Examples
    --------
    >>> place_ranks([[[0.0, 1.0], [2.0, 3.0]]], [[1, 1], [0, 0]])
    array([[0.875, 0.125]])
    """
    values = as_numbers(maps, "maps", "an array (N, H, W)", ndim=3)
    chosen = as_whole(places, "places", "an array (M, 2) of rows and columns", ndim=2, least=0)
    if chosen.shape[1] != 2 or (len(chosen) and (chosen >= values.shape[1:]).any()):
        raise ValueError(f"places must be rows and columns (M, 2) in maps {values.shape[1:]}, not {described(chosen)}")
    at_places = values[:, chosen[:, 0], chosen[:, 1]]  # (N, M)
    flat = np.sort(values.reshape(len(values), -1), axis=1)
    below = [
        np.searchsorted(ordered, value) + np.searchsorted(ordered, value, side="right")
        for ordered, value in zip(flat, at_places, strict=True)
    ]
    return np.asarray(np.array(below) / (2 * flat.shape[1]))


def distances_of_places(places: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[float, float]:
    """Return the mean distance, pixels, of the places of two images of one class, and of two classes.

    Parameters
    ----------
    places : array (N, 2)
    labels : array (N,)

    Examples
    --------
    >>> distances_of_places([[0, 0], [0, 1], [3, 4]], [0, 0, 1])[0]
    1.0
    """
    points = as_numbers(places, "places", "an array (N, 2)", ndim=2)
    classes = as_whole(labels, "labels", f"an array ({len(points)},)", ndim=1, least=0)
    if len(classes) != len(points):
        raise ValueError(f"labels must be {len(points)}, one for each place, not {len(classes)}")
    distance = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    same, pair = classes[:, None] == classes, ~np.eye(len(classes), dtype=bool)
    if not (same & pair).any() or same.all():
        raise ValueError("there must be two images of one class, and two classes")
    return float(distance[same & pair].mean()), float(distance[~same].mean())
