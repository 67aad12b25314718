"""Windows, numbers and tolerances of the tests of the layer kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from emulator import Array
from hypothesis import settings
from hypothesis import strategies as st

from nnpg_kernels import Window

few_examples = settings(max_examples=20, deadline=None, derandomize=True, database=None)
over_numbers = pytest.mark.parametrize("dtype", ["float32", "float64"])
Geometry = tuple[Window, tuple[int, int]]


@st.composite
def geometries(draw: Any) -> Geometry:
    """A window and the rows and columns of an image into which it fits; the padding may be wider than the window."""
    axes = []
    for _ in range(2):
        size, stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
        before, after = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        least = max(1, (size - 1) * dilation + 1 - before - after)
        axes.append((size, stride, (before, after), dilation, draw(st.integers(least, least + 5))))
    (I, sh, pad_h, di, H), (J, sw, pad_w, dj, W) = axes
    return Window((I, J), (sh, sw), (*pad_h, *pad_w), (di, dj)), (H, W)


def numbers(*shape: int, dtype: str, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(dtype)


def assert_equal(result: Array, expected: Array, dtype: str) -> None:
    """To 1e-12 or 2e-6 of the largest number; what is expected was computed in float64."""
    assert result.dtype == dtype
    assert result.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(result, expected, rtol=0, atol=scale * (1e-12 if dtype == "float64" else 2e-6))
