"""Profiles of filter scores, one per image: how alike they are, over all filters, inside layers, and for one output.

And whether the profiles of two classes are alike where their images are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.analysis.profiles import likeness_of_classes, rank_correlations
from nnpg.analysis.statistics import rank_correlation
from nnpg.network import Network, as_network
from nnpg.prediction import prediction_gradient
from nnpg.scores import FilterScores, convolutional_gradient
from nnpg.support.arguments import as_instance, as_labels, as_numbers, as_whole, described
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


def agreement_with_mean_images(
    likeness: npt.ArrayLike, x: npt.ArrayLike, labels: npt.ArrayLike, counted: npt.ArrayLike | None = None
) -> float:
    """Return how far two classes are alike in their profiles where they are alike in their images (Lo & Ding, V.A).

    Two classes' images are as alike as the correlation of their mean images, less the mean of all classes.

    Parameters
    ----------
    likeness : array (N, N)
        Of the profiles of every two images.
    x : array (N, ...)
    labels : array (N,)
        At least three classes, from 0 on, each with images.
    counted : bool array (N, N), optional
        Which pairs of profiles count; all unless given.

    Returns
    -------
    float
        Rank correlation, over the pairs of classes, of the likeness of their profiles with that of their images.

    Examples
    --------
    >>> x = np.array([[1.0, 0.0, 0.0], [0.9, 0.2, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.9]])
    >>> likeness = [[1, 0.9, 0.2, 0.1], [0.9, 1, 0.4, 0.3], [0.2, 0.4, 1, 0.8], [0.1, 0.3, 0.8, 1]]
    >>> agreement_with_mean_images(likeness, x, [0, 1, 2, 2])
    1.0
    """
    profiles = likeness_of_classes(likeness, labels, counted)
    x, t = as_numbers(x, "x", "images (N, ...)", finite=True), as_whole(labels, "labels", "an array (N,)")
    K = len(profiles)
    if len(x) != len(t) or K < 3 or len(np.unique(t)) < K:
        raise ValueError(f"x and labels must be of the same images, of three classes or more, not {described(x)}")
    means = np.array([x[t == k].mean(axis=0).ravel() for k in range(K)], np.float64)
    pairs = np.triu_indices(K, 1)
    return rank_correlation(profiles[pairs], np.corrcoef(means - means.mean(axis=0))[pairs])
