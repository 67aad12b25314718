"""Targets: the classes that the network is to take each image for."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.attacks.objective import BLOCK, objective_of
from nnpg.network import Network, as_network
from nnpg.prediction import predict
from nnpg.support.arguments import as_array, as_generator, as_labels, described
from nnpg.support.network_arguments import as_images, placed
from nnpg_kernels import Array

Rule: TypeAlias = Literal["random", "least_likely", "nearest", "all"]
Targets: TypeAlias = Rule | npt.ArrayLike

RULES = ("random", "least_likely", "nearest", "all")


def choose_targets(
    net: Network,
    x: npt.ArrayLike,
    targets: Targets,
    *,
    labels: npt.ArrayLike | None = None,
    rng: int | np.random.Generator | None = None,
) -> npt.NDArray[np.int64]:
    """Return the classes that each image is to be taken for.

    Parameters
    ----------
    net : Network
    x : array (N, *net.input_shape)
    targets : a class, an array of N classes, or a rule
        "random": drawn from all classes but the image's, with equal probabilities. "least_likely": the smallest score.
        "nearest": the class whose boundary is nearest to first order, the least (z_t - z_k) / |grad (z_t - z_k)|_2 for
        the image's class t (Moosavi-Dezfooli et al. 2016, Eq. 8). "all": every class but the image's.
    labels : array (N,), optional
        The class of each image; the network's answer unless given.
    rng : int or numpy.random.Generator, optional
        Needed for "random".

    Returns
    -------
    array (N, T), int
        T is K - 1 for "all" and 1 otherwise.

    Raises
    ------
    ValueError
        For an unknown rule, a class that the network does not have, or a missing rng.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    >>> choose_targets(net, np.eye(2), "all", labels=[0, 1])
    array([[1, 2], [0, 2]])
    >>> choose_targets(net, np.eye(2), 2).T
    array([[2, 2]])
    """
    x, K = placed(net, as_images(as_network(net), x)), net.K
    generator = None if rng is None else as_generator(rng)
    known = None if labels is None else as_labels(labels, len(x), K)
    if not isinstance(targets, str):
        return _as_targets(targets, len(x), K)[:, None]
    if targets not in RULES:
        raise ValueError(f"targets must be {_expected(len(x), K)}, not {targets!r}")
    if targets == "random" and generator is None:
        raise ValueError("targets='random' are drawn at random: pass rng=a seed, not None")
    if targets == "least_likely":
        return predict(net, x).argmin(axis=1)[:, None]
    labels = predict(net, x).argmax(axis=1) if known is None else known
    if targets == "nearest":
        return _nearest(net, x, labels)[:, None]
    others = np.arange(K - 1) + (np.arange(K - 1) >= labels[:, None])  # (N, K - 1)
    if targets == "all" or generator is None:
        return others
    drawn = generator.integers(K - 1, size=len(x))
    return others[np.arange(len(x)), drawn][:, None]


def _as_targets(targets: Any, N: int, K: int) -> npt.NDArray[np.int64]:
    """One class for each image (N,)."""
    expected = _expected(N, K)
    classes = as_array(targets, "targets", expected)
    if classes.dtype.kind not in "iu" or classes.shape not in ((), (N,)) or ((classes < 0) | (classes >= K)).any():
        raise ValueError(f"targets must be {expected}, not {described(targets)}")
    return np.broadcast_to(classes, (N,)).astype(np.int64)


def _expected(N: int, K: int) -> str:
    return f"a class 0 .. {K - 1}, one for each of {N} images, or one of {', '.join(map(repr, RULES))}"


def _nearest(net: Network, x: Array, labels: Array) -> npt.NDArray[np.int64]:
    objective, k, nearest = objective_of(net, "softmax_cross_entropy"), net.backend, []
    xp, flat, labels = k.xp, x.reshape(len(x), -1).astype(net.dtype), k.asarray(labels)
    block = max(BLOCK, objective.block)
    for n in range(0, len(x), block):
        images, group = flat[n : n + block], np.zeros(len(x[n : n + block]), np.int64)
        _, rivals = objective.evaluate_rivals(images, labels[n : n + block], group, net.K - 1)
        steepness = xp.sqrt((rivals.gradients.astype(xp.float64) ** 2).sum(axis=2))
        distance = rivals.margins / xp.maximum(steepness, 1e-300)
        nearest.append(rivals.classes[xp.arange(len(images)), distance.argmin(axis=1)])
    return k.to_numpy(xp.concatenate(nearest)) if nearest else np.zeros(0, np.int64)
