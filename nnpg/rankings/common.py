"""What every ranking shares: images with their labels, the filters there are, and one row of scores per class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nnpg.class_gradients import class_means
from nnpg.network import Network, as_network
from nnpg.prediction import as_layers
from nnpg.scores import FilterScores
from nnpg.seeds import Of, class_outputs
from nnpg.support.arguments import as_class_names, as_labels
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_images
from nnpg_kernels import Array


def as_labelled_images(net: Network, x: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Array, Array]:
    """Return images and their labels as arrays, or say what is wrong with them."""
    x = as_images(as_network(net), x, least=1, finite=True)
    return x, as_labels(labels, len(x), net.K)


def filter_counts(net: Network, layers: str | Sequence[str] | None) -> dict[str, int]:
    """Return the number of filters (maps or units) of these outputs, those of the convolutional blocks unless given."""
    names, shapes = as_layers(as_network(net), layers), net.shapes
    return {name: shapes[name][0] for name in names}


def runners_up(net: Network, x: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the class with the highest output other than the image's true class, (N,).

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(3, dtype="float32"))
    >>> runners_up(net, [[0.9, 0.2, 0.5], [0.9, 0.2, 0.5]], [0, 2])
    array([2, 0])
    """
    x, labels = as_labelled_images(net, x, labels)
    z = class_outputs(net, net.forward(x), "logit").copy()
    z[np.arange(len(labels)), labels] = -np.inf
    return np.asarray(z.argmax(axis=1), np.int64)


def sum_over_maps(a: Array) -> Array:
    """Sum over the places of each filter's map: (N, F, H, W) or (N, F) to (N, F), in float64."""
    return a.reshape(*a.shape[:2], -1).sum(axis=-1, dtype=np.float64)


def joined(net: Network, parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Return the batches' arrays of each layer, (n, F) of the network's backend, as one of NumPy, (N, F)."""
    k = net.backend
    return values_to_numpy(k, {name: k.xp.concatenate([part[name] for part in parts]) for name in parts[0]})


def scores_by_class(
    image_scores: Mapping[str, Array],
    labels: Array,
    K: int,
    class_names: Sequence[str] | None,
    what: str,
    of: Of = "prob",
) -> FilterScores:
    """Average the scores of the images, (N, F) per layer, over the images of each class."""
    scores = {name: class_means(values, labels, K) for name, values in image_scores.items()}
    return FilterScores(scores, as_class_names(class_names, K), norm="", of=of, what=what)
