"""What the emulator computes, and what it refuses before a kernel runs."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from emulator import COMPILER, CompilationError, Function, compile_source, launch, unwritten

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs g++")

SOURCE = """
struct Sizes { int n; float scale; long long more; };
template <class T> __global__ void scaled(const T* x, T* y, Sizes s) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < s.n) y[i] = T(s.scale) * x[i] + T(s.more);
}
__global__ void places(int* y) {  // of each thread of each block, by all six numbers
    int t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    int b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    y[b * blockDim.x * blockDim.y * blockDim.z + t] = 1000 * b + t;
}
__global__ void warps(const int* x, int* y, int n) {
    int t = threadIdx.x, v = x[t];
    y[t] = __shfl_sync(~0u, v, 3);
    y[n + t] = __shfl_xor_sync(~0u, v, 5);
    y[2 * n + t] = __shfl_down_sync(~0u, v, 4);
    y[3 * n + t] = __shfl_up_sync(~0u, v, 4);
    y[4 * n + t] = __shfl_down_sync(~0u, v, 3, 8);
    y[5 * n + t] = (int)__ballot_sync(~0u, v % 3 == 0);
    y[6 * n + t] = __any_sync(~0u, v == 7) + 2 * __all_sync(~0u, v >= 0);
    y[7 * n + t] = __reduce_add_sync(~0u, v);
    y[8 * n + t] = __reduce_max_sync(~0u, v) - __reduce_min_sync(~0u, v);
    y[9 * n + t] = __syncthreads_count(v % 2) + 1000 * __syncthreads_or(v == 1) + 2000 * __syncthreads_and(v > 0);
    if (t % 32 < 8) v = __reduce_add_sync(0xFFu, v);  // two groups of lanes, each on its way
    else v = __reduce_add_sync(0xFFFFFF00u, v);
    y[10 * n + t] = v;
}
__global__ void count(const int* x, int* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) atomicAdd(&y[x[i]], 1);
    if (i < n) atomicMax(&y[3], x[i]);
}
__global__ void both(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x] + y[threadIdx.x]; }
__global__ void words(const float4* x, float4* y) { y[threadIdx.x] = x[threadIdx.x]; }
__global__ void nothing(const float* x, float* y, int n) { for (int i = 0; i < n; ++i) y[i] = x[i]; }
"""
NAMES = (
    "scaled<float>",
    "scaled<double>",
    "places",
    "warps",
    "count",
    "both",
    "words",
    "nothing",
)
SIZES = np.dtype([("n", "i4"), ("scale", "f4"), ("more", "i8")])


@pytest.fixture(scope="module")
def kernels() -> dict[str, Function]:
    return compile_source(SOURCE, NAMES)


def sizes(n: int, scale: float, more: int) -> Any:
    return np.array([(n, scale, more)], SIZES)


@pytest.mark.parametrize(("name", "dtype"), [("scaled<float>", "float32"), ("scaled<double>", "float64")])
def test_a_kernel_computes_in_both_precisions_with_a_record_of_sizes(
    kernels: dict[str, Function], name: str, dtype: str
) -> None:
    x, y = np.arange(50, dtype=dtype), unwritten(50, dtype)
    launch(kernels[name], (2,), (32,), (x, y, sizes(50, 0.5, 3)))
    np.testing.assert_array_equal(y, x / 2 + 3)


def test_every_thread_has_its_place(kernels: dict[str, Function]) -> None:
    y = unwritten((2, 3, 4, 30), "i4")
    launch(kernels["places"], (4, 3, 2), (5, 2, 3), (y,))
    np.testing.assert_array_equal(y.reshape(24, 30), 1000 * np.arange(24)[:, None] + np.arange(30))


def test_lanes_of_a_warp_see_each_other(kernels: dict[str, Function]) -> None:
    n, lane = 64, np.arange(64) % 32
    x = np.random.default_rng(0).integers(0, 50, n).astype("i4")
    y, first = unwritten((11, n), "i4"), np.arange(n) - lane
    launch(kernels["warps"], (1,), (n,), (x, y, np.int32(n)))
    np.testing.assert_array_equal(y[0], x[first + 3])
    np.testing.assert_array_equal(y[1], x[first + (lane ^ 5)])
    np.testing.assert_array_equal(y[2], x[first + np.where(lane < 28, lane + 4, lane)])
    np.testing.assert_array_equal(y[3], x[first + np.where(lane >= 4, lane - 4, lane)])
    np.testing.assert_array_equal(y[4], x[first + np.where(lane % 8 < 5, lane + 3, lane)])
    warps = x.reshape(2, 32)
    of_three = ((warps % 3 == 0) << np.arange(32)).sum(axis=1).astype("u4").astype("i4")
    np.testing.assert_array_equal(y[5].reshape(2, 32), np.repeat(of_three, 32).reshape(2, 32))
    seven = (warps == 7).any(axis=1, keepdims=True) + 2
    np.testing.assert_array_equal(y[6].reshape(2, 32), np.repeat(seven, 32, axis=1))
    np.testing.assert_array_equal(y[7].reshape(2, 32), np.repeat(warps.sum(axis=1), 32).reshape(2, 32))
    np.testing.assert_array_equal(y[8].reshape(2, 32), np.repeat(np.ptp(warps, axis=1), 32).reshape(2, 32))
    assert set(y[9]) == {(x % 2).sum() + 1000 * (x == 1).any() + 2000 * (x > 0).all()}
    np.testing.assert_array_equal(y[10].reshape(2, 32)[:, :8], np.repeat(warps[:, :8].sum(axis=1), 8).reshape(2, 8))
    np.testing.assert_array_equal(y[10].reshape(2, 32)[:, 8:], np.repeat(warps[:, 8:].sum(axis=1), 24).reshape(2, 24))


@pytest.mark.parametrize("blocks", [1, 4])
def test_blocks_of_a_cluster_read_and_write_each_others_shared_memory(blocks: int) -> None:
    name = f"sum_of_a_cluster<double,{blocks}>"
    text = (files("nnpg_kernels.cuda") / "device.cuh").read_text() + Path(__file__).with_name("clusters.cu").read_text()
    x, y = np.random.default_rng(0).normal(size=(2, 32 * blocks)), unwritten(2, "f8")
    launch(compile_source(text, (name,))[name], (2 * blocks,), (32,), (x, y), shared_bytes=8, cluster=blocks)
    np.testing.assert_allclose(y, x.sum(axis=1), rtol=1e-12)


def test_a_count_does_not_depend_on_the_order(kernels: dict[str, Function]) -> None:
    x, y = np.random.default_rng(0).integers(0, 3, 90).astype("i4"), np.zeros(4, "i4")
    launch(kernels["count"], (3,), (32,), (x, y, np.int32(90)))
    np.testing.assert_array_equal(y, [*np.bincount(x), x.max()])


def test_arrays_that_overlap_stay_so(kernels: dict[str, Function]) -> None:
    memory = np.arange(12, dtype="f4")
    launch(kernels["both"], (1,), (4,), (memory[:4], memory[8:]))
    np.testing.assert_array_equal(memory, [*range(8), 8, 10, 12, 14])
    launch(kernels["both"], (1,), (4,), (memory[:4], memory[:4]))
    np.testing.assert_array_equal(memory[:5], [0, 2, 4, 6, 4])


def test_an_array_of_no_numbers_has_an_address(kernels: dict[str, Function]) -> None:
    launch(kernels["nothing"], (1,), (1,), (np.zeros(0, "f4"), np.zeros((2, 0), "f4"), np.int32(0)))


def test_an_array_can_be_read_four_numbers_at_a_time(kernels: dict[str, Function]) -> None:
    x, y = np.arange(12, dtype="f4"), unwritten(12, "f4")
    launch(kernels["words"], (1,), (3,), (x, y))
    np.testing.assert_array_equal(x, y)


def test_results_start_as_numbers_that_no_kernel_writes() -> None:
    assert np.isnan(unwritten((2, 3), "f4")).all()
    assert np.isnan(unwritten((), "f8"))
    assert (unwritten(3, "i1") == -1).all()


i32, x32 = np.int32, np.zeros(4, "f4")
REFUSED = {
    "an int of Python": (("x", "y", 4), "argument 2 must be np.int32.*, not int"),
    "an int of 64 bits": (("x", "y", np.int64(4)), "argument 2 must be np.int32.*, not int64"),
    "a number of Python for a float": (("x", "y", 4.0), "argument 2 must be np.int32.*, not float"),
    "a bool": (("x", "y", np.bool_(True)), "argument 2 must be np.int32.*, not bool"),
    "an array for a number": (("x", "y", np.zeros((), "i4")), "argument 2 must be np.int32.*, not ndarray of int32"),
    "float64 for float": ((np.zeros(4), "y", i32(4)), "argument 0 must be an array of float32, not ndarray of float64"),
    "None for an array": ((None, "y", i32(4)), "argument 0 must be an array of float32, not NoneType"),
    "an array with gaps": ((np.zeros(8, "f4")[::2], "y", i32(4)), "argument 0 must be contiguous"),
    "one argument too few": (("x", "y"), "takes 3 arguments, not 2"),
    "one argument too many": (("x", "y", i32(4), i32(4)), "takes 3 arguments, not 4"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_argument_that_the_signature_does_not_name_is_refused(kernels: dict[str, Function], name: str) -> None:
    args, says = REFUSED[name]
    with pytest.raises(TypeError, match=says):
        launch(kernels["nothing"], (1,), (1,), [x32 if isinstance(a, str) else a for a in args])


def test_a_record_of_another_size_is_refused(kernels: dict[str, Function]) -> None:
    with pytest.raises(TypeError, match="argument 2 must be an array of one record of 16 bytes"):
        launch(kernels["scaled<float>"], (1,), (1,), (x32, x32, np.zeros(1, [("n", "i4")])))
    with pytest.raises(TypeError, match="argument 2 must be an array of one record of 16 bytes"):
        launch(kernels["scaled<float>"], (1,), (1,), (x32, x32, np.zeros(2, SIZES)))


@pytest.mark.parametrize(
    ("grid", "block", "shared", "cluster", "says"),
    [
        ((0,), (32,), 0, 1, "computes nothing"),
        ((1, 0, 1), (32,), 0, 1, "computes nothing"),
        ((1,), (2048,), 0, 1, "1024 threads at most"),
        ((1,), (1, 1, 65), 0, 1, "64 along z"),
        ((1, 65536), (1,), 0, 1, "too large"),
        ((1,), (1,), 228 << 10, 1, "at most 232448 bytes"),
        ((3,), (1,), 0, 2, "divides the grid's x, 3"),
        ((16,), (1,), 0, 16, "1 to 8 blocks"),
    ],
)
def test_what_no_device_runs_is_refused(
    kernels: dict[str, Function], grid: tuple[int, ...], block: tuple[int, ...], shared: int, cluster: int, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        launch(kernels["nothing"], grid, block, (x32, x32, i32(0)), shared, cluster)


def test_a_block_larger_than_the_launch_bounds_is_refused() -> None:
    source = "constexpr int N = 64;\n__global__ void __launch_bounds__(N, 2)\nf(float* y) { y[threadIdx.x] = 0; }"
    kernel = compile_source(source, ("f",))["f"]
    launch(kernel, (1,), (64,), (unwritten(64, "f4"),))
    with pytest.raises(ValueError, match="larger than the kernel's launch bounds, 64"):
        launch(kernel, (1,), (96,), (unwritten(96, "f4"),))


def test_an_error_of_the_compiler_names_the_line_of_the_source() -> None:
    with pytest.raises(CompilationError, match=r"source\.cu:2:.*not declared"):
        compile_source("__global__ void f(float* y) {\n y[0] = missing; }", ("f",))
    with pytest.raises(CompilationError, match="SHARED or DYNAMIC_SHARED instead of __shared__"):
        compile_source("__global__ void f(float* y) {\n __shared__ float s[3]; y[0] = s[0]; }", ("f",))


def test_options_reach_the_compiler() -> None:
    source = "__global__ void f(float* y) { y[0] = VALUE; }"
    y = unwritten(1, "f4")
    launch(compile_source(source, ("f",), ("--std=c++17", "-DVALUE=7"))["f"], (1,), (1,), (y,))
    assert y == [7]
    with pytest.raises(CompilationError, match="does not know the options"):
        compile_source(source, ("f",), ("--use_fast_math",))
