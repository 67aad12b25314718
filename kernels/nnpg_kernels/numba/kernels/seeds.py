"""The seeds of dy_c/do: the derivatives of y_c, of z_c and of log y_c with respect to the logits z.

prob       dy_c/dz_k     = y_c ([k = c] - y_k)
logit      dz_c/dz_k     = [k = c]
logprob    dlog y_c/dz_k = [k = c] - y_k

If y_k is the sigmoid of z_k, for each class separately:

prob       dy_c/dz_c     = y_c (1 - y_c)
logprob    dlog y_c/dz_c = sigmoid(-z_c)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import jit, kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import lanes

SEED = record_type("z delta K lanes classes S labels weights of e")
DERIVATIVES = {"prob": 0, "logit": 1, "logprob": 2, "prob of a sigmoid": 3, "logprob of a sigmoid": 4}


@jit
def _softmax(z: Any, lane: int, step: int, K: int, e: Any) -> None:
    """e = softmax of one lane of z."""
    largest = z[lane]
    for k in range(1, K):
        largest = max(largest, z[k * step + lane])
    total = largest * 0
    for k in range(K):
        e[k] = math.exp(z[k * step + lane] - largest)
        total += e[k]
    for k in range(K):
        e[k] /= total


@jit
def sigmoid(z: Any, one: Any) -> Any:
    """1 / (1 + e^-z) in the type of `one`, where no exponential overflows."""
    e = math.exp(-abs(z))
    return (e if z < 0 else one) / (one + e)


@jit
def _of_sigmoid(z: Any, c: int, of: int, weight: Any, one: Any, K: int, delta: Any, step: int, lane: int) -> None:
    """Write one lane of delta, for outputs that are each a sigmoid."""
    for k in range(K):
        delta[k * step + lane] = weight * 0
    y = sigmoid(z[c * step], one)
    delta[c * step + lane] = weight * sigmoid(-z[c * step], one) if of == 4 else weight * y * (one - y)


@jit
def _derivatives(y: Any, K: int, c: int, of: int, weight: Any, delta: Any, step: int, lane: int) -> None:
    """Write one lane of delta: `weight` times the derivative for class c."""
    others = weight * 0  # 1 - y_c as the sum of all other y, which never rounds to 0
    for k in range(K):
        others += y[k] if k != c else y[k] * 0
    for k in range(K):
        if of == 1:
            delta[k * step + lane] = weight if k == c else weight * 0
        else:
            slope = others if k == c else -y[k]
            delta[k * step + lane] = weight * (slope if of == 2 else y[c] * slope)


@factory
def seed_images(dtype: npt.DTypeLike) -> Any:
    """Return the kernel for lanes of images n to n + count: for class classes[s], or for each image's label."""
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


@factory
def seed_classes(dtype: npt.DTypeLike) -> Any:
    """Return the kernel for lanes of classes: those of the s-th vector of `classes`, for image n."""
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
