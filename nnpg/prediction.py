"""The prediction gradient dy/do: how much a unit's output moves the prediction (Lo & Ding 2015, III; Lo 2016, 3.2).

It is the backward pass of training with another seed. Eq. 2 of Lo & Ding, factor by factor:

    dL/dw = dL/dy . dy/do . do/dw            seed, delta, gradients

so `net.backward(trace, one-hot seed)[name]` is dy_c/do for every unit o of the output `name`, in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.batches import batches
from nnpg.layers import Conv, Dense, Flatten
from nnpg.network import Network
from nnpg.programs import Found
from nnpg.programs.tasks import ClassSums, Gradients
from nnpg.seeds import Classes, Of, as_classes, as_of, chosen_classes, class_seed
from nnpg.support.arguments import all_finite, as_choice, as_class_names, as_count, as_labels
from nnpg.support.network_arguments import as_images, as_network, as_outputs
from nnpg.support.progress import progress as progress_bar
from nnpg.support.tables import text_table
from nnpg_kernels import Array

BATCH = 64  # images that are differentiated layer by layer at a time
HELD = 64 << 20  # bytes of deltas that compiled kernels fill before they are added up


@dataclass(frozen=True, eq=False)
class PredictionGradient:
    """dy/do for each image (or class of images), layer by layer; prints as a table of the layers.

    `convolutional_gradient` makes it one score per filter, with a data frame and a plot.

    Parameters
    ----------
    deltas : dict
        deltas["pool1"][n] is dy_c/do for image (or class) n: arrays (N, F, H, W) or (N, D); with several classes c
        one more axis in front, (S, N, ...).
    classes : "true" or tuple of int
        Which c; the order of the axis S.
    of : "prob", "logit" or "logprob"
    rows : N strings
        Name of each image or class.
    computed : str
        How: "compiled" or "layer by layer, because ..."; "" where it was not computed by this library.
    """

    deltas: dict[str, Array]
    classes: Literal["true"] | int | tuple[int, ...]
    of: Of
    rows: tuple[str, ...]
    computed: str = ""

    def __getitem__(self, name: str) -> Array:
        return self.deltas[name]

    def __str__(self) -> str:
        rows = [
            (name, "x".join(map(str, d.shape)), float(abs(d).max()), float((d * d).mean() ** 0.5))
            for name, d in self.deltas.items()
        ]
        return text_table(("output", "shape", "largest magnitude", "root mean square"), rows)

    def averaged(self, deltas: dict[str, Array], row: str = "mean") -> PredictionGradient:
        """Return other deltas of the same kind, such as a mean over some images, as one row."""
        return replace(self, deltas=deltas, rows=(row,))

    def for_class(self, c: int) -> PredictionGradient:
        """Return the part for one class of several."""
        if not isinstance(self.classes, tuple):
            raise ValueError(
                f"this gradient is of one class for each image ({self.classes!r}); there is none to choose"
            )
        if as_count(c, "c", least=0) not in self.classes:
            raise ValueError(f"c must be one of the classes {', '.join(map(str, self.classes))}, not {c}")
        s = self.classes.index(c)
        return replace(self, deltas={name: d[s] for name, d in self.deltas.items()}, classes=c)


def filter_layers(net: Network) -> tuple[str, ...]:
    """Return the output of each convolutional block: the last one before the next layer with weights.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.conv(5, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3)],
    ...                  input_shape=(1, 8, 8), rng=0)
    >>> filter_layers(net)
    ('pool1',)
    """
    net, blocks, inside, previous = as_network(net), [], False, ""
    for name, layer in net.layers.items():
        if isinstance(layer, Conv | Dense | Flatten):
            if inside:
                blocks.append(previous)
            inside = isinstance(layer, Conv)
        previous = name
    return (*blocks, previous) if inside else tuple(blocks)


def prediction_gradient(
    net: Network,
    x: npt.ArrayLike,
    *,
    layers: str | Sequence[str] | None = None,
    classes: Classes = "all",
    labels: npt.ArrayLike | None = None,
    of: Of = "prob",
    batch: int | None = None,
) -> PredictionGradient:
    """Compute dy_c/do for every unit o of the given layers (Lo & Ding 2015, Eq. 1).

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    layers : names, optional
        Outputs to differentiate by, "input" for the image itself; the output of each convolutional block unless given.
    classes : "all", "true", a class or several classes
        All in one class-batched pass. "true" takes each image's own label.
    labels : array (N,), optional
        Needed for `classes="true"`.
    of : "prob", "logit" or "logprob"
        Differentiate y_c (the papers'), the logit z_c, or log y_c.
    batch : int, optional
        Images at a time; unless given, what suits the way it is computed. The result does not depend on it.

    Returns
    -------
    PredictionGradient
        Arrays (N, ...) for one class an image, (S, N, ...) for several.

    Raises
    ------
    ValueError, KeyError
        If images, labels, classes or layers do not fit the network.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(4), nnpg.Tanh(), nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> pg = prediction_gradient(net, np.ones((5, 2)), layers="tanh1")
    >>> pg["tanh1"].shape                        # (S, N, D)
    (3, 5, 4)
    >>> bool(abs(pg["tanh1"].sum(axis=0)).max() < 1e-6)    # the probabilities always sum to 1
    True
    """
    net, of = as_network(net), as_of(of)
    x, names = as_images(net, x), _layer_names(net, layers)
    classes = as_classes(classes, net.K)
    program = programs.find(net, Gradients(names, of, len(x)))
    every = batches(len(x), batch, max(1, len(x)) if program else BATCH)  # programs take small blocks anyway
    parts = [deltas for _, deltas in _batches(net, program, x, names, classes, labels, of, every)]
    images = 0 if _one_class(classes) else 1  # the axis N
    joined = (
        parts[0]
        if len(parts) == 1
        else {name: np.concatenate([part[name] for part in parts], axis=images) for name in names}
    )
    rows = tuple(f"image {n}" for n in range(len(x)))
    return PredictionGradient(joined, _classes_of(net, classes), of, rows, program.how)


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
    average prediction. They are equal; both are offered, in memory that does not grow with the number of images.

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
        Draw a bar; unless given, only on a terminal.

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
    x, names, K = as_images(net, x, finite=True), _layer_names(net, layers), net.K
    t, classes = as_labels(labels, len(x), K), as_classes(classes, K)
    rows = as_class_names(class_names, K)
    counts = np.bincount(t, minlength=K)
    share = 1 / np.maximum(counts, 1) if method == "gradient_of_average" else np.ones(K)
    program = programs.find(net, Gradients(names, of, len(x)))
    S = 1 if _one_class(classes) else len(_classes_of(net, classes))
    held = max(1, S * sum(math.prod(net.shapes[name]) for name in names) * net.dtype.itemsize)  # bytes per image
    every = batches(len(x), batch, max(BATCH, HELD // held) if program else BATCH)
    sums: dict[str, Any] = dict.fromkeys(names, 0.0)
    with progress_bar("class gradients", len(x), show=progress) as advance:
        for some, deltas in _batches(net, program, x, names, classes, t, of, every, share[t]):
            for name, delta in deltas.items():
                sums[name] = sums[name] + _sum_by_class(net, t[some], K, delta, _one_class(classes))
            advance(len(t[some]))
    images = np.where(counts, counts if method == "average_of_gradients" else 1, np.nan)
    means = {n: s / images.reshape(-1, *[1] * (s.ndim - (1 if _one_class(classes) else 2))) for n, s in sums.items()}
    return PredictionGradient(means, _classes_of(net, classes), of, rows, program.how)


def _batches(
    net: Network,
    program: Found,
    x: Array,
    names: tuple[str, ...],
    classes: Classes,
    labels: npt.ArrayLike | None,
    of: Of,
    every: list[slice],
    weights: Array | None = None,
) -> Iterator[tuple[slice, dict[str, Array]]]:
    """The deltas of each batch of images, each image's seed multiplied by its weight.

    An image that is not finite goes layer by layer, whatever the program.
    """
    t = None if labels is None else as_labels(labels, len(x), net.K)
    for some in every:
        labels_of, weights_of = (None if a is None else a[some] for a in (t, weights))
        if program.run is None:
            yield some, _by_layers(net, x[some], names, classes, of, labels_of, weights_of)
        else:
            chosen, own = chosen_classes(classes, labels_of, len(x[some]), net.K)
            deltas = program.run(x[some], np.atleast_1d(chosen), own, weights_of)
            if not all_finite(x[some]):  # 0 times NaN is NaN, and a program leaves out what is multiplied by 0
                spoiled = ~np.isfinite(x[some]).all(axis=tuple(range(1, x.ndim)))
                labels_of, weights_of = (None if a is None else a[spoiled] for a in (labels_of, weights_of))
                again = _by_layers(net, x[some][spoiled], names, classes, of, labels_of, weights_of)
                for name, delta in deltas.items():
                    delta[:, spoiled] = again[name]
            yield some, {name: d[0] if _one_class(classes) else d for name, d in deltas.items()}


def _by_layers(
    net: Network,
    x: Array,
    names: tuple[str, ...],
    classes: Classes,
    of: Of,
    labels: Array | None,
    weights: Array | None,
) -> dict[str, Array]:
    """Forward, and the seed back: the definition."""
    trace = net.forward(x)
    at, seed = class_seed(net, trace, classes, of, labels)
    if weights is not None:
        seed = seed * net.backend.asarray(weights[:, None].astype(seed.dtype))
    deltas = net.backward(trace, seed, at=at, until=min(names, key=net.names.index), keep=names)
    return {name: net.backend.to_numpy(deltas[name]) for name in names}


def _sum_by_class(net: Network, labels: Array, K: int, delta: Array, one_class: bool) -> Array:
    """Sum over the images of each class, (..., n, units) to (..., K, units), in float64."""
    axis = 0 if one_class else 1
    program = programs.find(net, ClassSums())
    if program.run is not None:
        flat = delta.reshape(*delta.shape[: axis + 1], math.prod(delta.shape[axis + 1 :]))
        sums = program.run(flat if axis else flat[None], labels, K)
        return (sums if axis else sums[0]).reshape(*delta.shape[:axis], K, *delta.shape[axis + 1 :])
    sums = np.zeros((*delta.shape[:axis], K, *delta.shape[axis + 1 :]))
    for c in np.unique(labels):
        own = np.compress(labels == c, delta, axis=axis)
        np.sum(own, axis=axis, dtype=np.float64, out=sums[:, c] if axis else sums[c])
    return sums


def _layer_names(net: Network, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    if layers is not None:
        return as_outputs(net, layers)
    if not (names := filter_layers(net)):
        raise ValueError(f"this network has no convolutional block: say which layers, of {', '.join(net.names)}")
    return names


def _one_class(classes: Classes) -> bool:
    return isinstance(classes, int | np.integer) or (isinstance(classes, str) and classes == "true")


def _classes_of(net: Network, classes: Classes) -> Any:
    if isinstance(classes, str):
        return classes if classes == "true" else tuple(range(net.K))
    return int(classes) if isinstance(classes, int | np.integer) else tuple(int(c) for c in classes)
