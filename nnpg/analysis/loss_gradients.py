"""The loss gradient dL/do, which training computes, and which the prediction gradient dy/do is not (Lo 2016, 3.2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.analysis.profiles import rank_agreement
from nnpg.analysis.statistics import rank_correlation
from nnpg.batches import in_batches
from nnpg.class_gradients import class_means
from nnpg.losses import LossMaker, loss_for
from nnpg.network import Network, as_network
from nnpg.prediction import BATCH, as_layers, predict, prediction_gradient
from nnpg.scores import NORMS
from nnpg.support.arguments import as_count, as_labels
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_images, placed
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
    x, true_classes = placed(net, x), placed(net, labels, "labels")
    for rows in in_batches(len(x), as_count(batch, "batch"), BATCH):
        trace = net.forward(x[rows], stop=criterion.layer)
        seed = criterion.seed(k, trace[criterion.layer], true_classes[rows])
        deltas = net.backward(trace, seed, stop=first, keep=names)
        parts.append(values_to_numpy(k, {name: deltas[name] for name in names}))
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


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
    x = placed(net, as_images(net, x, least=1))
    y, every = predict(net, x), prediction_gradient(net, x).deltas
    worst = 0.0
    for c in range(net.K):
        for layer, of_loss in loss_gradient(net, x, np.full(len(x), c)).items():
            other = -y[:, c].reshape(-1, *[1] * (of_loss.ndim - 1)) * of_loss
            worst = max(worst, float(abs(every[layer][c] - other).max() / abs(other).max()))
    return worst


class RankedAlike(NamedTuple):
    """How alike the prediction gradient and the loss gradient rank the filters of each image."""

    prediction: Array  # norm of each filter's map in dy_t/do, (N, F), all layers side by side
    loss: Array  # in dL/do
    alike: float  # share of the images whose filters both rank alike, from first to last
    same_strongest: float  # share of the images with the same strongest filter
    correlation: float  # rank correlation of the norms, the median of the images


def filters_ranked_alike(
    net: Network, x: npt.ArrayLike, labels: npt.ArrayLike, *, loss: str | LossMaker = "softmax_cross_entropy"
) -> RankedAlike:
    """Compare how dy_t/do of its true class and dL/do rank the filters of each image, by the norms of their maps.

    Parameters
    ----------
    net, x, labels, loss
        As in `loss_gradient`.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(4, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
    ...                  input_shape=(1, 5, 5), rng=0, dtype="float64")
    >>> x = np.random.default_rng(0).random((4, 1, 5, 5))
    >>> filters_ranked_alike(net, x, [0, 1, 2, 0]).alike
    1.0
    """
    net = as_network(net)
    x = placed(net, as_images(net, x, least=1))
    labels = as_labels(labels, len(x), net.K)
    prediction = _norms(prediction_gradient(net, x, classes="true", labels=labels).deltas)
    of_loss = _norms(loss_gradient(net, x, labels, loss=loss))
    first, second = (np.argsort(-norms, axis=1, kind="stable") for norms in (prediction, of_loss))
    equal = first == second
    rho = np.median([rank_correlation(a, b) for a, b in zip(prediction, of_loss, strict=True)])
    return RankedAlike(
        prediction, of_loss, float(equal.all(axis=1).mean()), float(equal[:, 0].mean()), float(rho)
    )  # fmt: skip


def classes_ranked_alike(net: Network, x: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return the rank correlation of the norms of both gradients, each of the mean over the images of a class (Eq. 3).

    Parameters
    ----------
    net : Network
        Ends in Softmax.
    x : array (N, *net.input_shape)
    labels : array (N,)
        With images of every class.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(4, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()],
    ...                  input_shape=(1, 5, 5), rng=0, dtype="float64")
    >>> round(classes_ranked_alike(net, np.random.default_rng(0).random((2, 1, 5, 5)), [0, 1]), 6)  # one of each class
    1.0
    """
    net = as_network(net)
    x = placed(net, as_images(net, x, least=1))
    labels = as_labels(labels, len(x), net.K)
    both = prediction_gradient(net, x, classes="true", labels=labels).deltas, loss_gradient(net, x, labels)
    means = [_norms({name: class_means(delta, labels, net.K) for name, delta in deltas.items()}) for deltas in both]
    return rank_agreement(*means)


def _norms(gradients: Mapping[str, Array]) -> Array:
    """Frobenius norm of each filter's map, all layers side by side: (N, F)."""
    collapse = NORMS["frobenius"]
    return np.concatenate([collapse(d.reshape(*d.shape[:2], -1), -1) for d in gradients.values()], axis=1)
