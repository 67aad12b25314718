"""The prediction gradient of a class: its mean over the images of the class (Lo & Ding 2015, Eq. 3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.batches import in_batches
from nnpg.network import Network, as_network
from nnpg.prediction import BATCH, PredictionGradient, as_layers, by_layers, gradients_in_batches
from nnpg.programs.tasks import ClassSums, Gradients
from nnpg.seeds import Classes, Of, as_classes, as_of, differentiated, image_axis
from nnpg.support.arguments import as_choice, as_class_names, as_labels, is_on_device
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_images, placed
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array

HELD = 64 << 20  # bytes of deltas that compiled programs compute before they are summed


def class_gradient_by_layers(
    net: Network, x: Array, labels: npt.ArrayLike, layers: Sequence[str], of: Of = "prob"
) -> dict[str, Array]:
    """Compute Eq. 3 layer by layer: the definition, which `class_gradient` must equal.

        row t = 1/|X_t| sum_{j in X_t} dy_t^j/do

    Parameters
    ----------
    net, x, labels, of
        As in `class_gradient`.
    layers : names of outputs

    Returns
    -------
    dict
        means[layer], (K, ...); NaN for a class without images.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(4), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> class_gradient_by_layers(net, np.eye(2), [0, 2], ["tanh1"])["tanh1"].shape     # (K, D)
    (3, 4)
    """
    deltas = by_layers(net, x, layers, "true", of, labels)  # dy_t^j/do for each image j and its class t, (N, ...)
    return {layer: class_means(delta, np.asarray(labels), net.K) for layer, delta in deltas.items()}


def class_gradient(
    net: Network,
    x: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    layers: str | Sequence[str] | None = None,
    classes: Classes = "true",
    of: Of = "prob",
    method: Literal["average_of_gradients", "gradient_of_average"] = "average_of_gradients",
    class_names: Sequence[str] | None = None,
    batch: int | None = None,
    progress: bool | None = None,
) -> PredictionGradient:
    """Average the prediction gradient over all images of each class (Lo & Ding 2015, Eq. 3).

        1/|X_t| sum_{j in X_t} dy^j/do  =  1/|X_t| d/do sum_{j in X_t} y^j

    The left side averages the gradients; the right side sends back the seed 1/|X_t| and sums: the gradient of the
    average prediction. They are equal. The memory of both does not grow with the number of images.

    Parameters
    ----------
    net, x, labels, layers, of, batch
        As in `prediction_gradient`.
    classes : "true", "all", a class or several classes
        "true" gives dy_t/do for the class t itself: row t of an array (K, ...). Others give how images of class t move
        the prediction of class c: an array (S, K, ...), or (K, ...) for one c.
    method : "average_of_gradients" or "gradient_of_average"
    class_names : K strings, optional
    progress : bool, optional
        Draw a progress bar; by default, only on a terminal.

    Returns
    -------
    PredictionGradient
        One row for each class; a class without images has a row of NaN.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(4), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> class_gradient(net, np.eye(2), [0, 2], layers="tanh1")["tanh1"].shape     # (K, D)
    (3, 4)
    """
    net, of = as_network(net), as_of(of)
    as_choice(method, "method", ("average_of_gradients", "gradient_of_average"))
    x, layers, K = as_images(net, x, finite=True), as_layers(net, layers), net.K
    t, classes = as_labels(labels, len(x), K), as_classes(classes, K)
    rows = as_class_names(class_names, K)
    program = programs.find(net, Gradients(layers, of, len(x)))
    parts = in_batches(len(x), batch, _held_at_once(net, layers, classes) if program else BATCH)

    count = np.bincount(t, minlength=K)  # |X_t|
    one_or_nan = np.where(count, 1.0, np.nan)  # NaN for a class without images
    # the sum over j is divided by |X_t|, here or in the seed
    if method == "average_of_gradients":
        weights, divisor = None, count * one_or_nan  # 1/|X_t| sum_j dy^j/do
    else:
        seeds = 1 / np.maximum(count, 1)
        weights, divisor = seeds[t], one_or_nan  # d/do of sum_j y^j / |X_t|: the seed is 1/|X_t|
    there = placed(net, t)  # labels where the deltas are
    sums: dict[str, Any] = dict.fromkeys(layers, 0.0)
    with progress_bar("class gradients", len(x), show=progress) as advance:
        settings = (layers, classes, there, of, parts, weights)
        batches = gradients_in_batches(net, program, x, *settings, stays=True, finite=True)
        for part, deltas in batches:
            for layer, delta in deltas.items():  # the sum over j
                of_batch = _sum_by_class(net, t[part], there[part], K, delta, image_axis(classes))
                sums[layer] = sums[layer] + of_batch
            advance(len(t[part]))
    sums = values_to_numpy(net.backend, sums)
    axis = image_axis(classes)  # now the axis of the classes t
    means = {layer: a / divisor.reshape(-1, *[1] * (a.ndim - axis - 1)) for layer, a in sums.items()}
    return PredictionGradient(means, differentiated(classes, net.K), of, rows, program.computed)


def class_means(each: Array, labels: Array, K: int) -> Array:
    """Return the mean over the images of each class: (N, ...) to (K, ...), NaN for a class without images.

    Examples
    --------
    >>> class_means(np.array([[1.0], [3.0], [7.0]]), np.array([0, 0, 1]), 2)
    array([[2.],
           [7.]])
    """
    counts = np.bincount(labels, minlength=K).reshape(-1, *[1] * (each.ndim - 1))
    return np.stack([each[labels == c].sum(axis=0) for c in range(K)]) / np.where(counts, counts, np.nan)


def _sum_by_class(net: Network, labels: Array, there: Array, K: int, delta: Array, axis: int) -> Array:
    """Sum over the images of each class, (..., n, units) to (..., K, units), in float64; `axis` is that of images.

    `there` are the labels where the deltas are; the host knows them too, so that nothing waits.
    """
    program = programs.find(net, ClassSums())
    if program.run is None and is_on_device(delta):
        return _sum_on_device(net, labels, there, K, delta, axis)
    if program.run is not None:
        flat = delta.reshape(*delta.shape[: axis + 1], math.prod(delta.shape[axis + 1 :]))
        sums = program.run(flat if axis else flat[None], there, K)
        return (sums if axis else sums[0]).reshape(*delta.shape[:axis], K, *delta.shape[axis + 1 :])
    sums = np.zeros((*delta.shape[:axis], K, *delta.shape[axis + 1 :]))
    for c in np.unique(labels):
        of_class = np.compress(labels == c, delta, axis=axis)
        np.sum(of_class, axis=axis, dtype=np.float64, out=sums[:, c] if axis else sums[c])
    return sums


def _sum_on_device(net: Network, labels: Array, there: Array, K: int, delta: Array, axis: int) -> Array:
    xp, before = net.backend.xp, (slice(None),) * axis
    sums = xp.zeros((*delta.shape[:axis], K, *delta.shape[axis + 1 :]))
    in_order, ends = (
        xp.take(delta, xp.argsort(there, kind="stable"), axis=axis),
        np.cumsum(np.bincount(labels, minlength=K)),
    )
    for c in np.unique(labels):
        of_class = in_order[(*before, slice(ends[c] - (labels == c).sum(), ends[c]))]
        sums[(*before, c)] = of_class.sum(axis=axis, dtype=np.float64)
    return sums


def _held_at_once(net: Network, layers: tuple[str, ...], classes: Classes) -> int:
    """Return of how many images the deltas are computed before they are summed."""
    S = len(differentiated(classes, net.K)) if image_axis(classes) else 1
    per_image = S * sum(math.prod(net.shapes[layer]) for layer in layers) * net.dtype.itemsize  # bytes
    return max(BATCH, HELD // max(1, per_image))
