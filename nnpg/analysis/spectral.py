"""How much each layer can stretch a change of its input: frame bounds, Lipschitz constants, and measured gains.

A linear layer W has the frame bounds lower |x| <= |W x| <= upper |x|, its smallest and largest singular values (Szegedy
et al. 2013, 4.3). A wide W has a kernel, so its true lower bound is 0; like the paper's, ours is the smallest of the
min(m, n) singular values. Squashing functions and pools have a Lipschitz constant, and the product of all of them
bounds what a network can make of a change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.layers import (
    AvgPool,
    Center,
    Conv,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from nnpg.network import INPUT, Network, as_network
from nnpg.support.arguments import as_count, as_numbers, as_pair, as_shape, described
from nnpg.support.network_arguments import as_images
from nnpg_kernels import Array


class FrameBounds(NamedTuple):
    """Smallest and largest singular value."""

    lower: float
    upper: float


@dataclass(frozen=True)
class Gain:
    """What one layer can do to a change.

    Parameters
    ----------
    name : str
    bounds : FrameBounds or None
        Of a linear layer with weights.
    constant : float
        Lipschitz constant: |f(x) - f(x')| <= constant |x - x'|.
    product : float
        Of the constants of all layers up to this one.
    """

    name: str
    bounds: FrameBounds | None
    constant: float
    product: float


class Measured(NamedTuple):
    """By how much N changes grew in a layer (N,), and from the input up to its output (N,)."""

    layer: npt.NDArray[np.float64]
    total: npt.NDArray[np.float64]


def dense_bounds(W: npt.ArrayLike) -> FrameBounds:
    """Return the frame bounds of a matrix, by its singular values.

    Examples
    --------
    >>> [round(v, 6) for v in dense_bounds([[3.0, 0.0], [0.0, 0.5]])]
    [0.5, 3.0]
    """
    matrix = as_numbers(W, "W", "a matrix (F, D)", ndim=2, finite=True)
    if matrix.size == 0:
        raise ValueError(f"W must be a matrix (F, D), not {described(matrix)}")
    values = np.linalg.svd(matrix.astype(np.float64), compute_uv=False)
    return FrameBounds(float(values[-1]), float(values[0]))


def conv_bounds(
    W: npt.ArrayLike,
    size: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> FrameBounds:
    """Return the frame bounds of a convolution on a torus, frequency by frequency.

    With stride D, W maps the D^2 frequencies that look alike after it to one; its block there has the rows (filters)

        A(w)_f = ( w^_{c,f}((w + 2 pi l) / D) ;  c = 1 .. C,  l in {0 .. D - 1}^2 ) / D

    (Szegedy et al. 2013, 4.3, with aliases at 2 pi l / D where the paper prints pi l / D, and the division by D that it
    leaves out). The singular values of all blocks are those of W. Groups are blocks of their own.

    Parameters
    ----------
    W : array (F, C / groups, I, J)
    size : (rows, columns), in pixels
        Of the torus; multiples of the stride. For a convolution padded with zeros, one no smaller than the padded image
        gives a rigorous upper bound, since every place of the filter there is one on the torus.
    stride, dilation : (rows, columns), in pixels
    groups : int

    Returns
    -------
    FrameBounds

    Raises
    ------
    ValueError
        If the size is no multiple of the stride, or filters do not divide into groups.

    Examples
    --------
    A filter that takes the mean of two neighbours passes the constant image and stops the finest stripes.

    >>> [round(v, 6) for v in conv_bounds([[[[0.5, 0.5]]]], (4, 4))]
    [0.0, 1.0]
    """
    size, stride, dilation = as_pair(size, "size"), as_pair(stride, "stride"), as_pair(dilation, "dilation")
    w = as_numbers(W, "W", "an array (F, C / groups, I, J)", ndim=4, finite=True).astype(np.float64)

    groups, M = as_count(groups, "groups"), (size[0] // stride[0], size[1] // stride[1])
    if (
        w.size == 0
        or w.ndim != 4
        or len(w) % groups
        or min(M) < 1
        or (M[0] * stride[0], M[1] * stride[1]) != tuple(size)
    ):
        raise ValueError(
            f"conv_bounds needs W (F, C / groups, I, J), F a multiple of groups, and a size that is a multiple of the "
            f"stride, not W {w.shape}, groups={groups}, size={size}, stride={stride}"
        )
    low, high = np.inf, 0.0
    across = _waves(w.shape[3], dilation[1], size[1], np.arange(size[1]))  # (J, T2)
    for own in np.split(w, groups):  # (F / groups, C, I, J)
        for a in range(M[0] // 2 + 1):  # the other half are conjugates of these
            down = _waves(w.shape[2], dilation[0], size[0], a + M[0] * np.arange(stride[0]))  # (I, D1)
            at = np.einsum("fcij,il,jb->bfcl", own, down, across, optimize=True)  # b runs over D2 aliases of M2
            at = at.reshape(stride[1], M[1], *at.shape[1:]).transpose(1, 2, 3, 4, 0)
            blocks = at.reshape(M[1], len(own), -1) / np.sqrt(stride[0] * stride[1])
            values = np.linalg.svd(blocks, compute_uv=False)
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    return FrameBounds(low, high)


def frame_bounds(layer: Dense | Conv, input_shape: Sequence[int]) -> FrameBounds:
    """Return the frame bounds of a linear layer for inputs of a shape, the bias left out.

    For a convolution they are those on the smallest torus that holds the padded input: the upper one bounds the layer.

    Parameters
    ----------
    layer : Dense or Conv
    input_shape : (D,) or (C, H, W)

    Examples
    --------
    >>> frame_bounds(Conv(np.full((1, 1, 2, 2), 0.5)), (1, 5, 5)).upper
    2.0
    """
    input_shape = as_shape(input_shape, "input_shape")
    if isinstance(layer, Dense):
        return dense_bounds(_on_host(layer.W))
    if not isinstance(layer, Conv):
        raise TypeError(f"layer must be a Dense or Conv layer, not {described(layer)}")
    if len(input_shape) != 3:
        raise ValueError(f"input_shape of a Conv layer must be (C, H, W), not {input_shape}")
    window = layer.window
    top, bottom, left, right = window.padding
    padded = (input_shape[1] + top + bottom, input_shape[2] + left + right)
    size = (_multiple(padded[0], window.stride[0]), _multiple(padded[1], window.stride[1]))
    how: dict[str, Any] = {"stride": window.stride, "dilation": window.dilation, "groups": layer.groups}
    return conv_bounds(_on_host(layer.W), size, **how)


def lipschitz(net: Network) -> tuple[Gain, ...]:
    """Return what each layer of a network can do to a change, and the product up to it.

    Dense and Conv: the upper frame bound. Sigmoid: 1/4. Softmax: 1/2, since its Jacobian diag y - y y' has no row
    sum above 2 y (1 - y). Tanh, ReLU: 1. MaxPool: the square root of how many windows share a pixel, 1 where they do
    not overlap. AvgPool: as the convolution that it is.

    Parameters
    ----------
    net : Network

    Returns
    -------
    tuple of Gain
        One for each layer, in order.

    Raises
    ------
    ValueError
        If the network has interventions, or a layer without a known constant (`Step` has none).

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Sigmoid()], input_shape=(2,), rng=0)
    >>> net = net.replace("dense1", W=np.diag([8.0, 2.0]).astype("float32"))
    >>> [(gain.name, gain.constant, gain.product) for gain in lipschitz(net)]
    [('dense1', 8.0, 8.0), ('sigmoid1', 0.25, 2.0)]
    """
    if as_network(net).interventions:
        raise ValueError(f"the network has interventions on {', '.join(net.interventions)}: bound the one without them")
    trace = net.forward(np.zeros((1, *net.input_shape), net.dtype))
    gains, product, before = [], 1.0, INPUT
    for name, layer in net.layers.items():
        shape = tuple(trace[before].shape[1:])
        bounds = frame_bounds(layer, shape) if isinstance(layer, Dense | Conv) else None
        constant = bounds.upper if bounds else _constant(name, layer, shape)
        product *= constant
        gains.append(Gain(name, bounds, constant, product))
        before = name
    return tuple(gains)


def measured_gains(net: Network, x: npt.ArrayLike, changed: npt.ArrayLike, *, batch: int = 256) -> dict[str, Measured]:
    """Measure by how much changes of images grow, layer by layer: |f(x') - f(x)| / |x' - x| in the L2 norm.

    Parameters
    ----------
    net : Network
    x, changed : arrays (N, *net.input_shape)
        Each image must be changed.
    batch : int
        Images at a time.

    Returns
    -------
    dict
        For each layer by name; NaN in `layer` where the change was lost before it.

    Raises
    ------
    ValueError
        If the shapes differ, or an image is not changed.

    Examples
    --------
    >>> import nnpg
    >>> net = nnpg.build([nnpg.ReLU()], input_shape=(2,), rng=0)
    >>> measured_gains(net, [[1.0, 1.0]], [[1.0, -1.0]])["relu1"].total
    array([0.5])
    """
    net, batch = as_network(net), as_count(batch, "batch")
    a, b = (as_images(net, i, name, least=1, finite=True) for i, name in ((x, "x"), (changed, "changed")))
    if a.shape != b.shape:
        raise ValueError(f"x and changed must be as many images, not {len(a)} and {len(b)}")
    same = (a == b).reshape(len(a), -1).all(axis=1)
    if same.any():
        raise ValueError(f"image {int(np.flatnonzero(same)[0])} is not changed: a gain needs a change")
    sizes: dict[str, list[Array]] = {name: [] for name in net.names}
    for n in range(0, len(a), batch):
        one, two = net.forward(a[n : n + batch]), net.forward(b[n : n + batch])
        for name in net.names:
            d = net.backend.to_numpy(two[name]).astype(np.float64) - net.backend.to_numpy(one[name])
            sizes[name].append(np.sqrt((d.reshape(len(d), -1) ** 2).sum(axis=1)))
    size = {name: np.concatenate(own) for name, own in sizes.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            name: Measured(np.where(size[before] > 0, size[name] / size[before], np.nan), size[name] / size[INPUT])
            for before, name in zip(net.names, net.names[1:], strict=False)
        }


def _waves(taps: int, dilation: int, size: int, frequencies: Array) -> Array:
    """e^(2 pi i k t / T) for taps t and frequencies k (taps, frequencies)."""
    return np.asarray(np.exp(2j * np.pi / size * np.outer(dilation * np.arange(taps), frequencies)))


def _multiple(size: int, stride: int) -> int:
    return -(-size // stride) * stride


def _on_host(W: Array) -> Array:
    return W if isinstance(W, np.ndarray) else W.get()


def _average(layer: AvgPool, shape: Sequence[int]) -> float:
    I, J = layer.window.size
    return frame_bounds(Conv(np.full((1, 1, I, J), 1 / (I * J)), None, layer.window.stride, layer.padding), shape).upper


def _overlap(layer: MaxPool) -> float:
    (I, J), (down, across) = layer.window.size, layer.window.stride
    return float(np.sqrt(-(-I // down) * -(-J // across)))


_CONSTANTS: dict[type[Any], Callable[[Any, Sequence[int]], float]] = {
    Sigmoid: lambda layer, shape: 0.25,
    Softmax: lambda layer, shape: 0.5,
    MaxPool: lambda layer, shape: _overlap(layer),
    AvgPool: _average,
    **{kind: (lambda layer, shape: 1.0) for kind in (Tanh, ReLU, Flatten, Center, Dropout)},
}


def _constant(name: str, layer: Layer, shape: Sequence[int]) -> float:
    if type(layer) not in _CONSTANTS or getattr(layer, "key", None) is not None:
        raise ValueError(
            f"layer {name!r} ({type(layer).__name__}) has no Lipschitz constant here: one is known for Dense, Conv, "
            f"{', '.join(kind.__name__ for kind in _CONSTANTS)} (without a mask)"
        )
    return _CONSTANTS[type(layer)](layer, shape)
