"""The outputs of layers for many images, a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.network import Network, as_network
from nnpg.programs import find
from nnpg.programs.tasks import Outputs
from nnpg.support.arguments import as_count
from nnpg.support.network_arguments import as_images, as_output, placed
from nnpg_kernels import Array

BATCH = 256  # images that go through the layers at a time


def layer_outputs(net: Network, x: npt.ArrayLike, *, layer: str, batch: int = BATCH) -> Array:
    """Return one output of a network for all images, in the network's own type.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    layer : str
        Name of the output; "input" for the images themselves.
    batch : int
        Images at a time; it bounds the memory.

    Returns
    -------
    array (N, ...)

    Raises
    ------
    ValueError, KeyError
        If there is no image, the images do not fit, or the network has no such output.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.ReLU()], input_shape=(1, 5, 5), rng=0)
    >>> layer_outputs(net, np.zeros((4, 1, 5, 5)), layer="relu1").shape
    (4, 2, 3, 3)
    """
    net = as_network(net)
    x, layer = as_images(net, x, least=1), as_output(net, layer)
    parts = placed_outputs(net, placed(net, x), layer=layer, batch=batch)
    return np.concatenate([net.backend.to_numpy(part) for part in parts])


def placed_outputs(net: Network, x: Array, *, layer: str, batch: int) -> Iterator[Array]:
    """Yield the same for each batch, in the memory of the network's backend, where the images are.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(3,), rng=0)
    >>> [y.shape for y in placed_outputs(net, np.zeros((4, 3)), layer="dense1", batch=3)]
    [(3, 2), (1, 2)]
    """
    return (net.forward(x[rows], stop=layer).y for rows in in_batches(len(x), as_count(batch, "batch"), BATCH))


def outputs_by_name(net: Network, x: Array, *, layers: Sequence[str]) -> dict[str, Array]:
    """Return several outputs of one batch of images, from a compiled program where there is one.

    They stay in the memory of the network's backend.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    layers : names of outputs

    Returns
    -------
    dict
        `result["relu1"]` is an array (N, ...).

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2)], input_shape=(2,), rng=0).replace("dense1", W=np.eye(2, dtype="f4"))
    >>> outputs_by_name(net, np.array([[1.0, 3.0]]), layers=["dense1"])
    {'dense1': array([[1., 3.]], dtype=float32)}
    """
    if not len(layers):
        return {}
    program = find(net, Outputs(tuple(layers)))
    if program.run is not None:
        outputs: dict[str, Array] = program.run(x)
        return outputs
    trace = net.forward(x, stop=max(layers, key=net.names.index))
    return {name: trace[name] for name in layers}
