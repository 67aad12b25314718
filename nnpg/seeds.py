"""Seeds: the arrays that backward starts from. A seed decides which derivative backward computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.layers import Sigmoid, Softmax
from nnpg.losses import one_hot
from nnpg.network import Network, as_network
from nnpg.support.arguments import as_array, as_choice, as_instance, as_labels, described
from nnpg.trace import Trace
from nnpg_kernels import Array

Of: TypeAlias = Literal["prob", "logit", "logprob"]
OF = ("prob", "logit", "logprob")
Classes: TypeAlias = Literal["true", "all"] | int | Sequence[int]


def class_seed(
    net: Network, trace: Trace, classes: Classes = "all", of: Of = "prob", labels: npt.ArrayLike | None = None
) -> tuple[str, Array]:
    """Return the name of the output at which backward starts, and the seed of dy_c/do.

    Parameters
    ----------
    net : Network
        Ends in Softmax, Sigmoid, or (for `of="logit"` only) neither.
    trace : Trace
        Of the whole network.
    classes : "all", "true", a class or several classes
        "true" takes each image's own label.
    of : "prob", "logit" or "logprob"
        Differentiate the output y_c (as in the papers), the input z_c of the squashing function, or log y_c.
    labels : array (N,), optional
        Needed for `classes="true"`. Those of a device are not read by the host: one that is no class has a seed of 0.

    Returns
    -------
    layer : str
        Name of the output where the seed enters.
    seed : array
        (N, K) for one class or the true ones, (S, N, K) for several.

    Raises
    ------
    ValueError
        For an unknown class or `of`, missing labels, or a network with an unsuitable last layer.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> layer, seed = class_seed(net, net.forward(np.zeros((5, 2))), "all")
    >>> layer, seed.shape
    ('softmax1', (3, 5, 3))
    """
    of = as_of(of)
    net, trace = as_network(net), as_instance(trace, Trace, "trace")
    k, last = net.backend, net.names[-1]
    squashing = net.layers[last]
    squashed = isinstance(squashing, Softmax | Sigmoid)
    if of != "logit" and not squashed:
        raise ValueError(
            f"of={of!r} needs a network that ends in Softmax or Sigmoid; this one ends in "
            f"{type(squashing).__name__} ({last!r}): use of='logit'"
        )
    chosen = _one_hot_seed(net, trace, classes, labels)  # e_c, (..., N, K)
    if of == "prob":
        return last, chosen
    logits = net.names[-2] if squashed else last
    if of == "logit":
        return logits, chosen
    if type(squashing) not in (Softmax, Sigmoid) or last in net.interventions:  # y may differ from their formulas
        y = trace[last]
        return last, chosen / k.xp.maximum(y, k.xp.finfo(y.dtype).tiny)  # d log y_c / dy_c = 1 / y_c
    if type(squashing) is Sigmoid:  # d log y_c / dz_c = 1 - y_c = sigmoid(-z_c)
        others, _ = squashing.forward(k, -trace[logits])
        return logits, chosen * others
    y = trace[last]
    others = y @ (1 - k.xp.eye(y.shape[-1], dtype=y.dtype))  # 1 - y_c as the sum of the other y: never rounds to 0
    return logits, chosen * others - (1 - chosen) * y  # d log y_c / dz_j = [c = j] - y_j


def class_outputs(net: Network, trace: Trace, of: Of) -> Array:
    """Return what `class_seed` differentiates, for every class: y, z or log y, (N, K).

    log y is computed from z in float64, so that it is finite where y rounds to 0.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> class_outputs(net, net.forward([[0.0, 1000.0]]), "logprob")
    array([[-1000.,     0.]])
    """
    return net.backend.to_numpy(placed_class_outputs(net, trace, of))


def placed_class_outputs(net: Network, trace: Trace, of: Of) -> Array:
    """Return the same as an array of the network's backend.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> placed_class_outputs(net, net.forward([[0.0, 1000.0]]), "logprob")
    array([[-1000.,     0.]])
    """
    layer, _ = class_seed(net, trace, of=of)  # refuses a network that ends in another layer
    if of != "logprob":
        return trace[layer]
    xp, z = net.backend.xp, trace[layer].astype(np.float64)
    if layer == net.names[-1]:  # z is y itself
        return xp.log(xp.maximum(z, np.finfo(np.float64).tiny))
    if type(net.layers[net.names[-1]]) is Softmax:
        z = z - z.max(axis=1, keepdims=True)
        return z - xp.log(xp.exp(z).sum(axis=1, keepdims=True))
    return -xp.logaddexp(0, -z)  # log sigmoid(z)


def _one_hot_seed(net: Network, trace: Trace, classes: Classes, labels: npt.ArrayLike | None) -> Array:
    k, y = net.backend, trace.y
    N, K = len(y), net.K
    chosen, true_classes = chosen_classes(classes, labels, N, K)
    if true_classes is not None:
        return one_hot(k, true_classes, y)
    e = k.xp.stack([k.xp.arange(K) == c for c in chosen.ravel().tolist()]).astype(y.dtype)[:, None, :]  # (S, 1, K)
    return k.xp.broadcast_to(e if chosen.ndim else e[0], (*chosen.shape, N, K))


def as_of(of: Of) -> Of:
    """Return the name of the differentiated quantity: "prob", "logit" or "logprob"."""
    return as_choice(of, "of", OF)  # type: ignore[return-value]


def as_classes(classes: Any, K: int) -> Classes:
    """Return "true", "all", a class, or a tuple of classes.

    Examples
    --------
    >>> as_classes([0, 3], 3)
    Traceback (most recent call last):
    ...
    ValueError: classes must be 'true', 'all', a class 0 .. 2 or several, not [0, 3]
    """
    expected = f"'true', 'all', a class 0 .. {K - 1} or several"
    if isinstance(classes, str):
        if classes not in ("true", "all"):
            raise ValueError(f"classes must be {expected}, not {classes!r}")
        return classes  # type: ignore[return-value]
    chosen = as_array(classes, "classes", expected)
    if chosen.dtype.kind not in "iu" or chosen.ndim > 1 or chosen.size == 0 or chosen.min() < 0 or chosen.max() >= K:
        raise ValueError(f"classes must be {expected}, not {described(classes)}")
    return int(chosen) if chosen.ndim == 0 else tuple(chosen.tolist())


def chosen_classes(classes: Classes, labels: npt.ArrayLike | None, N: int, K: int) -> tuple[Array, Array | None]:
    """Return the classes () or (S,), and for "true" the label of each image (N,), or raise an error."""
    classes = as_classes(classes, K)
    if classes != "true":
        return np.arange(K) if classes == "all" else np.asarray(classes), None
    if labels is None:
        raise ValueError("classes='true' needs labels, not None: pass labels=..., one for each image")
    return np.arange(K), as_labels(labels, N, K, stays=True)


def image_axis(classes: Classes) -> int:
    """Return the axis N of a delta: 1, after the axis S of several classes, or 0 for one class per image."""
    return 0 if isinstance(classes, int | np.integer) or (isinstance(classes, str) and classes == "true") else 1


def differentiated(classes: Classes, K: int) -> Any:
    """Return the classes as `PredictionGradient` holds them."""
    if isinstance(classes, str):
        return classes if classes == "true" else tuple(range(K))
    return int(classes) if isinstance(classes, int | np.integer) else tuple(int(c) for c in classes)
