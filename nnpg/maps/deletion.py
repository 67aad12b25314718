"""Is a map of evidence right, where the truth is not known? What deleting its highest places costs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import rank_correlation
from nnpg.maps.common import as_cover, as_explained, log_outputs
from nnpg.network import Network
from nnpg.support.arguments import as_number, as_numbers, described
from nnpg.support.network_arguments import placed
from nnpg_kernels import Array


def deletion_cost(
    net: Network,
    x: npt.ArrayLike,
    classes: npt.ArrayLike,
    maps: npt.ArrayLike,
    *,
    share: float,
    fill: npt.ArrayLike | None = None,
) -> Array:
    """Return how much log y_c falls when the highest places of each image's map are deleted (Petsiuk et al. 2018).

        cost = log y_c(x) - log y_c(x without its highest places)

    Parameters
    ----------
    net : Network
    x : array (N, C, H, W)
    classes : array (N,)
        The class whose log y falls.
    maps : array (N, H, W)
        Higher goes first; NaN last.
    share : float
        How much of the pixels is deleted, in 0 .. 1.
    fill : array (C, H, W), optional
        What deleted pixels show; the average image unless given.

    Returns
    -------
    array (N,)
        Higher is a better map; below 0 the class gains by the deletion.

    Raises
    ------
    ValueError
        If images, classes or maps do not fit, or `share` lies outside 0 .. 1.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()], input_shape=(1, 1, 2), rng=0)
    >>> net = net.replace("dense1", W=np.array([[9.0, 0.0], [0.0, 0.0]], "float32"))
    >>> x, maps = np.ones((1, 1, 1, 2), "float32"), np.array([[[1.0, 0.0]]])
    >>> deletion_cost(net, x, [0], maps, share=0.5, fill=np.zeros((1, 1, 2))).round(2)      # log 1 - log 0.5
    array([0.69])
    """
    x, classes = as_explained(net, x, classes)
    x, share = x.astype(net.dtype, copy=False), as_number(share, "share", least=0, most=1)
    expected = f"an array {(len(x), *x.shape[2:])}, one map for each image,"
    values = as_numbers(maps, "maps", expected).astype(np.float64)
    if values.shape != (len(x), *x.shape[2:]):
        raise ValueError(f"maps must be {expected} not {described(values)}")
    flat = np.nan_to_num(values, nan=-np.inf).reshape(len(x), -1)
    highest = np.argsort(-flat, axis=1, kind="stable")[:, : round(share * flat.shape[1])]  # (N, places)
    deleted = np.zeros(flat.shape, bool)
    np.put_along_axis(deleted, highest, True, axis=1)
    k, classes = net.backend, placed(net, classes, "classes")
    cover = x.mean(axis=0) if fill is None else k.asarray(as_cover(fill, x))
    without = k.xp.where(k.asarray(deleted.reshape(values.shape)[:, None]), cover, x).astype(x.dtype)
    before, after = (log_outputs(net, images, classes, batch=len(x)) for images in (x, without))
    return np.asarray(k.to_numpy(before - after))


def map_agreement(a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Return Spearman's rank correlation of two maps of each image, over the places where both hold a number.

    Parameters
    ----------
    a, b : arrays (N, H, W)
        NaN where a map says nothing.

    Returns
    -------
    array (N,)
        NaN where the maps share no place, or one of them is constant.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> map_agreement([[[1.0, 2.0, 3.0, np.nan]]], [[[5.0, 7.0, 6.0, 9.0]]])
    array([0.5])
    """
    first = as_numbers(a, "a", "an array (N, H, W)", ndim=3).astype(np.float64)
    second = as_numbers(b, "b", "an array (N, H, W)", ndim=3).astype(np.float64)
    if first.shape != second.shape:
        raise ValueError(f"a and b must be maps of one shape, not {first.shape} and {second.shape}")
    shared = np.isfinite(first) & np.isfinite(second)
    return np.array(
        [
            rank_correlation(u[both], v[both]) if both.any() else np.nan
            for u, v, both in zip(first, second, shared, strict=True)
        ]
    )
