"""The stand-in for CuPy answers as CuPy does, and a capture takes launches only."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from stand_in.counts import counted
from stand_in.snippets import RECORDED, agree, answer

pytestmark = pytest.mark.gpu

NO_COUNTS = pytest.mark.emulated("a device does not count")
CUPY = pytest.importorskip("cupy") if os.environ.get("NNPG_CUDA") else None

# Where the stand-in answers otherwise, with the reason.
OTHERWISE = {
    "cp.arange(3) ** -1": "whole numbers to negative powers: nothing here computes them",
    "np.broadcast_arrays(cp.arange(3.), 1)": "CuPy leaves a scalar as it is",
    "cp.asarray([1e-40], dtype='f4') * cp.float32(1.0)": "CuPy sets numbers below the least normal float32 to 0",
    "cp.exp(cp.asarray([-100.], dtype='f4'))": "CuPy sets numbers below the least normal float32 to 0",
    "cp.linalg.cholesky(-cp.eye(2))": "all numbers are NaN here, not only one triangle",
    "cp.get_array_module(cp.arange(2)).__name__": "the module has its own name",
    "cp.vectorize": "a class of NumPy; nothing here uses it",
    "cp.ufunc": "a class of the stand-in",
    "cp.sum((a for a in [1, 2]))": "another kind of error",
}


@pytest.mark.parametrize("snippet", RECORDED)
def test_arrays_answer_as_on_record(snippet: str) -> None:
    expected, result = RECORDED[snippet], answer(snippet, CUPY)
    if snippet in OTHERWISE and os.environ["NNPG_CUDA"] == "emulated":
        assert not agree(result, expected), "it agrees: take it out of OTHERWISE"
    else:
        assert agree(result, expected), f"{result}\nbut CuPy: {expected}"


KERNEL = """
extern "C++" template <class T> __global__ void scale(const T* x, T* y, T factor, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = factor * x[i];
}
"""


def scale(x: Any, y: Any, factor: float) -> None:
    module = CUPY.RawModule(code=KERNEL, options=("--std=c++17",), name_expressions=["scale<float>"])
    args = (x, y, np.float32(factor), np.int32(x.size))
    module.get_function("scale<float>")((2,), (32,), args)


def test_a_kernel_runs_on_arrays_of_the_device() -> None:
    x, y = CUPY.arange(50, dtype="f4"), CUPY.zeros(50, "f4")
    scale(x, y, 3.0)
    np.testing.assert_array_equal(y.get(), 3 * np.arange(50))


@pytest.mark.emulated("a device reads the memory of the host, or ends the process")
def test_a_kernel_refuses_what_it_would_read_as_something_else() -> None:
    x, y = CUPY.arange(50, dtype="f4"), CUPY.zeros(50, "f4")
    with pytest.raises(TypeError, match="an array of the host is no argument of a kernel"):
        scale(np.zeros(50, "f4"), y, 1.0)
    with pytest.raises(TypeError, match="must be an array of float32"):
        scale(x.astype("f8"), y, 1.0)
    with pytest.raises(TypeError, match="must be contiguous"):
        scale(x[::2], y, 1.0)


def test_a_graph_repeats_its_launches() -> None:
    x, y, z = CUPY.arange(50, dtype="f4"), CUPY.zeros(50, "f4"), CUPY.zeros(50, "f4")
    stream = CUPY.cuda.Stream(non_blocking=True)
    scale(x, y, 1.0)  # compiles, which no capture may do
    CUPY.cuda.runtime.deviceSynchronize()
    with stream:
        stream.begin_capture(CUPY.cuda.runtime.streamCaptureModeThreadLocal)
        scale(x, y, 2.0)
        scale(y, z, 5.0)
        graph = stream.end_capture()
    stream.synchronize()
    assert not z.get().any()  # nothing has run yet
    for start in (0, 100):
        x[...] = CUPY.arange(start, start + 50, dtype="f4")
        CUPY.cuda.runtime.deviceSynchronize()
        graph.launch(stream)
        stream.synchronize()
        np.testing.assert_array_equal(z.get(), 10 * np.arange(start, start + 50))


INSIDE: dict[str, Callable[[Any], Any]] = {
    "an array made": lambda x: CUPY.zeros(3),
    "a sum of arrays": lambda x: x + x,
    "a product of matrices": lambda x: x @ x,
    "a copy to the host": lambda x: x.get(),
    "a number": lambda x: float(x[0]),
    "a copy to the device": lambda x: CUPY.asarray(np.zeros(3)),
    "a mask": lambda x: x[x > 0],
    "an array written to": lambda x: x.fill(0),
}


@pytest.mark.emulated("after a refusal, the graph and the stream of a device are of no use")
@pytest.mark.parametrize("name", INSIDE)
def test_a_capture_takes_nothing_but_launches(name: str) -> None:
    x, stream = CUPY.ones(3), CUPY.cuda.Stream(non_blocking=True)
    stream.begin_capture(CUPY.cuda.runtime.streamCaptureModeThreadLocal)
    try:
        with pytest.raises(RuntimeError, match="while a graph is captured"):
            INSIDE[name](x)
    finally:
        stream.end_capture()


def test_the_default_stream_cannot_be_captured() -> None:
    with pytest.raises(RuntimeError):
        CUPY.cuda.Stream.null.begin_capture(CUPY.cuda.runtime.streamCaptureModeThreadLocal)


@NO_COUNTS
def test_what_crosses_is_counted_with_the_line_that_asked() -> None:
    with counted() as counts:
        x = CUPY.asarray(np.arange(3.0))
        y = 2 * x[1:] + CUPY.zeros(2)
        float(y.sum())
        x[x > 1]
        y.get()
    assert (counts.up, counts.down, counts.waits) == (1, 2, 1)
    assert all(line.startswith("tests/gpu/test_stand_in.py:") for _, line in counts.lines)
    assert {line.split(" ", 1)[1] for _, line in counts.lines} == {
        *("asarray", "float", "get", "a mask of which the True are counted"),
    }


@NO_COUNTS
def test_what_stays_on_the_device_is_not_counted() -> None:
    x = CUPY.arange(6.0).reshape(2, 3)
    with counted() as counts:
        y = CUPY.where(x > 2, x, 0.0) @ x.T
        y[0] = 1.0
        y[y > 1] = 0.0
        CUPY.maximum(y, CUPY.exp(-y)).max(axis=1).argmax()
    assert counts.lines == {}


@NO_COUNTS
def test_a_new_array_holds_no_number() -> None:
    assert np.isnan(CUPY.empty(3).get()).all()
