"""What is sent back to ask for dy_c/do: the derivative by the logits z of a class's probability, of z_c, or of log y_c.

prob       dy_c/dz_k     = y_c ([k = c] - y_k)
logit      dz_c/dz_k     = [k = c]
logprob    dlog y_c/dz_k = [k = c] - y_k

And where y_k is the sigmoid of z_k, and each class by itself:

prob       dy_c/dz_c     = y_c (1 - y_c)
logprob    dlog y_c/dz_c = sigmoid(-z_c)
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.jit import jit, kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.simd import lanes

SEED = record_type("z delta K lanes classes S labels weights of e")
OF = {"prob": 0, "logit": 1, "logprob": 2, "prob of a sigmoid": 3, "logprob of a sigmoid": 4}


@jit
def _softmax(z: Any, lane: int, step: int, K: int, e: Any) -> None:
    """e = softmax of one lane of z."""
    best = z[lane]
    for k in range(1, K):
        best = max(best, z[k * step + lane])
    total = best * 0
    for k in range(K):
        e[k] = math.exp(z[k * step + lane] - best)
        total += e[k]
    for k in range(K):
        e[k] /= total


@jit
def sigmoid(z: Any, one: Any) -> Any:
    """1 / (1 + e^-z) in the type of `one`, where no exponential overflows."""
    e = math.exp(-abs(z))
    return (e if z < 0 else one) / (one + e)


@jit
def _of_sigmoid(z: Any, c: int, of: int, share: Any, one: Any, K: int, delta: Any, step: int, lane: int) -> None:
    """One lane of delta, for outputs that are each a sigmoid."""
    for k in range(K):
        delta[k * step + lane] = share * 0
    y = sigmoid(z[c * step], one)
    delta[c * step + lane] = share * sigmoid(-z[c * step], one) if of == 4 else share * y * (one - y)


@jit
def _derivatives(y: Any, K: int, c: int, of: int, share: Any, delta: Any, step: int, lane: int) -> None:
    """One lane of delta: share times the derivative for class c."""
    others = share * 0  # 1 - y_c, as the sum of the other y: it never rounds to 0
    for k in range(K):
        others += y[k] if k != c else y[k] * 0
    for k in range(K):
        if of == 1:
            delta[k * step + lane] = share if k == c else share * 0
        else:
            own = others if k == c else -y[k]
            delta[k * step + lane] = share * (own if of == 2 else y[c] * own)


@cache
def seed_images(dtype: npt.DTypeLike) -> Any:
    """Return the kernel for lanes of images n .. n + count: class classes[s], or each image's label."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, SEED)
        z, delta, y, weights = array(s.z, kind), array(s.delta, kind), array(s.e, kind), array(s.weights, kind)
        classes, labels = array(s.classes, np.int64), array(s.labels, np.int64)
        for lane in range(step):
            if lane < count:
                c = labels[n + lane] if s.labels else classes[seed]
                if s.of > 2:
                    _of_sigmoid(z[lane:], c, s.of, weights[n + lane], kind(1), s.K, delta, step, lane)
                else:
                    _softmax(z, lane, step, s.K, y)
                    _derivatives(y, s.K, c, s.of, weights[n + lane], delta, step, lane)
            else:
                for k in range(s.K):
                    delta[k * step + lane] = 0

    return kernel(run)


@cache
def seed_classes(dtype: npt.DTypeLike) -> Any:
    """Return the kernel for lanes of classes: the s-th vector of `classes`, for image n."""
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, SEED)
        z, delta, y, weights = array(s.z, kind), array(s.delta, kind), array(s.e, kind), array(s.weights, kind)
        classes = array(s.classes, np.int64)
        if s.of <= 2:
            _softmax(z, n % s.lanes, step, s.K, y)
        for lane in range(step):
            if seed * step + lane < s.S:
                c = classes[seed * step + lane]
                if s.of > 2:
                    _of_sigmoid(z[n % s.lanes :], c, s.of, weights[n], kind(1), s.K, delta, step, lane)
                else:
                    _derivatives(y, s.K, c, s.of, weights[n], delta, step, lane)
            else:
                for k in range(s.K):
                    delta[k * step + lane] = 0

    return kernel(run)
