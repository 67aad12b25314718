"""The loss gradient dL/do, which training computes, and which the prediction gradient dy/do is not (Lo 2016, 3.2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.losses import LossMaker, loss_for
from nnpg.network import Network, as_network
from nnpg.prediction import BATCH, as_layers
from nnpg.support.arguments import as_labels
from nnpg.support.network_arguments import as_images
from nnpg_kernels import Array


def loss_gradient(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    loss: str | LossMaker = "softmax_cross_entropy",
    layers: str | Sequence[str] | None = None,
    batch: int = BATCH,
) -> dict[str, Array]:
    """Compute dL/do of each image's own loss for every unit o of the given layers: the deltas of training.

    For softmax with cross-entropy, L = -log y_t, so dy_t/do = -y_t dL/do: within an image both rank units alike. A loss
    with a term for each output also holds the gradients of the other outputs: L = -log y_t - sum_{k != t} log(1 - y_k)
    gives dL/do = -1/y_t dy_t/do + sum_{k != t} 1/(1 - y_k) dy_k/do, and another ranking.

    Parameters
    ----------
    net, x, layers, batch
        As in `prediction_gradient`.
    labels : array (N,)
    loss : str or function of the network
        See `nnpg.losses`.

    Returns
    -------
    dict
        `result["pool1"]` is an array (N, F, H, W).

    Raises
    ------
    ValueError, KeyError
        If images, labels, loss or layers do not fit the network.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(2,), rng=0, dtype="float64")
    >>> net = net.replace("dense1", W=np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> loss_gradient(net, [[0.0, 0.0]], [0], layers="input")["input"]      # y - t, since z = x
    array([[-0.5,  0.5]])
    """
    net = as_network(net)
    x, criterion, k = as_images(net, x), loss_for(net, loss), net.backend
    labels, names = as_labels(labels, len(x), net.K), as_layers(net, layers)
    first, parts = min(names, key=net.names.index), []
    for rows in in_batches(len(x), batch, BATCH):
        trace = net.forward(x[rows], stop=criterion.layer)
        seed = criterion.seed(k, trace[criterion.layer], labels[rows])
        parts.append(net.backward(trace, seed, stop=first, keep=names))
    return {name: np.concatenate([k.to_numpy(part[name]) for part in parts]) for name in names}
