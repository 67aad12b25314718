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
from nnpg.support.arguments import (
    as_array,
    as_choice,
    as_class_names,
    as_labels,
    as_number,
    described,
    is_on_device,
)
from nnpg.support.crossings import values_to_numpy
from nnpg.support.network_arguments import as_images, placed
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array

MEMORY_MB = 64  # of deltas that are computed before they are summed
LEAST = 16  # images at a time, unless fewer are asked for: with fewer, every forward pass would serve too few classes


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
    for_classes: Literal["present"] | Sequence[int] | None = None,
    class_names: Sequence[str] | None = None,
    memory_mb: float | None = None,
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
    for_classes : "present" or several classes, optional
        The classes t that have a row, in this order: those that occur among the labels, or those given. Images of other
        classes are not differentiated. By default, all K.
    class_names : K strings, optional
    memory_mb : float, optional
        For deltas that are not summed yet, in millions of bytes; 64 unless given. Where the images at a time do not fit
        for all classes c, the classes are taken in chunks. The sums themselves, one float64 per number of the result,
        come on top.
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
    wanted, names = _as_rows(for_classes, t, K), as_class_names(class_names, K)
    memory_mb = MEMORY_MB if memory_mb is None else as_number(memory_mb, "memory_mb", above=0)
    if for_classes is not None and not (of_wanted := np.isin(t, wanted)).all():
        kept = np.flatnonzero(of_wanted)
        x, t = x[placed(net, kept) if is_on_device(x) else kept], t[kept]
    program = programs.find(net, Gradients(layers, of, len(x)))
    parts, chunks = _at_once(net, layers, classes, len(x), batch, memory_mb, compiled=bool(program))

    present = np.unique(t)  # only they have sums
    count = np.bincount(t, minlength=K)  # |X_t|
    weights = None if method == "average_of_gradients" else 1 / count[t]
    # labels, and the place of each in `present`, where the deltas are
    there, place_there = placed(net, np.stack([t, place := np.searchsorted(present, t)]))
    chunked: list[dict[str, Array]] = []
    with progress_bar("class gradients", len(x) * len(chunks), show=progress) as advance:
        for chunk in chunks:
            sums: dict[str, Any] = dict.fromkeys(layers, 0.0)
            settings = (layers, chunk, there, of, parts, weights)
            for part, deltas in gradients_in_batches(net, program, x, *settings, stays=True, finite=True):
                for layer, delta in deltas.items():  # the sum over j
                    of_batch = _sum_by_class(
                        net, place[part], place_there[part], len(present), delta, image_axis(chunk)
                    )
                    sums[layer] = sums[layer] + of_batch
                advance(len(t[part]))
            chunked.append(values_to_numpy(net.backend, sums))
    divisor = count[present] if weights is None else np.ones(len(present))  # |X_t|, unless it is in the seed
    axis, means = image_axis(classes), dict[str, Array]()  # now the axis of the classes t
    for layer in layers:
        sums_of_layer = chunked[0][layer] if len(chunked) == 1 else np.concatenate([part[layer] for part in chunked])
        means[layer] = _rows_of(sums_of_layer, divisor, present, wanted, axis)
    rows = tuple(names[c] for c in wanted)
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


def _as_rows(for_classes: Any, labels: Array, K: int) -> Array:
    """Return the classes that have a row."""
    if for_classes is None:
        return np.arange(K)
    if isinstance(for_classes, str):
        as_choice(for_classes, "for_classes", ("present",))
        return np.unique(labels)
    expected = f"'present' or several classes 0 .. {K - 1}, each once"
    chosen = as_array(for_classes, "for_classes", expected)
    whole = chosen.dtype.kind in "iu" and chosen.ndim == 1 and len(chosen) > 0
    if not whole or chosen.min() < 0 or chosen.max() >= K or len(np.unique(chosen)) < len(chosen):
        raise ValueError(f"for_classes must be {expected}, not {described(for_classes)}")
    return chosen


def _rows_of(sums: Array, divisor: Array, present: Array, wanted: Array, axis: int) -> Array:
    """Divide the sums of the classes that are present, (..., P, units); return the rows of those wanted."""
    sums /= divisor.reshape(-1, *[1] * (sums.ndim - axis - 1))
    if len(present) == len(wanted) and (present == wanted).all():
        return sums
    means = np.full((*sums.shape[:axis], len(wanted), *sums.shape[axis + 1 :]), np.nan)  # without images: NaN
    occurs = np.isin(wanted, present)
    place = np.searchsorted(present, wanted[occurs])
    np.moveaxis(means, axis, 0)[occurs] = np.moveaxis(sums, axis, 0)[place]
    return means


def _at_once(
    net: Network,
    layers: tuple[str, ...],
    classes: Classes,
    N: int,
    batch: int | None,
    memory_mb: float,
    *,
    compiled: bool,
) -> tuple[list[slice], list[Classes]]:
    """Return the images and the classes whose deltas are computed at a time, before they are summed."""
    sizes = {name: math.prod(shape) for name, shape in net.shapes.items()}
    # layer by layer, two deltas exist at a time beside those that are kept
    numbers = sum(sizes[layer] for layer in layers) + (0 if compiled else 2 * max(sizes.values()))
    each = max(1, numbers) * net.dtype.itemsize  # bytes per image and class
    of_all = differentiated(classes, net.K) if image_axis(classes) else None
    S = len(of_all) if of_all else 1
    fit = int(1e6 * memory_mb / (each * S))
    parts = in_batches(N, batch, max(LEAST, fit) if compiled else min(BATCH, max(LEAST, fit)))
    if of_all is None:
        return parts, [classes]
    step = max(1, int(1e6 * memory_mb / (each * max(1, min(N, parts[0].stop)))))
    return parts, [classes] if step >= S else [of_all[s : s + step] for s in range(0, S, step)]
