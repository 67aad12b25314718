"""What is differentiated: y, z, log y of one class, or the loss L. Its value and its seed, both read from a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.layers import Sigmoid
from nnpg.losses import binary_cross_entropy, softmax_cross_entropy
from nnpg.network import Network
from nnpg.seeds import OF, class_outputs, class_seed
from nnpg.support.arguments import as_choice, as_class, as_labels, described
from nnpg.trace import Trace
from nnpg_kernels import Array

OfNumber: TypeAlias = Literal["prob", "logit", "logprob", "loss"]
OneClass: TypeAlias = Literal["true", "predicted"] | int


@dataclass(frozen=True)
class Quantity:
    """One number L that a trace gives.

    Parameters
    ----------
    name : str
        Such as "prob of class 3".
    start : str
        The output where the seed enters.
    seed : array (1, K)
        dL / d trace[start].
    value : function (Trace) -> float
    """

    name: str
    start: str
    seed: Array
    value: Callable[[Trace], float]


def quantity(net: Network, trace: Trace, c: int, of: OfNumber) -> Quantity:
    """Return the number L of class c: its probability y_c, logit z_c, log y_c, or the cross-entropy for this class.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(3,), rng=0, dtype="float64")
    >>> trace = net.forward(np.zeros((1, 3)))
    >>> L = quantity(net, trace, 1, "loss")
    >>> L.name, L.start, L.seed, round(L.value(trace), 4)
    ('softmax_cross_entropy of class 1', 'dense1', array([[ 0.5, -0.5]]), 0.6931)
    """
    k = net.backend
    if of == "loss":
        is_binary = isinstance(net.layers[net.names[-1]], Sigmoid)
        loss = (binary_cross_entropy if is_binary else softmax_cross_entropy)(net)
        t = k.asarray(np.array([c]))

        def loss_value(passed: Trace) -> float:
            return float(k.to_numpy(loss.value(k, passed[loss.layer], t))[0])

        return Quantity(f"{loss.name} of class {c}", loss.layer, loss.seed(k, trace[loss.layer], t), loss_value)
    start, seed = class_seed(net, trace, c, of)
    return Quantity(f"{of} of class {c}", start, seed, lambda passed: float(class_outputs(net, passed, of)[0, c]))


def as_of_number(of: Any) -> OfNumber:
    """Return the name of what is differentiated."""
    return as_choice(of, "of", (*OF, "loss"))  # type: ignore[return-value]


def as_one_class(net: Network, y: Array, classes: Any, labels: npt.ArrayLike | None) -> int:
    """Return the class of one image: a number, the label, or the class with the largest y.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0)
    >>> as_one_class(net, np.array([[0.1, 0.7, 0.2]]), "predicted", None)
    1
    """
    if isinstance(classes, str) and classes in ("true", "predicted"):
        if classes == "predicted":
            return int(y[0].argmax())
        if labels is None:
            raise ValueError("classes='true' needs labels, not None: pass labels=[c], the class of the image")
        return int(as_labels(labels, 1, net.K)[0])
    if isinstance(classes, str):
        raise ValueError(f"classes must be 'true', 'predicted' or a class 0 .. {net.K - 1}, not {described(classes)}")
    return as_class(classes, net.K, "classes")
