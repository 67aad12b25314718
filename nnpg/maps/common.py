"""What the maps share: images and the classes to explain, the layer that is read, outputs minus their mean, log y_c."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.analysis.outputs import layer_outputs
from nnpg.batches import in_batches
from nnpg.network import Network, as_network
from nnpg.prediction import BATCH, filter_layers
from nnpg.seeds import placed_class_outputs
from nnpg.support.arguments import as_labels, as_numbers, described
from nnpg.support.network_arguments import as_images, as_output, placed
from nnpg_kernels import Array


def as_pictures(net: Network, x: npt.ArrayLike) -> Array:
    """Return images (N, C, H, W), at least one, of a network that takes such images, in its backend's memory."""
    if len(as_network(net).input_shape) != 3:
        raise ValueError(
            f"net must take images (C, H, W), not {net.input_shape}: there is no place in a row of numbers"
        )
    return placed(net, as_images(net, x, least=1, finite=True))


def as_explained(net: Network, x: npt.ArrayLike, classes: npt.ArrayLike) -> tuple[Array, Array]:
    """Return images (N, C, H, W), in the memory of the backend, and the class to explain in each of them, (N,)."""
    x = as_pictures(net, x)
    return x, as_labels(classes, len(x), net.K, "classes")


def as_map_layer(net: Network, layer: str | None) -> str:
    """Return the output whose feature maps are read: that of the first convolutional block unless it is given."""
    if layer is not None:
        return as_output(net, layer)
    blocks = filter_layers(net)
    if not blocks:
        raise ValueError(f"this network has no convolutional block: say which layer, of {', '.join(net.names)}")
    return blocks[0]


def as_cover(fill: npt.ArrayLike, x: Array) -> Array:
    """Return what covers pixels as a picture (C, H, W) in the type of the images, on the host."""
    expected = f"a number or an array that broadcasts to {x.shape[1:]},"
    cover = as_numbers(fill, "fill", expected, finite=True)
    try:
        return np.broadcast_to(cover.astype(x.dtype), x.shape[1:])
    except ValueError:
        raise ValueError(f"fill must be {expected} not {described(cover)}") from None


def departures(net: Network, x: Array, layer: str, reference: npt.ArrayLike | None) -> Array:
    """Return each output minus its mean over the reference images, or over x, in float64: (N, F, H', W')."""
    others = None if reference is None else as_images(net, reference, "reference", least=1)
    outputs = layer_outputs(net, x, layer=layer, batch=BATCH).astype(np.float64)
    averaged = outputs if others is None else layer_outputs(net, others, layer=layer, batch=BATCH).astype(np.float64)
    return outputs - averaged.mean(axis=0)


def log_outputs(net: Network, x: Array, classes: Array, *, batch: int) -> Array:
    """Return log y_c for each image and its class c, (N,); all three are in the memory of the network's backend."""
    parts = [placed_class_outputs(net, net.forward(x[rows]), "logprob") for rows in in_batches(len(x), batch, batch)]
    return net.backend.xp.concatenate(parts)[net.backend.xp.arange(len(x)), classes]
