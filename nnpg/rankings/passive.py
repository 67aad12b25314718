"""Rankings that do not depend on what the network predicts: the size of the weights, the size of the outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nnpg.batches import in_batches
from nnpg.layers import Conv, Dense
from nnpg.layers.blocks import last_with_weights
from nnpg.network import Network, as_network
from nnpg.prediction import BATCH
from nnpg.rankings.common import as_labelled_images, filter_counts, joined, scores_by_class
from nnpg.scores import FilterScores, as_norm
from nnpg.support.arguments import as_class_names, as_count
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import placed


def weight_norm_scores(
    net: Network,
    *,
    layers: str | Sequence[str] | None = None,
    norm: str = "frobenius",
    class_names: Sequence[str] | None = None,
) -> FilterScores:
    """Score a filter by the norm of its weights, ||W_f||, the same for every class (Li et al. 2017: the l1 norm).

    Parameters
    ----------
    net : Network
    layers : names, optional
        The output of each convolutional block unless given; the weights are those of the last layer before it.
    norm : "frobenius", "l1", "max", "rms" or "mean"
    class_names : K strings, optional

    Raises
    ------
    ValueError
        For an output with no weights before it.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Tanh(), nnpg.dense(2)], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.array([[3.0, 4.0], [0.0, 2.0]]))
    >>> weight_norm_scores(net, layers="tanh1").scores["tanh1"]
    array([[5., 2.],
           [5., 2.]])
    """
    collapse, K, norms = as_norm(norm), as_network(net).K, {}
    rows = as_class_names(class_names, K)
    for name, F in filter_counts(net, layers).items():
        maker = last_with_weights(net.layers, name)
        layer = None if maker is None else net.layers[maker]
        if not isinstance(layer, Conv | Dense):
            raise ValueError(
                f"{name!r} has no Conv or Dense layer before it, so its filters have no weights of their own"
            )
        norms[name] = collapse(layer.W.reshape(F, -1).astype(np.float64), -1)
    on_host = values_to_numpy(net.backend, norms)
    scores = {name: np.broadcast_to(of_filters, (K, len(of_filters))).copy() for name, of_filters in on_host.items()}
    return FilterScores(scores, rows, norm="", of="", what=f"{norm} of the weights")


def activation_scores(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layers: str | Sequence[str] | None = None,
    norm: str = "frobenius",
    class_names: Sequence[str] | None = None,
    batch: int = BATCH,
) -> FilterScores:
    """Score a filter by the size of its output, 1/|X_t| sum_{j in X_t} ||o_f^j|| (Molchanov et al. 2017, 2.2).

    Parameters
    ----------
    net, x, labels, layers, norm, class_names, batch
        As in `filter_scores`.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Tanh(), nnpg.dense(2)], input_shape=(2,), rng=0)
    >>> activation_scores(net, [[0.0, 9.0], [0.0, -9.0]], [0, 0], layers="input").scores["input"][0]
    array([0., 9.])
    """
    collapse, (x, labels) = as_norm(norm), as_labelled_images(net, x, labels)
    class_names, names, parts = as_class_names(class_names, net.K), list(filter_counts(net, layers)), []
    x = placed(net, x)
    for rows in in_batches(len(x), as_count(batch, "batch"), BATCH):
        trace = net.forward(x[rows], stop=max(names, key=net.names.index))
        outputs = {name: trace[name] for name in names}
        parts.append({n: collapse(o.reshape(*o.shape[:2], -1).astype(np.float64), -1) for n, o in outputs.items()})
    return scores_by_class(joined(net, parts), labels, net.K, class_names, f"{norm} of the output, mean over images")
