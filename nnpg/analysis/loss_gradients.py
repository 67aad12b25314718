"""The loss gradient dL/do, which training computes, and which the prediction gradient dy/do is not (Lo 2016, 3.2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.losses import LossMaker, loss_for
from nnpg.network import Network, as_network
from nnpg.prediction import BATCH, as_layers, predict, prediction_gradient
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


def made_up_label_error(net: Network, x: npt.ArrayLike) -> float:
    """Return by how much dy_c/do differs from -y_c dL/do for a made-up label c (Lo 2016, 3.2.1), at the most.

    For softmax with cross-entropy the two are the same, so the loss gradient of a made-up label ranks the units of an
    image as the prediction gradient of that class does.

    Parameters
    ----------
    net : Network
        Ends in Softmax.
    x : array (N, *net.input_shape)

    Returns
    -------
    float
        The largest difference in a layer over the largest value there, over all classes and convolutional blocks.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 5, 5), rng=0, dtype="float64")
    >>> made_up_label_error(net, np.random.default_rng(0).random((4, 1, 5, 5))) < 1e-12
    True
    """
    net = as_network(net)
    x = as_images(net, x, least=1)
    y, every = predict(net, x), prediction_gradient(net, x).deltas
    worst = 0.0
    for c in range(net.K):
        for layer, of_loss in loss_gradient(net, x, np.full(len(x), c)).items():
            other = -y[:, c].reshape(-1, *[1] * (of_loss.ndim - 1)) * of_loss
            worst = max(worst, float(abs(every[layer][c] - other).max() / abs(other).max()))
    return worst
