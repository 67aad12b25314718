"""Every kernel of every backend against the definition, which is loops: no views, no matrix products."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from of_device import host, kernels
from selection import WITH_DEVICE

from nnpg_kernels import Array, Window, definition, load

sixty_examples = settings(max_examples=60, deadline=None, derandomize=True, database=None)
over_backends = pytest.mark.parametrize("name", WITH_DEVICE)
Geometry = tuple[Window, tuple[int, int]]


@st.composite
def geometries(draw: Any, dilated: bool = True, small_padding: bool = False) -> Geometry:
    """A window and the rows and columns of an image into which it fits."""
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


def numbers(*shape: int, seed: int = 0) -> Array:
    """Random numbers that float32 has too, so that the definition need not run twice."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32).astype(float)


def with_gaps(a: Array) -> Array:
    """The same numbers, of which no two are neighbours in memory."""
    return np.repeat(a, 2, axis=-1)[..., ::2]


def assert_in_both_precisions(kernel: Callable[..., Array], expected: Array, *arguments: Any) -> None:
    """What a kernel computes in float64 is what is expected to 1e-12, and in float32 to 2e-6, of the largest number."""
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    for dtype, tolerance in (("float64", 1e-12), ("float32", 2e-6)):
        converted = [a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype == float else a for a in arguments]
        y = kernel(*converted)
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=0, atol=scale * tolerance, err_msg=dtype)


@over_backends
@sixty_examples
@given(geometries(), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3))
def test_convolution_is_what_the_definition_says(
    name: str, geometry: Geometry, groups: int, C: int, F: int, N: int
) -> None:
    """C channels and F filters in each group."""
    (window, shape), k = geometry, kernels(load(name))
    x, W, b = numbers(N, groups * C, *shape), numbers(groups * F, C, *window.size), numbers(groups * F)
    delta = numbers(2, N, groups * F, *window.output_shape(*shape), seed=1)
    for bias in (b, None):
        y = definition.conv_forward(x, W, bias, window, groups)
        assert_in_both_precisions(k.conv_forward, y, x, W, bias, window, groups)
    dx = definition.conv_delta(delta, W, window, groups, shape)
    assert_in_both_precisions(k.conv_delta, dx, delta, W, window, groups, shape)
    dW = definition.conv_gradient(delta, x, window, groups)
    assert_in_both_precisions(k.conv_gradient, dW, delta, x, window, groups)


@over_backends
@sixty_examples
@given(geometries(dilated=False, small_padding=True), st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_max_pooling_is_what_the_definition_says(name: str, geometry: Geometry, N: int, F: int, ties: bool) -> None:
    (window, shape), k = geometry, kernels(load(name))
    x = numbers(N, F, *shape)
    x = np.round(x) if ties else x
    y, winner = definition.max_pool_forward(x, window)
    for dtype in ("float32", "float64"):
        fast_y, fast_winner = k.max_pool_forward(x.astype(dtype), window)
        np.testing.assert_array_equal(fast_y, y)
        np.testing.assert_array_equal(fast_winner, winner)
        assert (fast_y.dtype, fast_winner.dtype) == (np.dtype(dtype), winner.dtype)
    delta = numbers(2, *y.shape, seed=1)
    dx = definition.max_pool_delta(delta, winner, window, shape)
    assert_in_both_precisions(k.max_pool_delta, dx, delta, winner, window, shape)


@over_backends
@sixty_examples
@given(geometries(dilated=False, small_padding=True), st.integers(1, 3), st.integers(1, 2))
def test_average_pooling_is_what_the_definition_says(name: str, geometry: Geometry, N: int, F: int) -> None:
    (window, shape), k = geometry, kernels(load(name))
    x = numbers(N, F, *shape)
    y = definition.avg_pool_forward(x, window)
    assert_in_both_precisions(k.avg_pool_forward, y, x, window)
    delta = numbers(2, *y.shape, seed=1)
    dx = definition.avg_pool_delta(delta, window, shape)
    assert_in_both_precisions(k.avg_pool_delta, dx, delta, window, shape)


@over_backends
def test_arrays_with_gaps_are_read_as_the_definition_says(name: str) -> None:
    backend, window, pool = load(name), Window((3, 2), (2, 1), (1, 0, 2, 1), (1, 2)), Window((2, 3), (2, 1))
    x, W, b = (numbers(*shape) for shape in ((3, 4, 7, 9), (6, 2, 3, 2), (6,)))
    y = definition.conv_forward(x, W, b, window, 2)
    delta = numbers(2, *y.shape, seed=1)
    largest, winner = definition.max_pool_forward(x, pool)
    back = numbers(2, *largest.shape, seed=1)
    x_, W_, b_, delta_, winner_, back_ = (with_gaps(backend.asarray(a)) for a in (x, W, b, delta, winner, back))
    for fast, expected in (
        (backend.conv_forward(x_, W_, b_, window, 2), y),
        (backend.conv_delta(delta_, W_, window, 2, (7, 9)), definition.conv_delta(delta, W, window, 2, (7, 9))),
        (backend.conv_gradient(delta_, x_, window, 2), definition.conv_gradient(delta, x, window, 2)),
        (backend.max_pool_forward(x_, pool)[0], largest),
        (backend.max_pool_forward(x_, pool)[1], winner),
        (backend.max_pool_delta(back_, winner_, pool, (7, 9)), definition.max_pool_delta(back, winner, pool, (7, 9))),
        (backend.avg_pool_forward(x_, pool), definition.avg_pool_forward(x, pool)),
        (backend.avg_pool_delta(back_, pool, (7, 9)), definition.avg_pool_delta(back, pool, (7, 9))),
    ):
        np.testing.assert_allclose(host(fast), expected, rtol=0, atol=1e-12)


@over_backends
def test_in_max_pooling_nan_wins_and_the_padding_does_not(name: str) -> None:
    k, window = kernels(load(name)), Window((2, 2), (1, 1), (1, 1, 1, 1))
    x = np.array([[[[np.nan, -np.inf, -np.inf], [2, np.nan, -np.inf], [-5, 1, -np.inf]]]])
    for fast, defined in zip(k.max_pool_forward(x, window), definition.max_pool_forward(x, window), strict=True):
        np.testing.assert_array_equal(fast, defined)


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "kernels/README.md"])
def test_what_a_page_quotes_is_the_definition(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text()
    quotes = re.findall(r"^```python\n(for h, w, i, j.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(quotes) == 1
    assert textwrap.indent(quotes[0], "    ") in inspect.getsource(definition.conv_forward)
