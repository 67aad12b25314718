"""What every ranking shares: which filters there are, what is explained, and one row of scores a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nnpg.class_gradients import class_means
from nnpg.layers import Softmax
from nnpg.network import Network, as_network
from nnpg.prediction import as_layers
from nnpg.scores import FilterScores
from nnpg.seeds import Of, class_seed
from nnpg.support.arguments import as_class_names, as_labels
from nnpg.support.network_arguments import as_images
from nnpg.trace import Trace
from nnpg_kernels import Array

__all__ = ["class_outputs", "examples", "filter_counts", "runners_up", "scores_by_class", "sum_over_maps"]


def examples(net: Network, x: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Array, Array]:
    """Return images and labels as arrays, or say what is wrong with them."""
    x = as_images(as_network(net), x, least=1, finite=True)
    return x, as_labels(labels, len(x), net.K)


def filter_counts(net: Network, layers: str | Sequence[str] | None) -> dict[str, int]:
    """Return the number of filters (maps or units) of each named output, the convolutional blocks' unless named."""
    names = as_layers(as_network(net), layers)
    trace = net.forward(np.zeros((1, *net.input_shape), net.dtype))
    return {name: trace[name].shape[1] for name in names}


def class_outputs(net: Network, trace: Trace, of: Of) -> Array:
    """Return what `class_seed` differentiates, for every class: y, z or log y, (N, K)."""
    at, _ = class_seed(net, trace, of=of)  # refuses an end that does not fit
    if of != "logprob":
        return net.backend.to_numpy(trace[at])
    z = net.backend.to_numpy(trace[at]).astype(np.float64)
    if at == net.names[-1]:  # z is y itself
        return np.log(np.maximum(z, np.finfo(z.dtype).tiny))
    if type(net.layers[net.names[-1]]) is Softmax:
        z = z - z.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -np.logaddexp(0, -z)  # log sigmoid(z)


def runners_up(net: Network, x: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the class with the highest output other than the image's own class, (N,).

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(3,), rng=0)
    >>> net = net.replace("dense1", W=np.eye(3, dtype="float32"))
    >>> runners_up(net, [[0.9, 0.2, 0.5], [0.9, 0.2, 0.5]], [0, 2])
    array([2, 0])
    """
    x, labels = examples(net, x, labels)
    z = class_outputs(net, net.forward(x), "logit").copy()
    z[np.arange(len(labels)), labels] = -np.inf
    return np.asarray(z.argmax(axis=1), np.int64)


def sum_over_maps(a: Array) -> Array:
    """Sum what belongs to one filter: (N, F, H, W) or (N, F) to (N, F), in float64."""
    return a.reshape(*a.shape[:2], -1).sum(axis=-1, dtype=np.float64)


def scores_by_class(
    each: Mapping[str, Array],
    labels: Array,
    K: int,
    class_names: Sequence[str] | None,
    what: str,
    of: Of = "prob",
) -> FilterScores:
    """Average the score of each image, (N, F) a layer, over the images of each class."""
    scores = {name: class_means(values, labels, K) for name, values in each.items()}
    return FilterScores(scores, as_class_names(class_names, K), norm="", of=of, what=what)
