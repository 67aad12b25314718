"""What a map of evidence is worth where the truth is not known: what deleting its highest places costs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.analysis.statistics import rank_correlation
from nnpg.maps.evidence import as_cover
from nnpg.network import Network
from nnpg.rankings.common import class_outputs
from nnpg.support.arguments import as_labels, as_number, as_numbers, described
from nnpg.support.network_arguments import as_images, as_network
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
    """Return the fall of log y_c when the highest places of each image's map are deleted (Petsiuk et al. 2018).

    Parameters
    ----------
    net : Network
    x : array (N, C, H, W)
    classes : array (N,)
        The class whose log y falls.
    maps : array (N, H, W)
        Higher goes first; NaN last.
    share : float
        Of the pixels, in 0 .. 1.
    fill : array (C, H, W), optional
        What deleted pixels show; the average image unless given, which is what is usual there.

    Returns
    -------
    array (N,)
        Higher is a better map; below 0 the class gains by the deletion.

    Raises
    ------
    ValueError
        If maps do not fit the images, or the share is none.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.Flatten(), nnpg.dense(2), nnpg.Softmax()], input_shape=(1, 1, 2), rng=0)
    >>> net = net.replace("dense1", W=np.array([[9.0, 0.0], [0.0, 0.0]], "float32"))
    >>> x, maps = np.ones((1, 1, 1, 2), "float32"), np.array([[[1.0, 0.0]]])
    >>> deletion_cost(net, x, [0], maps, share=0.5, fill=np.zeros((1, 1, 2))).round(2)      # log 1 - log 0.5
    array([0.69])
    """
    x = as_images(as_network(net), x, least=1, finite=True)
    if x.ndim != 4:
        raise ValueError(f"net must take images (C, H, W), not {net.input_shape}")
    x = x.astype(net.dtype, copy=False)
    t, share = as_labels(classes, len(x), net.K, "classes"), as_number(share, "share", least=0, most=1)
    expected = f"an array {(len(x), *x.shape[2:])}, one map for each image,"
    m = as_numbers(maps, "maps", expected).astype(np.float64)
    if m.shape != (len(x), *x.shape[2:]):
        raise ValueError(f"maps must be {expected} not {described(m)}")
    flat = np.nan_to_num(m, nan=-np.inf).reshape(len(x), -1)
    first = np.argsort(-flat, axis=1, kind="stable")[:, : round(share * flat.shape[1])]  # (N, places)
    gone = np.zeros(flat.shape, bool)
    np.put_along_axis(gone, first, True, axis=1)
    usual = x.mean(axis=0) if fill is None else as_cover(fill, x)
    without = np.where(gone.reshape(m.shape)[:, None], usual, x).astype(x.dtype)
    log_y = [class_outputs(net, net.forward(images), "logprob")[np.arange(len(x)), t] for images in (x, without)]
    return np.asarray(log_y[0] - log_y[1])


def map_agreement(a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Return the rank correlation of two maps of each image, (N,), over the places where both say something.

    Parameters
    ----------
    a, b : arrays (N, H, W)
        NaN where a map says nothing; NaN is the answer where the maps share no place.

    Examples
    --------
    >>> map_agreement([[[1.0, 2.0, 3.0, np.nan]]], [[[5.0, 7.0, 6.0, 9.0]]])
    array([0.5])
    """
    u = as_numbers(a, "a", "an array (N, H, W)", ndim=3).astype(np.float64)
    v = as_numbers(b, "b", "an array (N, H, W)", ndim=3).astype(np.float64)
    if u.shape != v.shape:
        raise ValueError(f"a and b must be maps of one shape, not {u.shape} and {v.shape}")
    pairs = zip(u, v, strict=True)
    said = [(u, v, np.isfinite(u) & np.isfinite(v)) for u, v in pairs]
    return np.array([rank_correlation(u[both], v[both]) if both.any() else np.nan for u, v, both in said])
