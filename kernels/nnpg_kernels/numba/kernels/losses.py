"""Losses and their seeds: delta = dL/dz / batch, for z the output of the last block.

Images of step t are at places n + `per_step` t of `order`. Lanes without an image get delta 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.kernels.seeds import sigmoid
from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import exp, lanes, load, store, where_below, zeros

LOSS = record_type("z delta K order per_step labels losses wrong batch")
LOSS_OF_EACH = record_type("z delta K order per_step labels targets losses wrong batch loss")
LOSSES = {"softmax": 0, "binary": 1, "squares": 2, "squares of a sigmoid": 3}


@factory
def softmax_cross_entropy(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of L = -log y_label with y = softmax z, and of delta = (y - t) / batch, t = 1 at the label.

    z and delta are (K, lanes).
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, LOSS)
        z, delta, losses = array(s.z, kind), array(s.delta, kind), array(s.losses, np.float64)
        order, labels, wrong = array(s.order, np.int64), array(s.labels, np.int64), array(s.wrong, np.int64)
        batch = array(s.batch, np.int64)[0]
        share, first = kind(1.0 / batch), n + t * s.per_step
        largest, total = load(z, 0, step, 1, 1), zeros(z, 1, 1)
        for k in range(1, s.K):
            logit = load(z, k * step, step, 1, 1)
            largest = where_below(largest, logit, logit, largest)
        for k in range(s.K):
            e = exp(load(z, k * step, step, 1, 1) - largest)
            store(e, delta, k * step, 0, 1, step)
            total = total + e
        for k in range(s.K):
            store(load(delta, k * step, step, 1, 1) / total, delta, k * step, 0, 1, step)
        for lane in range(count):
            label, predicted = labels[order[first + lane]] * step + lane, lane
            for k in range(lane + step, s.K * step, step):
                predicted = k if z[k] > z[predicted] else predicted
            losses[first + lane] = -math.log(delta[predicted]) - (z[label] - z[predicted])  # y = 1 / total there
            wrong[first + lane] = predicted != label
            delta[label] -= 1
        for k in range(s.K):
            store(load(delta, k * step, step, 1, 1) * share, delta, k * step, 0, 1, count)
            store(zeros(z, 1, 1), delta, k * step + count, 0, 1, step - count)

    return kernel(run)


@factory
def loss_of_each(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of the other losses, for targets t (N, K); with labels, t is 1 at the label and 0 elsewhere.

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
        first = n + t * s.per_step
        for lane in range(step):
            if lane >= count:
                for k in range(s.K):
                    delta[k * step + lane] = 0
                continue
            image = order[first + lane]
            largest, total, value = z[lane], kind(0), 0.0
            for k in range(s.K):
                largest = max(largest, z[k * step + lane])
            for k in range(s.K if s.loss == 0 else 0):
                total += math.exp(z[k * step + lane] - largest)
            best_output, predicted, best_target, target_class = kind(-np.inf), 0, kind(-np.inf), 0
            for k in range(s.K):
                out = z[k * step + lane]
                target = kind(labels[image] == k) if s.labels else targets[image * s.K + k]
                if s.loss == 0:
                    value += target * (math.log(total) - (out - largest))
                    seed = math.exp(out - largest) / total - target
                elif s.loss == 1:
                    value += max(out, kind(0)) + math.log1p(math.exp(-abs(out))) - target * out
                    seed = sigmoid(out, kind(1)) - target
                elif s.loss == 2:
                    value += (out - target) * (out - target) / 2
                    seed = out - target
                else:
                    out = sigmoid(out, kind(1))
                    value += (out - target) * (out - target) / 2
                    seed = (out - target) * out * (kind(1) - out)
                delta[k * step + lane] = seed * share
                predicted, best_output = (k, out) if out > best_output else (predicted, best_output)
                target_class, best_target = (k, target) if target > best_target else (target_class, best_target)
            losses[first + lane] = value
            wrong[first + lane] = predicted != target_class

    return kernel(run)
