"""The speed of the machine, measured before and after every workload: cores may be shared or throttled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.contender import cores
from nnpg_kernels.numba.runtime.compilation import entry
from nnpg_kernels.numba.runtime.thread_pool import on_threads
from nnpg_kernels.numba.simd import add_outer, lanes, store, wide_registers, zeros

SIZE, STEPS = 1024, 200_000
HEIGHT, WIDTH = (5, 4) if wide_registers() else (2, 2)


class Probe(NamedTuple):
    """GFLOP/s in float32, the best of a few: a matrix product; multiply-adds that never leave the registers."""

    one_core: float
    all_cores: float
    fma_one_core: float
    fma_all_cores: float

    def __str__(self) -> str:
        return f"{self.one_core:.0f} GFLOP/s on 1 core, {self.all_cores:.0f} on {cores()}"


def measure(repeats: int = 3) -> Probe:
    """Multiply two matrices of 1024 x 1024, and run the tile of our kernels without memory, on one core and on all."""
    a = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    out = np.empty_like(a)
    products, adds = [], []
    for threads in (1, cores()):
        with threadpool_limits(limits=threads, user_api="blas"):
            products.append(2 * SIZE**3 / _seconds(lambda: np.matmul(a, a, out=out), repeats) / 1e9)
        numbers = 2 * STEPS * HEIGHT * WIDTH * lanes(np.float32) * threads
        adds.append(numbers / _seconds(_adding(threads), repeats) / 1e9)
    return Probe(*products, *adds)


def _adding(threads: int) -> Callable[[], Any]:
    x, y = np.zeros(1024, np.float32), np.zeros((threads, 4096), np.float32)
    return lambda: on_threads(_multiply_add, threads, x, y, STEPS, lanes(np.float32))


def _seconds(work: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times[1:])


@entry
def _multiply_add(thread: int, threads: int, x: Any, y: Any, steps: int, step: int) -> None:
    tile = zeros(x, HEIGHT, WIDTH)
    for _ in range(steps):
        tile = add_outer(tile, x, 0, 1, HEIGHT, x, 0, step)
    store(tile, y[thread], 0, WIDTH * step, HEIGHT, WIDTH * step)
