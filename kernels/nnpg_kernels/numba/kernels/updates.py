"""Steps of the parameters: the sums of bias gradients, and w <- w - lr v with v <- momentum v + g."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import lanes, load, store, zeros

STEP = record_type("w g v slots slot_size size rates momentum decay")
BIAS = record_type("delta N F sums")


@factory
def bias_gradient(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of db[f] = sum_n delta[n, f]."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, BIAS)
        delta, out = array(s.delta, kind), array(s.sums, kind)
        for f in range(0, s.F, step):
            total = zeros(delta, 1, 1)
            for i in range(s.N):
                total = total + load(delta, i * s.F + f, step, 1, 1)
            store(total, out, f, 0, 1, s.F - f)

    return kernel(run)


@factory
def momentum_step(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of v = momentum v + (g + decay w), w = w - rates[t] v, where g is the sum of all slots.

    The slots are 0 afterwards.
    """
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, STEP)
        w, g, v, rates = array(s.w, kind), array(s.g, kind), array(s.v, kind), array(s.rates, np.float64)
        factors = array(s.momentum, np.float64)
        momentum, decay, rate = kind(factors[0]), kind(array(s.decay, np.float64)[0]), kind(rates[t])
        for k in range(1, s.slots):
            part = array(s.g + k * s.slot_size, kind)
            for i in range(s.size):
                g[i] += part[i]
                part[i] = 0
        if momentum == 0:
            for i in range(s.size):
                w[i] -= rate * (g[i] + decay * w[i])
                g[i] = 0
        else:
            for i in range(s.size):
                v[i] = momentum * v[i] + (g[i] + decay * w[i])
                w[i] -= rate * v[i]
                g[i] = 0

    return kernel(run)
