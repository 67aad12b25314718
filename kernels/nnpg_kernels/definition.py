"""The definition: what every kernel computes, as plain loops. All backends are tested against it.

N images, C channels, D = C / groups, F filters, H W rows and columns of an output, I J of a window, K classes, S seeds.
L = sum(seed * output) is one number; a delta is its derivative with respect to an output. It may have leading axes in
front of N, one for each seed, which are written `...` here.

Only the tests run this file: it is thousands of times slower than any backend. Read it to learn what kernels compute.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window


def window_positions(window: Window, shape: tuple[int, int]) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yield (h, w, i, j, row, column): output pixel (h, w) reads input pixel (row, column) through weight (i, j).

        row = h s + i d - top,  column = w s + j d - left

    with the strides s and the dilations d of each axis. Places on the padding are left out.

    Parameters
    ----------
    window : Window
    shape : tuple of int
        Rows and columns of the input.

    Examples
    --------
    >>> list(window_positions(Window(size=(1, 2), stride=(1, 2)), (1, 4)))
    [(0, 0, 0, 0, 0, 0), (0, 0, 0, 1, 0, 1), (0, 1, 0, 0, 0, 2), (0, 1, 0, 1, 0, 3)]
    """
    (top, _, left, _), rows, columns = window.padding, shape[0], shape[1]
    for h, w in np.ndindex(window.output_shape(rows, columns)):
        for i, j in np.ndindex(window.size):
            row = h * window.stride[0] + i * window.dilation[0] - top
            column = w * window.stride[1] + j * window.dilation[1] - left
            if 0 <= row < rows and 0 <= column < columns:
                yield h, w, i, j, row, column


def conv_forward(x: Array, W: Array, b: Array | None, window: Window, groups: int = 1) -> Array:
    """Convolution (cross-correlation): every filter at every place of every image.

        y[n, f, h, w] = b[f] + sum_{c, i, j} W[f, c, i, j] x[n, c, row, column]

    with row and column as in `window_positions`; pixels of the padding are 0. With groups, the filters of a group read
    only the channels of their group: the first F / groups filters read the first D channels, and so on.

    Parameters
    ----------
    x : array (N, C, rows, columns)
    W : array (F, D, I, J)
    b : array (F,) or None
        None for biases of 0.
    window : Window
        Of size (I, J).
    groups : int

    Returns
    -------
    array (N, F, H, W)

    Examples
    --------
    >>> x, W = np.array([[[[1.0, 2.0, 3.0]]]]), np.array([[[[1.0, -1.0]]]])
    >>> conv_forward(x, W, np.array([10.0]), Window(size=(1, 2)))
    array([[[[9., 9.]]]])
    """
    N, (F, D, _, _) = len(x), W.shape
    y = np.zeros((N, F, *window.output_shape(*x.shape[-2:])), np.result_type(x, W))
    for f in range(F):
        y[:, f] = 0 if b is None else b[f]
    for h, w, i, j, row, column in window_positions(window, x.shape[-2:]):
        for n, f, c in np.ndindex(N, F, D):
            channel = f // (F // groups) * D + c
            y[n, f, h, w] += W[f, c, i, j] * x[n, channel, row, column]
    return y


def conv_delta(delta: Array, W: Array, window: Window, groups: int, shape: tuple[int, int]) -> Array:
    """The derivative with respect to a convolution's input: each pixel gets the deltas of the outputs that read it.

        dL/dx[..., n, c, row, column] = sum over `window_positions` and f of W[f, c, i, j] delta[..., n, f, h, w]

    Parameters
    ----------
    delta : array (..., N, F, H, W), dL/dy
    W : array (F, D, I, J)
    window : Window
    groups : int
    shape : tuple of int
        Rows and columns of the input.

    Returns
    -------
    array (..., N, C, rows, columns)

    Examples
    --------
    >>> delta, W = np.array([[[[1.0, 10.0]]]]), np.array([[[[1.0, -1.0]]]])
    >>> conv_delta(delta, W, Window(size=(1, 2)), 1, (1, 3))
    array([[[[  1.,   9., -10.]]]])
    """
    N, (F, D, _, _) = delta.shape[-4], W.shape
    dx = np.zeros((*delta.shape[:-3], groups * D, *shape), np.result_type(delta, W))
    for h, w, i, j, row, column in window_positions(window, shape):
        for n, f, c in np.ndindex(N, F, D):
            channel = f // (F // groups) * D + c
            dx[..., n, channel, row, column] += W[f, c, i, j] * delta[..., n, f, h, w]
    return dx


def conv_gradient(delta: Array, x: Array, window: Window, groups: int = 1) -> Array:
    """The derivative with respect to a convolution's weights: for each weight, deltas times the pixels that it read.

        dL/dW[..., f, c, i, j] = sum over `window_positions` and n of delta[..., n, f, h, w] x[n, c, row, column]

    Parameters
    ----------
    delta : array (..., N, F, H, W), dL/dy
    x : array (N, C, rows, columns)
    window : Window
        Of size (I, J).
    groups : int

    Returns
    -------
    array (..., F, D, I, J)

    Examples
    --------
    >>> delta, x = np.array([[[[1.0, 10.0]]]]), np.array([[[[1.0, 2.0, 3.0]]]])
    >>> conv_gradient(delta, x, Window(size=(1, 2)))
    array([[[[21., 32.]]]])
    """
    N, F, D = len(x), delta.shape[-3], x.shape[1] // groups
    dW = np.zeros((*delta.shape[:-4], F, D, *window.size), np.result_type(delta, x))
    for h, w, i, j, row, column in window_positions(window, x.shape[-2:]):
        for n, f, c in np.ndindex(N, F, D):
            channel = f // (F // groups) * D + c
            dW[..., f, c, i, j] += delta[..., n, f, h, w] * x[n, channel, row, column]
    return dW


def max_pool_forward(x: Array, window: Window) -> tuple[Array, Array]:
    """Max pooling: the largest pixel of each window, and which one it was.

        y[n, f, h, w] = max_{i, j} x[n, f, row, column]

    The winner is the first of the largest, row by row. A NaN is larger than any number. The padding never wins, but if
    all pixels are -infinity the winner is place 0.

    Parameters
    ----------
    x : array (N, F, rows, columns)
    window : Window

    Returns
    -------
    y : array (N, F, H, W)
    winner : array of integers (N, F, H, W)
        i J + j of the pixel that won.

    Examples
    --------
    >>> y, winner = max_pool_forward(np.array([[[[1.0, 3.0], [3.0, 2.0]]]]), Window(size=(2, 2)))
    >>> y, winner
    (array([[[[3.]]]]), array([[[[1]]]], dtype=int8))
    """
    places = window.size[0] * window.size[1]
    y = np.full((*x.shape[:2], *window.output_shape(*x.shape[-2:])), -np.inf, x.dtype)
    winner = np.zeros(y.shape, np.min_scalar_type(-places))
    for h, w, i, j, row, column in window_positions(window, x.shape[-2:]):
        for n, f in np.ndindex(x.shape[:2]):
            largest, pixel = y[n, f, h, w], x[n, f, row, column]
            if pixel > largest or (np.isnan(pixel) and not np.isnan(largest)):
                y[n, f, h, w], winner[n, f, h, w] = pixel, i * window.size[1] + j
    return y, winner


def max_pool_delta(delta: Array, winner: Array, window: Window, shape: tuple[int, int]) -> Array:
    """The derivative with respect to the input of max pooling: the winner of a window gets its delta, all others 0.

        dL/dx[..., n, f, row, column] = sum of delta[..., n, f, h, w] over the windows that this pixel won

    Parameters
    ----------
    delta : array (..., N, F, H, W), dL/dy
    winner : array of integers (N, F, H, W)
        As `max_pool_forward` returns it.
    window : Window
    shape : tuple of int
        Rows and columns of the input.

    Returns
    -------
    array (..., N, F, rows, columns)

    Examples
    --------
    >>> max_pool_delta(np.array([[[[5.0]]]]), np.array([[[[1]]]]), Window(size=(2, 2)), (2, 2))
    array([[[[0., 5.],
             [0., 0.]]]])
    """
    dx = np.zeros((*delta.shape[:-2], *shape), delta.dtype)
    for h, w, i, j, row, column in window_positions(window, shape):
        for n, f in np.ndindex(winner.shape[:2]):
            if winner[n, f, h, w] == i * window.size[1] + j:
                dx[..., n, f, row, column] += delta[..., n, f, h, w]
    return dx


def avg_pool_forward(x: Array, window: Window) -> Array:
    """Average pooling: the mean of each window; pixels of the padding are 0 and are counted.

        y[n, f, h, w] = 1 / (I J) sum_{i, j} x[n, f, row, column]

    Parameters
    ----------
    x : array (N, F, rows, columns)
    window : Window

    Returns
    -------
    array (N, F, H, W)

    Examples
    --------
    >>> avg_pool_forward(np.array([[[[1.0, 3.0]]]]), Window(size=(1, 2), stride=(1, 2), padding=(0, 0, 1, 0)))
    array([[[[0.5]]]])
    """
    places = window.size[0] * window.size[1]
    y = np.zeros((*x.shape[:2], *window.output_shape(*x.shape[-2:])), x.dtype)
    for h, w, _, _, row, column in window_positions(window, x.shape[-2:]):
        y[:, :, h, w] += x[:, :, row, column] / places
    return y


def avg_pool_delta(delta: Array, window: Window, shape: tuple[int, int]) -> Array:
    """The derivative with respect to the input of average pooling: each pixel gets its share of every window's delta.

        dL/dx[..., n, f, row, column] = 1 / (I J) sum over `window_positions` of delta[..., n, f, h, w]

    Parameters
    ----------
    delta : array (..., N, F, H, W), dL/dy
    window : Window
    shape : tuple of int
        Rows and columns of the input.

    Returns
    -------
    array (..., N, F, rows, columns)

    Examples
    --------
    >>> avg_pool_delta(np.array([[[[8.0]]]]), Window(size=(2, 2)), (2, 2))
    array([[[[2., 2.],
             [2., 2.]]]])
    """
    places = window.size[0] * window.size[1]
    dx = np.zeros((*delta.shape[:-2], *shape), delta.dtype)
    for h, w, _, _, row, column in window_positions(window, shape):
        dx[..., row, column] += delta[..., h, w] / places
    return dx


def sum_by_class(delta: Array, labels: Array, K: int) -> Array:
    """Sums over the images of each class, in float64.

        sums[s, k, u] = sum over the images n with labels[n] = k of delta[s, n, u]

    Parameters
    ----------
    delta : array (S, N, units)
    labels : array of integers (N,)
        From 0 to K - 1.
    K : int

    Returns
    -------
    array (S, K, units)

    Examples
    --------
    >>> sum_by_class(np.array([[[1.0], [2.0], [4.0]]]), np.array([1, 0, 1]), 2)
    array([[[2.],
            [5.]]])
    """
    S, N, units = delta.shape
    sums = np.zeros((S, K, units))
    for n in range(N):
        sums[:, labels[n]] += delta[:, n]
    return sums
