"""Kernels on the emulator, streams, graphs, and what a device says of itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numpy as np
from emulator import SHARED_BYTES_AT_MOST, Function, compile_source, launch

from stand_in.arrays import ndarray
from stand_in.counts import Launch, begin_capture, end_capture, launched, note

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


class Graph:
    """The launches of a capture; they run at `launch`."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        self.launches = launches

    def launch(self, stream: Any = None) -> None:
        for one in self.launches:
            one()


class Stream:
    """A stream; as there is nothing that runs at the same time, only a capture differs from no stream."""

    null: Stream

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False) -> None:
        self.capturing, self.can_capture = False, non_blocking

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def synchronize(self) -> None:
        note("wait", "synchronize")

    def begin_capture(self, mode: int | None = None) -> None:
        if not self.can_capture:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        begin_capture()
        self.capturing = True

    def end_capture(self) -> Graph:
        self.capturing = False
        return Graph(end_capture())

    def record(self, event: Event | None = None) -> Event:
        return event or Event()

    def wait_event(self, event: Event) -> None:
        return None


Stream.null = Stream(null=True)


class Event:
    """A mark in a stream; here all before it is done."""

    done = True
    at = 0.0  # seconds, when it was recorded

    def record(self, stream: Any = None) -> None:
        self.at = time.perf_counter()

    def synchronize(self) -> None:
        note("wait", "synchronize")


runtime = SimpleNamespace(
    CUDARuntimeError=CUDARuntimeError,
    streamCaptureModeThreadLocal=1,
    driverGetVersion=lambda: 13000,
    runtimeGetVersion=lambda: 13000,
    getDeviceCount=lambda: 1,
    getDevice=lambda: 0,
    deviceGetAttribute=lambda attribute, device: {97: SHARED_BYTES_AT_MOST}[attribute],
    getDeviceProperties=lambda device: {"name": b"stand-in for a device"},
    memGetInfo=lambda: (6 << 30, 8 << 30),
    deviceSynchronize=lambda: note("wait", "synchronize"),
)


def get_elapsed_time(earlier: Event, later: Event) -> float:
    """Return milliseconds."""
    return (later.at - earlier.at) * 1e3


def alloc_pinned_memory(size: int) -> bytearray:
    return bytearray(size)


def get_current_stream() -> Stream:
    return Stream.null
