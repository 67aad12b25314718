"""The CUDA kernels of pooling, emulated, against the definition: both precisions, all windows."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import Geometry, assert_equal, few_examples, geometries, numbers, over_numbers
from layer_devices import CupyDevice, EmulatedDevice, layer_device

from nnpg_kernels import Window, definition
from nnpg_kernels.cuda import pooling

pytestmark = [pytest.mark.gpu, pytest.mark.tiny]


@pytest.fixture(scope="module")
def device() -> EmulatedDevice | CupyDevice:
    return layer_device()


@over_numbers
@few_examples
@given(geometries(), st.integers(1, 3), st.integers(1, 2), st.booleans())
def test_max_pooling_is_what_the_definition_says(
    device: EmulatedDevice, dtype: str, geometry: Geometry, N: int, F: int, ties: bool
) -> None:
    window, shape = geometry
    x = numbers(N, F, *shape, dtype=dtype)
    x = np.round(x) if ties else x
    y, winner = definition.max_pool_forward(x, window)
    results = pooling.max_pool_forward(device, x, window)
    for result, expected in zip(results, (y, winner), strict=True):
        np.testing.assert_array_equal(result, expected)
        assert result.dtype == expected.dtype
    delta = numbers(2, *y.shape, dtype=dtype, seed=1)
    dx = definition.max_pool_delta(delta.astype("f8"), winner, window, shape)
    assert_equal(pooling.max_pool_delta(device, delta, winner, window, shape), dx, dtype)


@over_numbers
def test_a_winner_has_the_smallest_type_for_its_window(device: EmulatedDevice, dtype: str) -> None:
    for size, places in (((11, 11), "int8"), ((12, 12), "int16"), ((182, 182), "int32")):
        x = numbers(1, 1, *size, dtype=dtype)
        y, winner = pooling.max_pool_forward(device, x, Window(size))
        assert winner.dtype == places
        assert y == x.max()
        assert winner == x.argmax()
        dx = pooling.max_pool_delta(device, y, winner, Window(size), size)
        np.testing.assert_array_equal(dx, np.where(x == x.max(), x, 0))


@over_numbers
def test_in_max_pooling_nan_wins_and_the_padding_does_not(device: EmulatedDevice, dtype: str) -> None:
    window = Window((2, 2), (1, 1), (1, 1, 1, 1))
    x = np.array([[[[np.nan, -np.inf, -np.inf], [2, np.nan, -np.inf], [-5, 1, -np.inf]]]], dtype)
    expected = definition.max_pool_forward(x, window)
    for result, right in zip(pooling.max_pool_forward(device, x, window), expected, strict=True):
        np.testing.assert_array_equal(result, right)


@over_numbers
@few_examples
@given(geometries(), st.integers(1, 3), st.integers(1, 2))
def test_average_pooling_is_what_the_definition_says(
    device: EmulatedDevice, dtype: str, geometry: Geometry, N: int, F: int
) -> None:
    window, shape = geometry
    x = numbers(N, F, *shape, dtype=dtype)
    y = definition.avg_pool_forward(x.astype("f8"), window)
    assert_equal(pooling.avg_pool_forward(device, x, window), y, dtype)
    delta = numbers(2, *y.shape, dtype=dtype, seed=1)
    dx = definition.avg_pool_delta(delta.astype("f8"), window, shape)
    assert_equal(pooling.avg_pool_delta(device, delta, window, shape), dx, dtype)


def test_several_launches_compute_what_one_does(device: EmulatedDevice) -> None:
    """A launch counts pixels with 32 bits: what has more is computed in several."""
    window, x = Window((2, 3), (1, 2)), numbers(2, 3, 4, 7, dtype="float64")
    y, winner = definition.max_pool_forward(x, window)
    delta = numbers(2, *y.shape, dtype="float64")
    device.launched.clear()
    with mock.patch("nnpg_kernels.cuda.device.PIXELS_AT_MOST", 5 * 28):
        for result, expected in zip(pooling.max_pool_forward(device, x, window), (y, winner), strict=True):
            np.testing.assert_array_equal(result, expected)
        dx = definition.max_pool_delta(delta, winner, window, (4, 7))
        assert_equal(pooling.max_pool_delta(device, delta, winner, window, (4, 7)), dx, "float64")
        assert_equal(pooling.avg_pool_forward(device, x, window), definition.avg_pool_forward(x, window), "float64")
        dx = definition.avg_pool_delta(delta, window, (4, 7))
        assert_equal(pooling.avg_pool_delta(device, delta, window, (4, 7)), dx, "float64")
    names = [kernel.split("<")[0] for kernel in device.launched]
    assert [names.count(name) for name in dict.fromkeys(names)] == [2, 3, 2, 3]
