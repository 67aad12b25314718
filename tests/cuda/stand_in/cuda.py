"""Kernels on the emulator, streams, graphs, and what a device says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numpy as np
from emulator import SHARED_BYTES_AT_MOST, Function, compile_source, launch

from stand_in.arrays import OutOfMemoryError, ndarray
from stand_in.counts import note, operation
from stand_in.streams import Event, Graph, Stream, get_current_stream, get_elapsed_time, launched

__all__ = ["Event", "Graph", "RawKernel", "RawModule", "Stream", "alloc_pinned_memory", "get_current_stream"]
__all__ += ["get_elapsed_time", "memory", "runtime"]

ORDERS = (0,)  # of threads: the tests of the kernels try four
STATIC_LIMIT = 48 << 10  # bytes of shared memory for which a kernel need not ask


class CUDARuntimeError(RuntimeError):
    """What CuPy raises where CUDA fails."""


ONE_AT_A_TIME = Lock()  # all launches of a source go to one process


def run_alone(function: Function, grid: Any, block: Any, args: Any, shared_mem: int) -> None:
    with ONE_AT_A_TIME:
        launch(function, grid, block, args, shared_mem, orders=ORDERS)


class RawKernel:
    """One kernel; its arguments are device arrays, NumPy scalars, and arrays of one record."""

    def __init__(self, function: Function) -> None:
        self.function, self.max_dynamic_shared_size_bytes = function, STATIC_LIMIT

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *, shared_mem: int = 0) -> None:
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise ValueError(f"{shared_mem} bytes of shared memory: set max_dynamic_shared_size_bytes first")
        given = [self.argument(arg) for arg in args]
        operation()
        launched(lambda: run_alone(self.function, grid, block, given, shared_mem))

    def argument(self, arg: Any) -> Any:
        if isinstance(arg, ndarray):
            return arg.raw
        if isinstance(arg, np.ndarray) and arg.dtype.fields is None:
            raise TypeError(f"{self.function.name}: an array of the host is no argument of a kernel")
        return arg


class RawModule:
    """The kernels of one source, compiled by g++ at the first use."""

    def __init__(self, *, code: str, options: Sequence[str] = (), name_expressions: Sequence[str] = ()) -> None:
        self.code, self.options, self.names = code, tuple(options), tuple(name_expressions)

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(compile_source(self.code, self.names, self.options)[name])


memory = SimpleNamespace(OutOfMemoryError=OutOfMemoryError)
runtime = SimpleNamespace(
    CUDARuntimeError=CUDARuntimeError,
    streamCaptureModeThreadLocal=1,
    driverGetVersion=lambda: 13000,
    runtimeGetVersion=lambda: 13000,
    getDeviceCount=lambda: 1,
    getDevice=lambda: 0,
    deviceGetAttribute=lambda attribute, device: {16: 132, 97: SHARED_BYTES_AT_MOST, 120: 1}[attribute],
    getDeviceProperties=lambda device: {"name": b"stand-in for a device"},
    memGetInfo=lambda: (6 << 30, 8 << 30),
    deviceSynchronize=lambda: note("wait", "synchronize"),
)


def alloc_pinned_memory(size: int) -> bytearray:
    return bytearray(size)
