"""Profiles of filter scores, one per image: how alike they are, over all filters, inside layers, and for one output."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.analysis.profiles import rank_correlations
from nnpg.network import Network, as_network
from nnpg.prediction import prediction_gradient
from nnpg.scores import FilterScores, convolutional_gradient
from nnpg.support.arguments import as_instance, as_labels
from nnpg.support.network_arguments import as_images


def correlations_inside_layers(scores: FilterScores) -> npt.NDArray[np.float64]:
    """Return the rank correlation of every two rows inside each layer, the mean over layers, (R, R).

    A large map has a large norm in every image, so ranks over all layers are alike for that reason alone.

    Examples
    --------
    >>> a, b = np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[1.0, 2.0], [1.0, 2.0]])
    >>> correlations_inside_layers(FilterScores({"pool1": a, "pool2": b}, ("x", "y"), "frobenius", "prob"))
    array([[1., 0.],
           [0., 1.]])
    """
    scores = as_instance(scores, FilterScores, "scores")
    return np.asarray(np.mean([rank_correlations(layer) for layer in scores.scores.values()], axis=0))


def same_strongest(scores: FilterScores) -> npt.NDArray[np.float64]:
    """Return 1 for every two rows whose strongest filter is the same one, 0 for the others, (R, R).

    Examples
    --------
    >>> same_strongest(FilterScores({"pool1": np.array([[1.0, 2.0], [2.0, 1.0]])}, ("x", "y"), "frobenius", "prob"))
    array([[1., 0.],
           [0., 1.]])
    """
    strongest = as_instance(scores, FilterScores, "scores").matrix.argmax(axis=1)
    return (strongest[:, None] == strongest).astype(np.float64)


def likeness_of_one_output(net: Network, x: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """Return how alike profiles of one output are on images of its class and on all others: what the output determines.

    For each class c the profile of dy_c/do on every image of c is correlated with that on every other image.

    Parameters
    ----------
    net : Network
    x : array (N, C, H, W)
    labels : array (N,)
        Of all classes.

    Returns
    -------
    float
        Mean rank correlation over pairs of images, then over classes.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(3, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()],
    ...                  input_shape=(1, 5, 5), rng=0)
    >>> -1 <= likeness_of_one_output(net, np.random.default_rng(0).random((4, 1, 5, 5)), [0, 1, 0, 1]) <= 1
    True
    """
    x = as_images(as_network(net), x, least=1)
    labels = as_labels(labels, len(x), net.K)
    gradient = prediction_gradient(net, x, classes="all")
    profiles = [convolutional_gradient(gradient.for_class(c)).matrix for c in range(net.K)]
    alike = [rank_correlations(p[labels == c], p[labels != c]).mean() for c, p in enumerate(profiles)]
    return float(np.mean(alike))
