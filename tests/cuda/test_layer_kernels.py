"""What holds for the CUDA kernels of all layers, emulated: arrays of all kinds, sizes, and the text of the sources."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from emulator import COMPILER, Array, compile_source, launch, unwritten
from layer_cases import assert_equal, numbers
from layer_devices import CupyDevice, EmulatedDevice, layer_device

from nnpg_kernels import Window, definition
from nnpg_kernels.cuda import convolution, pooling
from nnpg_kernels.cuda.device import SIZES, launches
from nnpg_kernels.cuda.sources import kernels, source

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs g++")


@pytest.fixture(scope="module")
def device() -> EmulatedDevice | CupyDevice:
    return layer_device()


@pytest.mark.gpu
@pytest.mark.tiny
def test_leading_axes_and_arrays_with_gaps(device: EmulatedDevice) -> None:
    window, pool = Window((3, 2), (2, 1), (1, 0, 2, 1), (1, 2)), Window((2, 3), (2, 1))

    def gaps(a: Array) -> Array:
        return np.repeat(a, 2, axis=-1)[..., ::2]

    x, W = gaps(numbers(3, 4, 7, 9, dtype="float64")), gaps(numbers(6, 2, 3, 2, dtype="float64"))
    b = gaps(numbers(6, dtype="float64"))
    y = definition.conv_forward(x, W, b, window, 2)
    delta = gaps(numbers(2, 2, *y.shape, dtype="float64"))
    assert_equal(convolution.conv_forward(device, x, W, b, window, 2), y, "float64")
    dx = definition.conv_delta(delta, W, window, 2, (7, 9))
    assert_equal(convolution.conv_delta(device, delta, W, window, 2, (7, 9)), dx, "float64")
    dW = definition.conv_gradient(delta, x, window, 2)
    assert_equal(convolution.conv_gradient(device, delta, x, window, 2), dW, "float64")
    largest, winner = pooling.max_pool_forward(device, x, pool)
    np.testing.assert_array_equal(largest, definition.max_pool_forward(x, pool)[0])
    back = gaps(numbers(2, 2, *largest.shape, dtype="float64"))
    dx = definition.max_pool_delta(back, winner, pool, (7, 9))
    assert_equal(pooling.max_pool_delta(device, back, gaps(winner), pool, (7, 9)), dx, "float64")
    assert_equal(
        pooling.avg_pool_delta(device, back, pool, (7, 9)), definition.avg_pool_delta(back, pool, (7, 9)), "float64"
    )


@pytest.mark.gpu
@pytest.mark.tiny
def test_no_images_and_no_seeds(device: EmulatedDevice) -> None:
    window, W = Window((3, 3)), np.ones((4, 2, 3, 3))
    assert convolution.conv_forward(device, np.ones((0, 2, 5, 5)), W, None, window).shape == (0, 4, 3, 3)
    assert convolution.conv_delta(device, np.ones((0, 4, 3, 3)), W, window, 1, (5, 5)).shape == (0, 2, 5, 5)
    none = convolution.conv_gradient(device, np.ones((2, 0, 4, 3, 3)), np.ones((0, 2, 5, 5)), window)
    np.testing.assert_array_equal(none, np.zeros((2, 4, 2, 3, 3)))
    assert convolution.conv_gradient(device, np.ones((0, 1, 4, 3, 3)), np.ones((1, 2, 5, 5)), window).size == 0
    y, winner = pooling.max_pool_forward(device, np.ones((0, 2, 5, 5)), window)
    assert y.shape == winner.shape == (0, 2, 3, 3)
    assert pooling.max_pool_delta(device, y, winner, window, (5, 5)).shape == (0, 2, 5, 5)
    assert pooling.avg_pool_forward(device, np.ones((0, 2, 5, 5)), window).shape == (0, 2, 3, 3)
    assert pooling.avg_pool_delta(device, y, window, (5, 5)).shape == (0, 2, 5, 5)


@pytest.mark.gpu
@pytest.mark.tiny
def test_what_does_not_fit_is_an_error_before_any_launch(device: EmulatedDevice) -> None:
    device.launched.clear()
    window, x, W = Window((3, 3)), np.ones((1, 2, 5, 5)), np.ones((4, 2, 3, 3))
    for call in (
        lambda: convolution.conv_forward(device, x, W[:, :1], None, window),
        lambda: convolution.conv_forward(device, x, W, np.ones(3), window),
        lambda: convolution.conv_forward(device, x, W[..., :2], None, window),
        lambda: convolution.conv_delta(device, np.ones((1, 4, 2, 3)), W, window, 1, (5, 5)),
        lambda: convolution.conv_gradient(device, np.ones((2, 4, 3, 3)), x, window),
        lambda: pooling.max_pool_delta(device, np.ones((1, 2, 3, 3)), np.ones((2, 2, 3, 3), "i1"), window, (5, 5)),
        lambda: pooling.avg_pool_delta(device, np.ones((1, 2, 3, 3)), window, (5, 6)),
    ):
        with pytest.raises(ValueError, match="do not fit"):
            call()
    with pytest.raises(TypeError, match="float32 or float64, not in int64"):
        pooling.avg_pool_forward(device, np.ones((1, 1, 3, 3), "i8"), window)
    assert device.launched == []


def test_the_record_of_sizes_has_the_fields_of_the_source_in_their_order() -> None:
    declared = source().split("struct Sizes {")[1].split("};")[0]
    fields = []
    for line in re.findall(r"^ *([^;\n]*);", declared, re.MULTILINE):
        kind, names = re.fullmatch(r"(long long|int) (.*)", line).groups()
        fields += [(name, "int64" if kind == "long long" else "int32") for name in names.split(", ")]
    assert fields == [(name, str(SIZES[name])) for name in SIZES.names]


def test_every_kernel_has_instances_of_both_types_of_numbers() -> None:
    named = [name.split("<")[0] for name in kernels()]
    assert set(named) == set(re.findall(r"__global__ void __launch_bounds__\([^)]*\)\s+(\w+)\(", source()))
    for name in named:
        types = [re.split("[<,>]", instance)[1] for instance in kernels() if instance.startswith(f"{name}<")]
        assert types.count("float") == types.count("double") > 0


@pytest.mark.gpu
@pytest.mark.tiny
def test_arrays_go_up_for_a_launch_and_results_come_down() -> None:
    """On the stand-in for CuPy too, so that the tests here need no change where there is a device."""
    x, window = numbers(2, 3, 6, 7, dtype="float64"), Window((2, 3), (1, 2))
    device = CupyDevice()
    assert_equal(pooling.avg_pool_forward(device, x, window), definition.avg_pool_forward(x, window), "float64")
    assert device.launched == ["avg_pool_forward<double>"]


ADDRESSES = """
__global__ void addresses(const long long* plane, const int* pixel, long long* result, int rows, int columns) {
    Pixel p = pixel_of(pixel[0], rows, columns);
    result[0] = p.plane, result[1] = p.row, result[2] = p.column;
    result[3] = place_of(plane[0] + p.plane, p.row, p.column, rows, columns);
}
"""


@needs_compiler
@pytest.mark.parametrize("pixel", [0, 12_345, (1 << 30) + 7, (1 << 31) - 1])
@pytest.mark.parametrize(("plane", "shape"), [(0, (1, 1)), (1 << 33, (60, 59)), (3, (40_000, 30_000))])
def test_a_place_after_two_to_the_31_is_the_right_one(pixel: int, plane: int, shape: tuple[int, int]) -> None:
    kernel = compile_source(source() + ADDRESSES, ("addresses",))["addresses"]
    result = unwritten(4, "i8")
    args = np.array([plane]), np.array([pixel], "i4"), result, *map(np.int32, shape)
    launch(kernel, (1,), (1,), args)
    of_plane, rest = divmod(pixel, shape[0] * shape[1])
    assert result.tolist() == [of_plane, *divmod(rest, shape[1]), plane * shape[0] * shape[1] + pixel]


def test_images_are_divided_among_launches_so_that_32_bits_count_their_pixels() -> None:
    assert list(launches(10, 1 << 28)) == [slice(0, 4), slice(4, 8), slice(8, 10)]
    assert list(launches(2, 1 << 20, 64 * 1024)) == [slice(0, 1), slice(1, 2)]
    assert list(launches(0, 100)) == []
    with pytest.raises(ValueError, match="a map of 1073741825 pixels is too large"):
        list(launches(1, (1 << 30) + 1))


def test_what_the_readme_quotes_of_a_kernel_is_in_its_source() -> None:
    page = (Path(__file__).parents[2] / "kernels" / "README.md").read_text()
    (quote,) = re.findall(r"```cuda\n(.*?)```", page, re.DOTALL)
    lines = [line.strip() for line in quote.splitlines() if line.strip()]
    code = [line.strip() for line in source().splitlines()]
    assert any(code[at : at + len(lines)] == lines for at in range(len(code)))
