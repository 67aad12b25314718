"""Max pooling in Numba: a task is one plane, a feature map of one image, and is the only writer of its output."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from nnpg_kernels.numba.runtime.atomics import next_task
from nnpg_kernels.numba.runtime.compilation import entry


@cache
def pool_forward() -> Any:
    """Return the kernel of y = max of the window, and its winner i * J + j: the first of the largest, or of the NaN."""

    @entry
    def kernel(counter: Any, thread: int, x: Any, size: Any, stride: Any, at: Any, y: Any, winner: Any) -> None:
        (I, J), (sh, sw), (top, left) = size, stride, at
        planes, H, W = x.shape
        plane = next_task(counter, 0)
        while plane < planes:
            for h in range(y.shape[1]):
                for w in range(y.shape[2]):
                    largest, place = y.dtype.type(-np.inf), 0
                    r0, c0 = h * sh - top, w * sw - left
                    for i in range(max(0, -r0), min(I, H - r0)):  # no branch inside: which pixel wins is
                        for j in range(max(0, -c0), min(J, W - c0)):  # unpredictable
                            value = x[plane, r0 + i, c0 + j]
                            keep = (value <= largest) | (largest != largest)  # a NaN stays the largest
                            place = place if keep else i * J + j
                            largest = largest if keep else value
                    y[plane, h, w], winner[plane, h, w] = largest, place
            plane = next_task(counter, 0)

    return kernel


@cache
def pool_delta() -> Any:
    """Return the kernel of dL/dx = delta at the winner; the planes of every seed have the same winners."""

    @entry
    def kernel(counter: Any, thread: int, delta: Any, winner: Any, size: Any, stride: Any, at: Any, dx: Any) -> None:
        (_, J), (sh, sw), (top, left) = size, stride, at
        plane = next_task(counter, 0)
        while plane < len(delta):
            source = plane % len(winner)
            for h in range(delta.shape[1]):
                for w in range(delta.shape[2]):
                    place = int(winner[source, h, w])
                    r, c = h * sh + place // J - top, w * sw + place % J - left
                    if 0 <= r < dx.shape[1] and 0 <= c < dx.shape[2]:  # padding may win where all is -infinity
                        dx[plane, r, c] += delta[plane, h, w]
            plane = next_task(counter, 0)

    return kernel
