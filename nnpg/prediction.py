"""The prediction gradient dy/do: how much a unit's output changes the prediction (Lo & Ding 2015, III; Lo 2016, 3.2).

It is the backward pass of training with another seed. Eq. 2 of Lo & Ding, factor by factor:

    dL/dw = dL/dy . dy/do . do/dw            seed, delta, gradients

`net.backward` multiplies the seed dL/dy by dy/do, one layer after another; the product, dL/do, is the delta, and the
matrix dy/do is never formed. `net.gradients` multiplies the delta by do/dw. With L = y_c the seed is one-hot, and the
delta is dy_c/do, for every unit o of an output in one pass. `by_layers` computes it. `nnpg.class_gradients` computes
Eq. 3, the mean over the images of each class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from nnpg import programs
from nnpg.batches import in_batches
from nnpg.layers.blocks import block_outputs
from nnpg.network import Network, as_network
from nnpg.programs import Found
from nnpg.programs.tasks import Gradients, Predict
from nnpg.seeds import Classes, Of, as_classes, as_of, chosen_classes, class_seed, differentiated, image_axis
from nnpg.support.arguments import all_finite, as_count, as_labels, is_on_device
from nnpg.support.crossings import coming_down, values_to_numpy
from nnpg.support.device_memory import deltas_do_not_fit, instead, outputs_do_not_fit
from nnpg.support.network_arguments import as_images, as_outputs, placed
from nnpg.support.tables import data_frame, text_table
from nnpg_kernels import Array

if TYPE_CHECKING:
    import pandas

PREDICTED = 4096  # images that a compiled program predicts in one call; Python handles interrupts between calls
LAYERED = 256  # images that are predicted layer by layer at a time
BATCH = 64  # images that are differentiated layer by layer at a time


def predict(net: Network, x: npt.ArrayLike, *, batch: int | None = None) -> npt.NDArray[Any]:
    """Return the last output for all images, (N, K).

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    batch : int, optional
        Images at a time; the default depends on how it is computed. The result does not depend on it.

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
    return net.backend.to_numpy(placed_predictions(net, as_images(net, x), batch=batch))


def placed_predictions(net: Network, x: Array, *, batch: int | None = None) -> Array:
    """Return the same for images that have been checked, in the memory of the network's backend.

    Examples
    --------
    >>> import nnpg
    >>> placed_predictions(nnpg.build([nnpg.Softmax()], input_shape=(2,), rng=0), np.zeros((1, 2)))
    array([[0.5, 0.5]])
    """
    program = programs.find(net, Predict(len(x)))
    rows, x = in_batches(len(x), batch, PREDICTED if program else LAYERED), placed(net, x)
    with instead(partial(outputs_do_not_fit, net, len(x[rows[0]]))):
        parts = [net.forward(x[part]).y if program.run is None else program.run(x[part]) for part in rows]
    return parts[0] if len(parts) == 1 else net.backend.xp.concatenate(parts)


def by_layers(
    net: Network,
    x: Array,
    layers: Sequence[str],
    classes: Classes = "all",
    of: Of = "prob",
    labels: npt.ArrayLike | None = None,
    weights: Array | None = None,
    *,
    stays: bool = False,
) -> dict[str, Array]:
    """Compute dy_c/do layer by layer: the definition, which every compiled program must equal.

    The first two factors of Eq. 2, with L = y_c: the seed dL/dy is 1 for the class c and 0 elsewhere, and backward
    multiplies it by dy/do. The third, do/dw, is `net.gradients`. Other arguments are those of `prediction_gradient`.

    Parameters
    ----------
    weights : array (N,), optional
        Multiply each image's seed.
    stays : bool
        Return arrays of the network's backend, not of NumPy.

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
    chosen = {layer: deltas[layer] for layer in layers}
    return chosen if stays else values_to_numpy(net.backend, chosen)


_COLUMNS = ("output", "shape", "largest magnitude", "root mean square")


@dataclass(frozen=True, eq=False)
class PredictionGradient:
    """dy/do for each image (or class of images), layer by layer; prints as a table of the layers.

    `convolutional_gradient` reduces it to one score per filter, with a data frame and a plot.

    Parameters
    ----------
    deltas : dict
        deltas["pool1"][n] is dy_c/do for image (or class) n: arrays (N, F, H, W) or (N, D); with several classes c
        one more axis in front, (S, N, ...).
    classes : "true" or tuple of int
        The classes c, in the order of the axis S.
    of : "prob", "logit" or "logprob"
    rows : N strings
        Name of each image or class.
    computed : str
        "compiled" or "layer by layer, because ..."; "" for deltas that this library did not compute.
    """

    deltas: dict[str, Array]
    classes: Literal["true"] | int | tuple[int, ...]
    of: Of
    rows: tuple[str, ...]
    computed: str = ""

    def __getitem__(self, name: str) -> Array:
        return self.deltas[name]

    def __str__(self) -> str:
        return text_table(_COLUMNS, self._rows())

    def to_frame(self) -> pandas.DataFrame:
        """Return one line per output: its name and shape, and the largest and the root mean square of its deltas."""
        return data_frame(_COLUMNS, self._rows())

    def _rows(self) -> list[tuple[str, str, float, float]]:
        sizes = {name: "x".join(map(str, d.shape)) for name, d in self.deltas.items()}
        return [(n, sizes[n], float(abs(d).max()), float((d * d).mean() ** 0.5)) for n, d in self.deltas.items()]

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
        Outputs to differentiate by, "input" for the image; by default, the output of each convolutional block.
    classes : "all", "true", a class or several classes
        All in one class-batched pass. "true" takes each image's own label.
    labels : array (N,), optional
        Needed for `classes="true"`.
    of : "prob", "logit" or "logprob"
        Differentiate y_c (as in the papers), the logit z_c, or log y_c.
    batch : int, optional
        Images at a time; the default depends on how it is computed. The result does not depend on it.

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
    classes, labels = as_classes(classes, net.K), None if labels is None else as_labels(labels, len(x), net.K)
    program = programs.find(net, Gradients(layers, of, len(x), comes_down=True))
    deltas = all_gradients(net, program, x, layers, classes, labels, of, batch=batch)
    rows = tuple(f"image {n}" for n in range(len(x)))
    return PredictionGradient(deltas, differentiated(classes, net.K), of, rows, program.computed)


def all_gradients(
    net: Network,
    program: Found,
    x: Array,
    layers: tuple[str, ...],
    classes: Classes,
    labels: Array | None,
    of: Of,
    *,
    stays: bool = False,
    batch: int | None = None,
) -> dict[str, Array]:
    """Return the deltas of all images, from arguments that have been checked; see `gradients_in_batches`."""
    parts = in_batches(len(x), batch, max(1, len(x)) if program else BATCH)  # programs take small blocks
    batches = gradients_in_batches(net, program, x, layers, classes, labels, of, parts, stays=stays)
    deltas = [of_batch for _, of_batch in batches]
    if len(deltas) == 1:
        return deltas[0]
    xp = net.backend.xp if is_on_device(deltas[0][layers[0]]) else np
    return {layer: xp.concatenate([d[layer] for d in deltas], axis=image_axis(classes)) for layer in layers}


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
    """Return the outputs of these names, or those of the convolutional blocks if no name is given.

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


def gradients_in_batches(
    net: Network,
    program: Found,
    x: Array,
    layers: tuple[str, ...],
    classes: Classes,
    labels: Array | None,
    of: Of,
    parts: list[slice],
    weights: Array | None = None,
    *,
    stays: bool = False,
    finite: bool = False,
) -> Iterator[tuple[slice, dict[str, Array]]]:
    """Yield each batch of images and its deltas, each image's seed multiplied by its weight.

    If they stay, deltas are arrays of the network's backend.

    An image that is not finite is computed layer by layer, even if there is a program. `finite` says that the caller
    knows of no such image.
    """
    finite = finite or program.run is None or (not is_on_device(x) and all_finite(x))
    x, k = placed(net, x), net.backend
    arrays = [None if a is None else placed(net, a) for a in (labels, weights)]
    for part in parts:
        images, of_images = x[part], [None if a is None else a[part] for a in arrays]
        if program.run is None:
            yield part, by_layers(net, images, layers, classes, of, *of_images, stays=stays)
            continue
        chosen, true_classes = chosen_classes(classes, of_images[0], len(images), net.K)
        of_classes = np.atleast_1d(chosen)
        # of images on a device, what is not finite comes down while the program runs
        of_finite = None if finite else coming_down(k, k.xp.isfinite(images).all(axis=tuple(range(1, images.ndim))))
        with instead(partial(deltas_do_not_fit, net, len(images), len(of_classes))):
            deltas = program.run(images, of_classes, true_classes, of_images[1])
        # 0 times NaN is NaN, but a program leaves out products with 0
        if of_finite is not None and (spoiled := ~of_finite()).any():
            of_spoiled = [None if a is None else a[spoiled] for a in of_images]
            kept = is_on_device(next(iter(deltas.values())))
            layered = by_layers(net, images[spoiled], layers, classes, of, *of_spoiled, stays=kept)
            for layer, delta in deltas.items():
                delta[:, spoiled] = layered[layer]
        if not stays:
            deltas = {layer: k.to_numpy(delta) for layer, delta in deltas.items()}
        yield part, {layer: delta if image_axis(classes) else delta[0] for layer, delta in deltas.items()}
