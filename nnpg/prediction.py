"""The prediction gradient dy/do: how much a unit's output moves the prediction (Lo & Ding 2015, III; Lo 2016, 3.2).

It is the backward pass of training with another seed. Eq. 2 of Lo & Ding, factor by factor:

    dL/dw = dL/dy . dy/do . do/dw            seed, delta, gradients

so `net.backward(trace, one-hot seed)[layer]` is dy_c/do for every unit o of the output `layer`, in one pass.
`by_layers` executes it; `class_gradient` executes Eq. 3, the mean over the images of each class.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.batches import in_batches
from nnpg.layers.blocks import block_outputs
from nnpg.network import Network, as_network
from nnpg.programs import Found
from nnpg.programs.tasks import ClassSums, Gradients, Predict
from nnpg.seeds import Classes, Of, as_classes, as_of, chosen_classes, class_seed
from nnpg.support.arguments import all_finite, as_choice, as_class_names, as_count, as_labels
from nnpg.support.network_arguments import as_images, as_outputs
from nnpg.support.progress import progress_bar
from nnpg.support.tables import text_table
from nnpg_kernels import Array

PREDICTED = 4096  # images that compiled programs predict before Python sees to interrupts
LAYERED = 256  # images that are predicted layer by layer at a time
BATCH = 64  # images that are differentiated layer by layer at a time
HELD = 64 << 20  # bytes of deltas that compiled programs fill before they are added up


def predict(net: Network, x: npt.ArrayLike, *, batch: int | None = None) -> npt.NDArray[Any]:
    """Return the last output for all images, (N, K).

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    batch : int, optional
        Images at a time; unless given, what suits the way it is computed. The result does not depend on it.

    Raises
    ------
    ValueError
        If the images do not fit, or `batch` is not at least 1.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> predict(net, np.zeros((4, 2))).shape
    (4, 3)
    """
    net = as_network(net)
    x = as_images(net, x)
    program = programs.find(net, Predict(len(x)))
    if program.run is None:
        parts = [net.backend.to_numpy(net.forward(x[part]).y) for part in in_batches(len(x), batch, LAYERED)]
    else:
        parts = [program.run(x[part]) for part in in_batches(len(x), batch, PREDICTED)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def by_layers(
    net: Network,
    x: Array,
    layers: Sequence[str],
    classes: Classes = "all",
    of: Of = "prob",
    labels: npt.ArrayLike | None = None,
    weights: Array | None = None,
) -> dict[str, Array]:
    """Compute dy_c/do layer by layer: the definition, which every compiled program agrees with.

    Eq. 2 without its last factor: the seed dL/dy of L = y_c is 1 for the class c and 0 elsewhere, and backward
    multiplies it by dy/do. `prediction_gradient` says what the arguments are.

    Parameters
    ----------
    weights : array (N,), optional
        Multiply each image's seed.

    Returns
    -------
    dict
        deltas[layer], (S, N, ...) for several classes, (N, ...) for one class per image.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(4), nnpg.Tanh(), nnpg.dense(3)], input_shape=(2,), rng=0, dtype="float64")
    >>> deltas = by_layers(net, np.ones((5, 2)), ["tanh1"], classes=2, of="logit")
    >>> bool((deltas["tanh1"] == net.layers["dense2"].W[2]).all())       # z_2 = W_2 o + b_2
    True
    """
    trace = net.forward(x)  # o and y
    start, seed = class_seed(net, trace, classes, of, labels)  # dL/dy, L = y_c
    if weights is not None:
        seed = seed * net.backend.asarray(weights[:, None].astype(seed.dtype))
    deltas = net.backward(trace, seed, start=start, stop=min(layers, key=net.names.index), keep=layers)  # dL/dy . dy/do
    return {layer: net.backend.to_numpy(deltas[layer]) for layer in layers}


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
        Arrays (N, ...) for one class per image, (S, N, ...) for several.

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
    x, layers = as_images(net, x), as_layers(net, layers)
    classes = as_classes(classes, net.K)
    program = programs.find(net, Gradients(layers, of, len(x)))
    parts = in_batches(len(x), batch, max(1, len(x)) if program else BATCH)  # programs take small blocks anyway
    deltas = [part for _, part in _batches(net, program, x, layers, classes, labels, of, parts)]
    if len(deltas) == 1:
        joined = deltas[0]
    else:
        joined = {layer: np.concatenate([d[layer] for d in deltas], axis=_image_axis(classes)) for layer in layers}
    rows = tuple(f"image {n}" for n in range(len(x)))
    return PredictionGradient(joined, _differentiated(net, classes), of, rows, program.computed)


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
    x, layers, K = as_images(net, x, finite=True), as_layers(net, layers), net.K
    t, classes = as_labels(labels, len(x), K), as_classes(classes, K)
    rows = as_class_names(class_names, K)
    program = programs.find(net, Gradients(layers, of, len(x)))
    parts = in_batches(len(x), batch, _held_at_once(net, layers, classes) if program else BATCH)

    size = np.bincount(t, minlength=K)  # |X_t|
    absent = np.where(size, 1.0, np.nan)
    if method == "average_of_gradients":
        weights, divisor = np.ones(K), size * absent  # 1/|X_t| sum_j dy^j/do
    else:
        weights, divisor = 1 / np.maximum(size, 1), absent  # d/do of sum_j y^j / |X_t|, by the seed 1/|X_t|
    sums: dict[str, Any] = dict.fromkeys(layers, 0.0)
    with progress_bar("class gradients", len(x), show=progress) as advance:
        for part, deltas in _batches(net, program, x, layers, classes, t, of, parts, weights[t]):
            for layer, delta in deltas.items():
                sums[layer] = sums[layer] + _sum_by_class(net, t[part], K, delta, _image_axis(classes))
            advance(len(t[part]))
    axis = _image_axis(classes)  # now the axis of the classes t
    means = {layer: a / divisor.reshape(-1, *[1] * (a.ndim - axis - 1)) for layer, a in sums.items()}
    return PredictionGradient(means, _differentiated(net, classes), of, rows, program.computed)


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
    return block_outputs(as_network(net).layers)


def as_layers(net: Network, layers: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the outputs of these names, or of the convolutional blocks where none is named.

    Examples
    --------
    >>> import nnpg
    >>> as_layers(nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0), None)
    Traceback (most recent call last):
    ...
    ValueError: this network has no convolutional block: say which layers, of input, dense1
    """
    if layers is not None:
        return as_outputs(net, layers)
    if not (blocks := filter_layers(net)):
        raise ValueError(f"this network has no convolutional block: say which layers, of {', '.join(net.names)}")
    return blocks


def _batches(
    net: Network,
    program: Found,
    x: Array,
    layers: tuple[str, ...],
    classes: Classes,
    labels: npt.ArrayLike | None,
    of: Of,
    parts: list[slice],
    weights: Array | None = None,
) -> Iterator[tuple[slice, dict[str, Array]]]:
    """The deltas of each batch of images, each image's seed multiplied by its weight.

    An image that is not finite goes layer by layer, whatever the program.
    """
    t = None if labels is None else as_labels(labels, len(x), net.K)
    for part in parts:
        images, of_images = x[part], [None if a is None else a[part] for a in (t, weights)]
        if program.run is None:
            yield part, by_layers(net, images, layers, classes, of, *of_images)
            continue
        chosen, true_classes = chosen_classes(classes, of_images[0], len(images), net.K)
        deltas = program.run(images, np.atleast_1d(chosen), true_classes, of_images[1])
        if not all_finite(images):  # 0 times NaN is NaN, and a program leaves out what is multiplied by 0
            spoiled = ~np.isfinite(images).all(axis=tuple(range(1, images.ndim)))
            again = by_layers(
                net, images[spoiled], layers, classes, of, *(None if a is None else a[spoiled] for a in of_images)
            )
            for layer, delta in deltas.items():
                delta[:, spoiled] = again[layer]
        yield part, {layer: delta if _image_axis(classes) else delta[0] for layer, delta in deltas.items()}


def _sum_by_class(net: Network, labels: Array, K: int, delta: Array, axis: int) -> Array:
    """Sum over the images of each class, (..., n, units) to (..., K, units), in float64; `axis` is that of images."""
    program = programs.find(net, ClassSums())
    if program.run is not None:
        flat = delta.reshape(*delta.shape[: axis + 1], math.prod(delta.shape[axis + 1 :]))
        sums = program.run(flat if axis else flat[None], labels, K)
        return (sums if axis else sums[0]).reshape(*delta.shape[:axis], K, *delta.shape[axis + 1 :])
    sums = np.zeros((*delta.shape[:axis], K, *delta.shape[axis + 1 :]))
    for c in np.unique(labels):
        of_class = np.compress(labels == c, delta, axis=axis)
        np.sum(of_class, axis=axis, dtype=np.float64, out=sums[:, c] if axis else sums[c])
    return sums


def _held_at_once(net: Network, layers: tuple[str, ...], classes: Classes) -> int:
    """How many images' deltas are filled before they are added up."""
    S = len(_differentiated(net, classes)) if _image_axis(classes) else 1
    per_image = S * sum(math.prod(net.shapes[layer]) for layer in layers) * net.dtype.itemsize  # bytes
    return max(BATCH, HELD // max(1, per_image))


def _image_axis(classes: Classes) -> int:
    """The axis N of a delta: behind the axis S of several classes, the first where there is one class per image."""
    return 0 if isinstance(classes, int | np.integer) or (isinstance(classes, str) and classes == "true") else 1


def _differentiated(net: Network, classes: Classes) -> Any:
    """The classes as `PredictionGradient` holds them."""
    if isinstance(classes, str):
        return classes if classes == "true" else tuple(range(net.K))
    return int(classes) if isinstance(classes, int | np.integer) else tuple(int(c) for c in classes)
