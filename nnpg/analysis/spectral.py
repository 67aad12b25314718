"""Frame bounds: how much a linear layer can shrink and stretch a change of its input (Szegedy et al. 2013, 4.3).

    lower |x| <= |W x| <= upper |x|

They are the smallest and the largest singular value of W. A wide W has a kernel, so its true lower bound is 0; like the
paper's, ours is the smallest of the min(m, n) singular values. For a whole network: `nnpg.analysis.gains`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nnpg.layers import Conv, Dense
from nnpg.support.arguments import as_count, as_numbers, as_pair, as_shape, described
from nnpg_kernels import Array


class FrameBounds(NamedTuple):
    """Smallest and largest singular value: lower |x| <= |W x| <= upper |x|."""

    lower: float
    upper: float


def dense_bounds(W: npt.ArrayLike) -> FrameBounds:
    """Return the frame bounds of a matrix, by its singular values.

    Parameters
    ----------
    W : array (F, D)

    Returns
    -------
    FrameBounds
        The smallest and the largest of the min(F, D) singular values.

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
    *,
    size: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> FrameBounds:
    """Return the frame bounds of a convolution on a torus, frequency by frequency.

    With stride D, W maps D^2 frequencies, which no longer differ after it (aliases), to one. Its block there has the
    rows (filters)

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

    >>> [round(v, 6) for v in conv_bounds([[[[0.5, 0.5]]]], size=(4, 4))]
    [0.0, 1.0]
    """
    size, stride, dilation = as_pair(size, "size"), as_pair(stride, "stride"), as_pair(dilation, "dilation")
    weights = as_numbers(W, "W", "an array (F, C / groups, I, J)", ndim=4, finite=True).astype(np.float64)
    groups, M = as_count(groups, "groups"), (size[0] // stride[0], size[1] // stride[1])  # frequencies that are left
    whole = (M[0] * stride[0], M[1] * stride[1]) == tuple(size)
    if weights.size == 0 or len(weights) % groups or min(M) < 1 or not whole:
        raise ValueError(
            f"conv_bounds needs W (F, C / groups, I, J), F a multiple of groups, and a size that is a multiple of the "
            f"stride, not W {weights.shape}, groups={groups}, size={size}, stride={stride}"
        )
    low, high = np.inf, 0.0
    across = _waves(weights.shape[3], dilation[1], size[1], np.arange(size[1]))  # (J, T2)
    for filters in np.split(weights, groups):  # (F / groups, C, I, J)
        for a in range(M[0] // 2 + 1):  # the other half are conjugates of these
            frequencies = a + M[0] * np.arange(stride[0])
            down = _waves(weights.shape[2], dilation[0], size[0], frequencies)  # (I, D1)
            A = np.einsum("fcij,il,jb->bfcl", filters, down, across, optimize=True)  # b runs over D2 aliases of M2
            A = A.reshape(stride[1], M[1], *A.shape[1:]).transpose(1, 2, 3, 4, 0)
            blocks = A.reshape(M[1], len(filters), -1) / np.sqrt(stride[0] * stride[1])
            values = np.linalg.svd(blocks, compute_uv=False)
            low, high = min(low, float(values.min())), max(high, float(values.max()))
    return FrameBounds(low, high)


def frame_bounds(layer: Dense | Conv, *, input_shape: Sequence[int]) -> FrameBounds:
    """Return the frame bounds of a linear layer for inputs of one shape; the bias does not count.

    For a convolution they are those on the smallest torus that holds the padded input: the upper one bounds the layer.

    Parameters
    ----------
    layer : Dense or Conv
    input_shape : (D,) or (C, H, W)

    Returns
    -------
    FrameBounds

    Raises
    ------
    TypeError, ValueError
        If the layer is neither Dense nor Conv, or the shape does not fit.

    Examples
    --------
    >>> frame_bounds(Conv(np.full((1, 1, 2, 2), 0.5)), input_shape=(1, 5, 5)).upper
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
    return conv_bounds(
        _on_host(layer.W), size=size, stride=window.stride, dilation=window.dilation, groups=layer.groups
    )


def _waves(taps: int, dilation: int, size: int, frequencies: Array) -> Array:
    """Return e^(2 pi i k t / T) for taps t and frequencies k, (taps, frequencies)."""
    return np.asarray(np.exp(2j * np.pi / size * np.outer(dilation * np.arange(taps), frequencies)))


def _multiple(size: int, stride: int) -> int:
    """Return the smallest multiple of the stride that is not below the size."""
    return -(-size // stride) * stride


def _on_host(W: Array) -> Array:
    return W if isinstance(W, np.ndarray) else W.get()
