"""What training adds: the loss and its seed, and the step w <- w - lr v, v <- momentum v + g."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.seeds import sigmoid
from nnpg_kernels.numba.runtime.jit import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.simd import lanes

LOSS = record_type("z delta K order per_time labels losses wrong batch")
LOSS_OF_EACH = record_type("z delta K order per_time labels targets losses wrong batch of")
OF = {"softmax": 0, "binary": 1, "squares": 2, "squares of a sigmoid": 3}
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
def loss_of_each(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of other losses and of targets t (N, K); where there are labels, t is 1 at the label, else 0.

    softmax                 L = sum_k t_k (log sum_j e^z_j - z_k)       dL/dz = softmax z - t
    binary                  L = sum_k log(1 + e^z_k) - t_k z_k          dL/dz = sigmoid z - t
    squares                 L = 1/2 sum_k (z_k - t_k)^2                 dL/dz = z - t
    squares of a sigmoid    L = 1/2 sum_k (y_k - t_k)^2, y = sigmoid z  dL/dz = (y - t) y (1 - y)
    """
    kind: Any = np.dtype(dtype).type
    step = lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, LOSS_OF_EACH)
        z, delta, losses = array(s.z, kind), array(s.delta, kind), array(s.losses, np.float64)
        order, labels, wrong = array(s.order, np.int64), array(s.labels, np.int64), array(s.wrong, np.int64)
        targets, share = array(s.targets, kind), kind(1.0 / array(s.batch, np.int64)[0])
        first = n + t * s.per_time
        for lane in range(step):
            if lane >= count:
                for k in range(s.K):
                    delta[k * step + lane] = 0
                continue
            image = order[first + lane]
            best, total, value = z[lane], kind(0), 0.0
            for k in range(s.K):
                best = max(best, z[k * step + lane])
            for k in range(s.K if s.of == 0 else 0):
                total += math.exp(z[k * step + lane] - best)
            most, surest, largest, wanted = kind(-np.inf), 0, kind(-np.inf), 0
            for k in range(s.K):
                out = z[k * step + lane]
                goal = kind(labels[image] == k) if s.labels else targets[image * s.K + k]
                if s.of == 0:
                    value += goal * (math.log(total) - (out - best))
                    seed = math.exp(out - best) / total - goal
                elif s.of == 1:
                    value += max(out, kind(0)) + math.log1p(math.exp(-abs(out))) - goal * out
                    seed = sigmoid(out, kind(1)) - goal
                elif s.of == 2:
                    value += (out - goal) * (out - goal) / 2
                    seed = out - goal
                else:
                    out = sigmoid(out, kind(1))
                    value += (out - goal) * (out - goal) / 2
                    seed = (out - goal) * out * (kind(1) - out)
                delta[k * step + lane] = seed * share
                surest, most = (k, out) if out > most else (surest, most)
                wanted, largest = (k, goal) if goal > largest else (wanted, largest)
            losses[first + lane] = value
            wrong[first + lane] = surest != wanted

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
