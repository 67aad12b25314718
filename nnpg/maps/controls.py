"""Controls for maps, which lack the gradient or the network on purpose: a method must do better than they do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.maps.common import as_map_layer, as_pictures, departures
from nnpg.maps.receptive_fields import receptive_field
from nnpg.network import Network
from nnpg.support.arguments import as_numbers, described
from nnpg_kernels import Array


def departure_map(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike | None = None,
    *,
    layer: str | None = None,
    reference: npt.ArrayLike | None = None,
) -> Array:
    """Return how far the outputs at each place are from their mean, sum_f |o_f - mean o_f|; no class, no gradient.

    Where `contribution_map` does better than this map, the gradient is the reason.

    Parameters
    ----------
    net, x, layer, reference
        As in `contribution_map`.
    classes : ignored
        Taken so that this map has the arguments of all others.

    Returns
    -------
    array (N, H, W)

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh()], input_shape=(1, 1, 2), rng=0)
    >>> departure_map(net, [[[[1.0, 5.0]]], [[[3.0, 5.0]]]], layer="input")
    array([[[1., 0.]],
           [[1., 0.]]])
    """
    x = as_pictures(net, x)
    layer = as_map_layer(net, layer)
    field, departure = receptive_field(net, layer=layer), departures(net, x, layer, reference)
    return field.spread(abs(departure).sum(axis=1), x.shape[2:])


def edge_map(net: Network, x: npt.ArrayLike, classes: npt.ArrayLike | None = None) -> Array:
    """Return how steeply grey levels change at each pixel, |grad x|, from the picture alone: no network, no class.

    Of several channels the steepest counts. Edges are much of what people see in a picture: a method that does no
    better explains the picture, not the network (Adebayo et al. 2018).

    Parameters
    ----------
    net, classes : ignored
        Taken so that this map has the arguments of all others.
    x : array (N, C, H, W)

    Returns
    -------
    array (N, H, W)

    Raises
    ------
    ValueError
        If the images have fewer than 2 x 2 pixels, or there is none.

    Examples
    --------
    >>> edge_map(None, np.array([[[[0.0, 0.0, 1.0, 1.0]] * 2]]))[0, 0]
    array([0. , 0.5, 0.5, 0. ])
    """
    pixels = as_numbers(x, "x", "images (N, C, H, W)", ndim=4, finite=True)
    if min(pixels.shape[2:]) < 2 or len(pixels) == 0:
        raise ValueError(f"x must be images of 2 x 2 pixels or more, at least one, not {described(pixels)}")
    down, right = np.gradient(pixels.astype(np.float64), axis=(-2, -1))
    return np.hypot(down, right).max(axis=1)
