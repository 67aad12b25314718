"""Images where a derivative jumps: rounding may decide either way, and both answers are right.

A rectifier at 0 and two maxima of one pooling window that tie are kinks. Images with a unit nearer to one than float32
can tell are not used, so that every difference between two sides is a fault.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

import nnpg
from nnpg_kernels import Array

NEAR = 2e-6  # of the layer's standard deviation: a few times the rounding of a sum of 800 products in float32
BATCH = 64  # images at a time


def near_a_kink(net: nnpg.Network, x: Array) -> npt.NDArray[np.bool_]:
    """Return, for each image, whether some unit is too near to a kink, (N,); computed in float64.

    Windows must not overlap.
    """
    exact = net.astype("f8")
    return np.concatenate([_near(exact, x[n : n + BATCH]) for n in range(0, len(x), BATCH)])


def _near(net: nnpg.Network, x: Array) -> npt.NDArray[np.bool_]:
    trace, near = net.forward(x.astype("f8")), np.zeros(len(x), bool)
    names = net.names
    for before, (name, after) in zip(names, pairwise([*names[1:], ""]), strict=False):
        layer, pool = net.layers[name], net.layers.get(after)
        z = trace[before]
        if isinstance(layer, nnpg.ReLU) and isinstance(pool, nnpg.MaxPool):  # a winner near 0, or near the next
            first, second = _two_largest(z, pool)
            margin = np.minimum(abs(first), np.where(first > 0, first - second, np.inf))
        elif isinstance(layer, nnpg.ReLU):
            margin = abs(z).reshape(len(z), -1)
        elif isinstance(pool, nnpg.MaxPool):
            z = trace[name]
            first, second = _two_largest(z, pool)
            margin = first - second
        else:
            continue
        near |= margin.min(axis=1) < NEAR * z.std()
    return near


def _two_largest(y: Array, pool: nnpg.MaxPool) -> tuple[Array, Array]:
    """The largest value and the next of each window, (N, windows) each."""
    (I, J), (N, F, H, W) = pool.window.size, y.shape
    whole = y[:, :, : H // I * I, : W // J * J].reshape(N, F, H // I, I, W // J, J)
    windows = whole.transpose(0, 1, 2, 4, 3, 5).reshape(N, -1, I * J)
    two = np.partition(windows, (-2, -1))[..., -2:]
    return two[..., 1], two[..., 0]
