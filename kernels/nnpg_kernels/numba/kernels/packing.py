"""Images into planes and out of them: rows become lanes, and lanes rows, one square of numbers at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory
from nnpg_kernels.numba.simd import lanes, load, splats, store, transposed, zeros

PACK = record_type("images image_size order per_step mean planes plane row C H W starts")
UNPACK = record_type("images image_size seed_size planes plane row C H W starts seeds")


@factory
def pack(dtype: npt.DTypeLike, per_pixel: int) -> Any:
    """Return the kernel that copies images n to n + count into planes, minus a mean; lanes without an image become 0.

    With an order, place m holds image order[m]. At step t of training, n counts from place `per_step` t.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, PACK)
        images, planes, mean = array(s.images, kind), array(s.planes, kind), array(s.mean, kind)
        order, starts = array(s.order, np.int64), array(s.starts, np.int64)
        W = s.W
        for lane in range(per_pixel):
            place = n + min(lane, count - 1) + t * s.per_step
            starts[lane] = (order[place] if s.order else place) * s.image_size
        for c in range(s.C):
            for h in range(s.H):
                pixel, to = (c * s.H + h) * W, c * s.plane + h * s.row
                if per_pixel == step and step <= W:
                    for w in range(0, W, step):
                        first = min(w, W - step)  # so that nothing is read after the last image
                        square = transposed(images, starts, pixel + first)
                        if s.mean:
                            square = square - splats(mean, pixel + first, 1, step, step, 1)
                        store(square, planes, to + first * step, step, step, step)
                elif per_pixel == 1 and step <= W:
                    for w in range(0, W, step):
                        first = min(w, W - step)
                        row = load(images, starts[0] + pixel + first, step, 1, 1)
                        if s.mean:
                            row = row - load(mean, pixel + first, step, 1, 1)
                        store(row, planes, to + first, 0, 1, step)
                else:
                    for lane in range(per_pixel):
                        image = starts[lane] + pixel
                        for w in range(W):
                            planes[to + w * per_pixel + lane] = images[image + w]
                        for w in range(W if s.mean else 0):
                            planes[to + w * per_pixel + lane] -= mean[pixel + w]
                for w in range(W if count < per_pixel else 0):
                    store(zeros(planes, 1, 1), planes, to + w * per_pixel + count, 0, 1, per_pixel - count)

    return kernel(run)


@factory
def unpack(dtype: npt.DTypeLike, per_pixel: int) -> Any:
    """Return the kernel that copies planes to images (seeds, N, ...).

    Lanes are images n to n + count, for seed s; or, with a number of `seeds`, the seeds of the s-th vector for image n.
    """
    kind, step = np.dtype(dtype).type, lanes(dtype)

    def run(address: int, n: int, count: int, seed: int, t: int) -> None:
        s = record(address, UNPACK)
        images, planes, starts = array(s.images, kind), array(s.planes, kind), array(s.starts, np.int64)
        W = s.W
        if s.seeds:
            used, first, distance = (
                min(per_pixel, s.seeds - seed * per_pixel),
                seed * per_pixel * s.seed_size,
                s.seed_size,
            )
        else:
            used, first, distance = count, seed * s.seed_size, s.image_size
        first += n * s.image_size
        for k in range(step):
            starts[k] = k * per_pixel
        for c in range(s.C):
            for h in range(s.H):
                pixel, here = first + (c * s.H + h) * W, c * s.plane + h * s.row
                if per_pixel == step:
                    for w in range(0, W, step):  # numbers after the end of a row are read and not stored
                        store(transposed(planes, starts, here + w * step), images, pixel + w, distance, used, W - w)
                else:
                    for w in range(W):
                        images[pixel + w] = planes[here + w]

    return kernel(run)
