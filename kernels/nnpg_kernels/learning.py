"""What training adds: the loss and its seed, and the step w <- w - lr v, v <- momentum v + g."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.jit import kernel
from nnpg_kernels.memory import array, record, record_type
from nnpg_kernels.simd import lanes

LOSS = record_type("z delta K order per_time labels losses wrong batch")
STEP = record_type("w g v slots slot_size size rates momentum decay")
SUMS = record_type("delta N F sums")


@cache
def softmax_cross_entropy(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of L = -log y_t, y = softmax z, and delta = dL/dz / batch = (y - t) / batch.

    z and delta are (K, lanes); empty lanes get delta 0. Images of step t start at `per_time` t in `order`.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, LOSS)
        z, delta, losses = array(s.z, kind), array(s.delta, kind), array(s.losses, np.float64)
        order, labels, wrong = array(s.order, np.int64), array(s.labels, np.int64), array(s.wrong, np.int64)
        batch = array(s.batch, np.int64)[0]
        share, first = kind(1.0 / batch), n + t * s.per_time
        for lane in range(step):
            if lane >= count:
                for k in range(s.K):
                    delta[k * step + lane] = 0
                continue
            label, best, surest = labels[order[first + lane]], z[lane], 0
            for k in range(1, s.K):
                if z[k * step + lane] > best:
                    best, surest = z[k * step + lane], k
            total = z[lane] * 0
            for k in range(s.K):
                e = math.exp(z[k * step + lane] - best)
                delta[k * step + lane] = e
                total += e
            for k in range(s.K):
                y = delta[k * step + lane] / total
                delta[k * step + lane] = (y - 1 if k == label else y) * share
            losses[first + lane] = math.log(total) - (z[label * step + lane] - best)
            wrong[first + lane] = surest != label

    return kernel(run)


@cache
def sums(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of db[f] = sum_n delta[n, f]."""
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, SUMS)
        delta, out = array(s.delta, kind), array(s.sums, kind)
        for f in range(s.F):
            out[f] = 0
        for i in range(s.N):
            for f in range(s.F):
                out[f] += delta[i * s.F + f]

    return kernel(run)


@cache
def step(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of v = momentum v + (g + decay w), w = w - rates[t] v, for g = the sum of all slots.

    What is in the slots is used up: they are 0 afterwards.
    """
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, STEP)
        w, g, v, rates = array(s.w, kind), array(s.g, kind), array(s.v, kind), array(s.rates, np.float64)
        factors = array(s.momentum, np.float64)
        momentum, decay, rate = kind(factors[0]), kind(array(s.decay, np.float64)[0]), kind(rates[t])
        for k in range(1, s.slots):
            own = array(s.g + k * s.slot_size, kind)
            for i in range(s.size):
                g[i] += own[i]
                own[i] = 0
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
