"""The CUDA kernels of the convolution, emulated, against the definition: both precisions, all windows, all ways."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layer_cases import Geometry, assert_equal, few_examples, geometries, numbers, over_numbers
from layer_devices import CupyDevice, EmulatedDevice, layer_device

from nnpg_kernels import Window, definition, numpy_backend
from nnpg_kernels.cuda import convolution

pytestmark = [pytest.mark.gpu, pytest.mark.tiny]


@pytest.fixture(scope="module")
def device() -> EmulatedDevice | CupyDevice:
    return layer_device()


def way(tiled: bool, four: bool = False, parts: int = 1, few: int = 4) -> AbstractContextManager[Any]:
    """Compute with tiles or without, with several pixels a thread or one, and add up in this many parts.

    Up to `few` channels, the threads of a delta keep several rows.
    """
    return mock.patch.multiple(
        convolution,
        WIDE=1 if tiled else 1 << 30,
        FEW_PIXELS=0 if four else 1 << 30,
        FEW=few,
        parts_of=lambda *_: parts,
    )


def check_convolution(
    device: EmulatedDevice, dtype: str, geometry: Geometry, N: int, groups: int, C: int, F: int, S: int, slow: Any
) -> None:
    """All three kernels of a convolution with C channels and F filters in each group against `slow`."""
    window, shape = geometry
    x = numbers(N, groups * C, *shape, dtype=dtype)
    W, b = numbers(groups * F, C, *window.size, dtype=dtype), numbers(groups * F, dtype=dtype)
    delta = numbers(S, N, groups * F, *window.output_shape(*shape), dtype=dtype, seed=1)
    exact = [a.astype("f8") for a in (x, W, b, delta)]
    for bias, exact_bias in ((b, exact[2]), (None, None)):
        y = slow.conv_forward(exact[0], exact[1], exact_bias, window, groups)
        assert_equal(convolution.conv_forward(device, x, W, bias, window, groups), y, dtype)
    dx = slow.conv_delta(exact[3], exact[1], window, groups, shape)
    assert_equal(convolution.conv_delta(device, delta, W, window, groups, shape), dx, dtype)
    dW = slow.conv_gradient(exact[3], exact[0], window, groups)
    assert_equal(convolution.conv_gradient(device, delta, x, window, groups), dW, dtype)


@over_numbers
@pytest.mark.parametrize("tiled", [False, True])
@few_examples
@given(
    geometries(),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(1, 5),
    st.integers(1, 9),
    st.booleans(),
    st.integers(1, 2),
)
def test_a_convolution_is_what_the_definition_says(
    device: EmulatedDevice,
    dtype: str,
    tiled: bool,
    geometry: Geometry,
    N: int,
    groups: int,
    C: int,
    F: int,
    four: bool,
    S: int,
) -> None:
    with way(tiled, four, parts=4 * S - 3):
        check_convolution(device, dtype, geometry, N, groups, C, F, S, definition)


CONVOLUTIONS: dict[str, tuple[Geometry, int, int, int, int]] = {  # with N, groups, C and F
    "Lo and Ding's first layer": ((Window((5, 5)), (60, 60)), 1, 1, 1, 5),
    "Lo and Ding's third layer": ((Window((5, 5)), (12, 12)), 2, 1, 8, 10),
    "wide": ((Window((3, 3), (1, 1), (1, 1, 1, 1)), (6, 7)), 2, 1, 70, 67),
    "wide, with a stride": ((Window((3, 3), (2, 2), (1, 0, 1, 0)), (9, 8)), 1, 1, 33, 20),
    "wide, in groups": ((Window((2, 3)), (5, 6)), 2, 2, 17, 18),
    "1 x 1": ((Window((1, 1)), (5, 5)), 2, 1, 20, 30),
    "depthwise": ((Window((3, 3), (1, 1), (1, 1, 1, 1)), (8, 8)), 2, 7, 1, 1),
    "as large as the image": ((Window((6, 7)), (6, 7)), 3, 1, 3, 9),
    "tall, with gaps": ((Window((4, 1), (1, 1), (0, 3, 0, 0), (3, 1)), (11, 5)), 1, 1, 2, 3),
}


@over_numbers
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution_is_what_the_numpy_backend_says(device: EmulatedDevice, dtype: str, name: str) -> None:
    """As the library launches it, for layers that are too large for the definition."""
    geometry, N, groups, C, F = CONVOLUTIONS[name]
    device.launched.clear()
    check_convolution(device, dtype, geometry, N, groups, C, F, 1, numpy_backend)
    tiled = [kernel.split("_")[1] for kernel in device.launched if "tiled" in kernel]
    stride = geometry[0].stride != (1, 1)
    wide = min(C, F) >= convolution.WIDE
    assert tiled == (["forward", "forward", *([] if stride else ["delta"]), "gradient"] if wide else [])


@over_numbers
def test_a_layer_over_the_edges_of_all_tiles(device: EmulatedDevice, dtype: str) -> None:
    """One more filter and channel than a tile holds, and more pixels."""
    geometry = (Window((1, 2), (1, 1), (0, 0, 0, 1)), (7, 10))
    with way(tiled=True, parts=3):
        check_convolution(device, dtype, geometry, 2, 1, 129, 65, 1, numpy_backend)


@over_numbers
@pytest.mark.parametrize("four", [False, True])
def test_a_layer_over_the_edges_of_all_blocks_of_threads(device: EmulatedDevice, dtype: str, four: bool) -> None:
    """One more filter and channel than a thread computes, and more pixels and weights than a block."""
    geometry = (Window((4, 5), (1, 1), (0, 1, 0, 0)), (11, 13))
    with way(tiled=False, four=four, parts=3):
        check_convolution(device, dtype, geometry, 7, 1, 13, 5, 2, numpy_backend)


@over_numbers
@pytest.mark.parametrize("C", [1, 2, 3, 4])
def test_the_delta_of_few_channels_has_the_same_bits_for_one_row_a_thread_and_for_several(
    device: EmulatedDevice, dtype: str, C: int
) -> None:
    """A stride along the rows, and more rows than a thread has; groups, and windows of an even and an odd size."""
    for window, shape in (
        (Window((5, 4), (2, 3), (2, 1, 1, 3)), (21, 10)),
        (Window((3, 3), (1, 1), (4, 4, 0, 0)), (9, 5)),
    ):
        W = numbers(2 * 3, C, *window.size, dtype=dtype)
        delta = numbers(2, 2 * 3, *window.output_shape(*shape), dtype=dtype)
        device.launched.clear()
        with way(tiled=False, four=True):
            several = convolution.conv_delta(device, delta, W, window, 2, shape)
        with way(tiled=False, four=False):
            one = convolution.conv_delta(device, delta[1:], W, window, 2, shape)
        number = {"float32": "float", "float64": "double"}[dtype]
        assert list(device.launched) == [f"conv_delta_few<{number},{C},{rows}>" for rows in (8, 1)]
        np.testing.assert_array_equal(several[1:], one)
        exact = numpy_backend.conv_delta(delta.astype("f8"), W.astype("f8"), window, 2, shape)
        assert_equal(several, exact, dtype)


@over_numbers
@pytest.mark.parametrize("tiled", [False, True])
def test_several_launches_compute_what_one_does(device: EmulatedDevice, dtype: str, tiled: bool) -> None:
    """A launch counts pixels with 32 bits: what has more is computed in several."""
    geometry = (Window((2, 3), (1, 1), (1, 0, 0, 0), (1, 2)), (5, 6))
    device.launched.clear()
    with way(tiled), mock.patch("nnpg_kernels.cuda.device.PIXELS_AT_MOST", 70):
        check_convolution(device, dtype, geometry, 5, 1, 3, 6, 2, definition)
    names = [kernel.split("_")[1] for kernel in device.launched]
    assert [names.count(name) for name in ("forward", "delta", "gradient", "of")] == [6, 5, 3, 1]


@pytest.mark.parametrize("tiled", [False, True])
def test_an_image_has_the_same_bits_alone_and_in_any_batch(device: EmulatedDevice, tiled: bool) -> None:
    window = Window((3, 2), (1, 1), (1, 1, 0, 1))
    x, W = numbers(5, 18, 7, 9, dtype="float32"), numbers(17, 18, 3, 2, dtype="float32")
    with way(tiled, four=True):
        y = convolution.conv_forward(device, x, W, None, window)
        dx = convolution.conv_delta(device, y, W, window, 1, (7, 9))
    with way(tiled, four=False):
        for n in range(5):
            one = slice(n, n + 1)
            np.testing.assert_array_equal(convolution.conv_forward(device, x[one], W, None, window), y[one])
            np.testing.assert_array_equal(convolution.conv_delta(device, y[one], W, window, 1, (7, 9)), dx[one])
