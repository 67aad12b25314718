"""What is sent back: the seed decides which derivative backward computes. The rest of the path is the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.layers import Sigmoid, Softmax
from nnpg.losses import one_hot
from nnpg.network import Network, Trace
from nnpg_kernels import Array

Of: TypeAlias = Literal["prob", "logit", "logprob"]
Classes: TypeAlias = Literal["true", "all"] | int | Sequence[int]


def class_seed(
    net: Network, trace: Trace, classes: Classes = "all", of: Of = "prob", labels: npt.ArrayLike | None = None
) -> tuple[str, Array]:
    """Return where the seed of dy_c/do enters, and the seed.

    Parameters
    ----------
    net : Network
        Ends in Softmax, Sigmoid, or (for `of="logit"` only) neither.
    trace : Trace
        Of the whole network.
    classes : "all", "true", a class or several classes
        "true" takes each image's own label.
    of : "prob", "logit" or "logprob"
        What is differentiated: the output y_c (the papers'), the z_c that goes into the squashing function, or log y_c.
    labels : array (N,), optional
        Needed for `classes="true"`.

    Returns
    -------
    at : str
        Name of the output.
    seed : array
        (N, K) for one class or the true ones, (S, N, K) for several.

    Raises
    ------
    ValueError
        For an unknown class or `of`, missing labels, or a network whose end does not fit.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> at, seed = class_seed(net, net.forward(np.zeros((5, 2))), "all")
    >>> at, seed.shape
    ('softmax1', (3, 5, 3))
    """
    check_of(of)
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
    if type(squashing) not in (Softmax, Sigmoid) or last in net.interventions:  # its own passes know dy_c/dz
        y = trace[last]
        return last, chosen / k.xp.maximum(y, k.xp.finfo(y.dtype).tiny)  # d log y_c / dy_c = 1 / y_c
    if type(squashing) is Sigmoid:  # d log y_c / dz_c = 1 - y_c = sigmoid(-z_c)
        others, _ = squashing.forward(k, -trace[logits])
        return logits, chosen * others
    y = trace[last]
    others = y @ (1 - k.xp.eye(y.shape[-1], dtype=y.dtype))  # 1 - y_c as the sum of the other y: never rounds to 0
    return logits, chosen * others - (1 - chosen) * y  # d log y_c / dz_j = [c = j] - y_j


def _one_hot_seed(net: Network, trace: Trace, classes: Classes, labels: npt.ArrayLike | None) -> Array:
    k, y = net.backend, trace.y
    N, K = len(y), net.K
    chosen, own = check_classes(classes, labels, N, K)
    if own is not None:
        return one_hot(k, own, y)
    e = one_hot(k, np.atleast_1d(chosen), y)[:, None, :]  # (S, 1, K)
    return k.xp.broadcast_to(e if chosen.ndim else e[0], (*chosen.shape, N, K))


def check_of(of: str) -> None:
    """Say so if `of` is none of the three."""
    if of not in ("prob", "logit", "logprob"):
        raise ValueError(f"of must be 'prob', 'logit' or 'logprob', not {of!r}")


def check_classes(classes: Classes, labels: npt.ArrayLike | None, N: int, K: int) -> tuple[Array, Array | None]:
    """Return the classes () or (S,), and for "true" each image's own (N,); or say what is wrong with them."""
    if isinstance(classes, str) and classes == "true":
        if labels is None:
            raise ValueError("classes='true' needs labels: pass labels=..., one for each image")
        return np.arange(K), check_labels(labels, N, K)
    if isinstance(classes, str):
        if classes != "all":
            raise ValueError(f"classes must be 'true', 'all', a class or several classes, not {classes!r}")
        return np.arange(K), None
    chosen = np.asarray(classes)
    if chosen.dtype.kind not in "iu" or chosen.ndim > 1 or (chosen < 0).any() or (chosen >= K).any():
        raise ValueError(f"classes must be whole numbers 0 .. {K - 1}, not {classes!r}")
    return chosen, None


def check_labels(labels: npt.ArrayLike, N: int, K: int) -> Array:
    """Return labels as an array, or say what is wrong with them."""
    t = np.asarray(labels)
    if t.shape != (N,) or t.dtype.kind not in "iu" or (N and (t.min() < 0 or t.max() >= K)):
        found = f"{t.dtype} {t.shape}" + (f" from {t.min()} to {t.max()}" if t.size and t.dtype.kind in "iuf" else "")
        raise ValueError(f"labels must be {N} whole numbers 0 .. {K - 1}, one for each image, not {found}")
    return t
