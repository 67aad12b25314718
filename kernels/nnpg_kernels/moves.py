"""Images into planes and out of them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.jit import fingerprint, kernel
from nnpg_kernels.memory import array, record, record_type

MOVE = record_type("images image_size seed_size order per_time mean planes plane row C H W per_pixel")


@cache
def enter(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that copies images n .. n + count into planes, less a mean; empty lanes become 0.

    With an order, image m is order[m]; at time t all are `per_time` t further on.
    """
    key, kind = fingerprint(), np.dtype(dtype).type

    def run(address: int, n: int, count: int, seed: int, t: int) -> int:
        s = record(address, MOVE)
        images, planes, mean, order = (
            array(s.images + seed * s.seed_size, kind),
            array(s.planes, kind),
            array(s.mean, kind),
            array(s.order, np.int64),
        )
        per_pixel, W = s.per_pixel, s.W
        for lane in range(per_pixel):
            place = n + lane + t * s.per_time
            image = (order[place] if s.order and lane < count else place) * s.image_size
            for c in range(s.C):
                for h in range(s.H):
                    pixel, to = (c * s.H + h) * W, c * s.plane + h * s.row + lane
                    if lane >= count:
                        for w in range(W):
                            planes[to + w * per_pixel] = 0
                    elif s.mean:
                        for w in range(W):
                            planes[to + w * per_pixel] = images[image + pixel + w] - mean[pixel + w]
                    else:
                        for w in range(W):
                            planes[to + w * per_pixel] = images[image + pixel + w]
        return key

    return kernel(run)


@cache
def leave(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that copies planes to images n .. n + count of seed s."""
    key, kind = fingerprint(), np.dtype(dtype).type

    def run(address: int, n: int, count: int, seed: int, t: int) -> int:
        s = record(address, MOVE)
        images, planes = array(s.images + seed * s.seed_size, kind), array(s.planes, kind)
        per_pixel, W = s.per_pixel, s.W
        for lane in range(count):
            image = (n + lane) * s.image_size
            for c in range(s.C):
                for h in range(s.H):
                    pixel, start = image + (c * s.H + h) * W, c * s.plane + h * s.row + lane
                    for w in range(W):
                        images[pixel + w] = planes[start + w * per_pixel]
        return key

    return kernel(run)
