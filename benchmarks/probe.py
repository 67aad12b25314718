"""What the machine gives at this moment, measured beside every workload: two cores may share one, or be throttled."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.contender import cores

SIZE = 1024


class Probe(NamedTuple):
    """GFLOP/s of a float32 matrix product, nearly all of it fused multiply-adds: the best of a few."""

    one_core: float
    all_cores: float

    def __str__(self) -> str:
        return f"{self.one_core:.0f} GFLOP/s on 1 core, {self.all_cores:.0f} on {cores()}"


def measure(repeats: int = 3) -> Probe:
    """Multiply two matrices of 1024 x 1024 on one core and on all of them, 2 n^3 operations each time."""
    a = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    out = np.empty_like(a)
    found = []
    for threads in (1, cores()):
        with threadpool_limits(limits=threads, user_api="blas"):
            times = []
            for _ in range(repeats + 1):
                began = time.perf_counter()
                np.matmul(a, a, out=out)
                times.append(time.perf_counter() - began)
        found.append(2 * SIZE**3 / min(times[1:]) / 1e9)
    return Probe(*found)
