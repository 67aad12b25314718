"""Every kernel against nested loops, which cannot be wrong for the same reason: no views, no matrix products."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnpg_kernels import BACKENDS, Array, Window, load

each = settings(max_examples=60, deadline=None, derandomize=True, database=None)
over_backends = pytest.mark.parametrize("name", sorted(BACKENDS))


@st.composite
def windows(draw: Any, dilated: bool = True, small_padding: bool = False) -> tuple[Window, tuple[int, int]]:
    """A window and an image into which it fits."""
    axes = []
    for _ in range(2):
        size, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 3)) if dilated else 1
        limit = size - 1 if small_padding else 3
        before, after = draw(st.integers(0, limit)), draw(st.integers(0, limit))
        least = max(1, (size - 1) * dilation + 1 - before - after)
        axes.append((size, stride, (before, after), dilation, draw(st.integers(least, least + 4))))
    (I, sh, pad_h, di, H), (J, sw, pad_w, dj, W) = axes
    return Window((I, J), (sh, sw), (*pad_h, *pad_w), (di, dj)), (H, W)


def sees(window: Window, shape: tuple[int, int]) -> Any:
    """For each output pixel and each place in its window: the input pixel, if it is not on the margin."""
    (I, J), (sh, sw), (top, _, left, _), (di, dj) = window
    for h, w in np.ndindex(window.output_shape(*shape)):
        for i, j in product(range(I), range(J)):
            row, column = h * sh + i * di - top, w * sw + j * dj - left
            yield h, w, i, j, row, column, 0 <= row < shape[0] and 0 <= column < shape[1]


def draw_array(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


@over_backends
@each
@given(windows(), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3))
def test_convolution(name: str, geometry: tuple[Window, tuple[int, int]], groups: int, C: int, F: int, N: int) -> None:
    """C channels and F filters in each group."""
    (window, shape), k = geometry, load(name)
    x, W, b = draw_array(N, groups * C, *shape), draw_array(groups * F, C, *window.size), draw_array(groups * F)
    y = np.zeros((N, groups * F, *window.output_shape(*shape))) + b[:, None, None]
    d = draw_array(2, *y.shape, seed=1)
    dx, dW = np.zeros((2, *x.shape)), np.zeros((2, *W.shape))
    for h, w, i, j, row, column, inside in sees(window, shape):
        if not inside:
            continue
        for n, f, c in product(range(N), range(groups * F), range(C)):
            channel = f // F * C + c
            y[n, f, h, w] += W[f, c, i, j] * x[n, channel, row, column]
            dx[:, n, channel, row, column] += W[f, c, i, j] * d[:, n, f, h, w]
            dW[:, f, c, i, j] += d[:, n, f, h, w] * x[n, channel, row, column]
    np.testing.assert_allclose(k.conv_forward(x, W, b, window, groups), y, rtol=0, atol=1e-12)
    np.testing.assert_allclose(k.conv_forward(x, W, None, window, groups), y - b[:, None, None], rtol=0, atol=1e-12)
    np.testing.assert_allclose(k.conv_delta(d, W, window, groups, shape), dx, rtol=0, atol=1e-12)
    np.testing.assert_allclose(k.conv_gradient(d, x, window, groups), dW, rtol=0, atol=1e-12)


@over_backends
@each
@given(windows(dilated=False, small_padding=True), st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_max_pooling(name: str, geometry: tuple[Window, tuple[int, int]], N: int, F: int, ties: bool) -> None:
    (window, shape), k = geometry, load(name)
    x = draw_array(N, F, *shape)
    x = np.round(x) if ties else x
    y = np.full((N, F, *window.output_shape(*shape)), -np.inf)
    where = np.zeros((*y.shape, 2), int)
    for n, f in np.ndindex(N, F):
        for h, w, _, _, row, column, inside in sees(window, shape):
            if inside and x[n, f, row, column] > y[n, f, h, w]:  # the first maximum stays
                y[n, f, h, w], where[n, f, h, w] = x[n, f, row, column], (row, column)
    d = draw_array(2, *y.shape, seed=1)
    dx = np.zeros((2, *x.shape))
    for n, f, h, w in np.ndindex(y.shape):
        row, column = where[n, f, h, w]
        dx[:, n, f, row, column] += d[:, n, f, h, w]
    got, winner = k.max_pool_forward(x, window)
    np.testing.assert_array_equal(got, y)
    np.testing.assert_allclose(k.max_pool_delta(d, winner, window, shape), dx, rtol=0, atol=1e-13)


@over_backends
@each
@given(windows(dilated=False, small_padding=True), st.integers(1, 3), st.integers(1, 2))
def test_average_pooling(name: str, geometry: tuple[Window, tuple[int, int]], N: int, F: int) -> None:
    (window, shape), k = geometry, load(name)
    x, share = draw_array(N, F, *shape), 1 / (window.size[0] * window.size[1])
    y = np.zeros((N, F, *window.output_shape(*shape)))
    d = draw_array(2, *y.shape, seed=1)
    dx = np.zeros((2, *x.shape))
    for h, w, _, _, row, column, inside in sees(window, shape):
        if inside:
            y[:, :, h, w] += share * x[:, :, row, column]
            dx[:, :, :, row, column] += share * d[:, :, :, h, w]
    np.testing.assert_allclose(k.avg_pool_forward(x, window), y, rtol=0, atol=1e-13)
    np.testing.assert_allclose(k.avg_pool_delta(d, window, shape), dx, rtol=0, atol=1e-13)
