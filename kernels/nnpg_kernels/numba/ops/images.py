"""Ops that bring images into planes and out of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.numba.kernels import packing
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address
from nnpg_kernels.numba.simd import lanes


def pack(
    planes: Planes, images: Array, *, order: Array | None = None, mean: Array | None = None, per_step: int = 0
) -> Op:
    """Copy images (N, ...) into planes, minus a mean; in training, `per_step` images of `order` at each step."""
    size, starts = planes.C * planes.H * planes.W, np.zeros(lanes(images.dtype), np.int64)
    planes = _as_one_row(planes)
    return op(
        "pack",
        packing.pack(images.dtype, planes.per_pixel),
        packing.PACK,
        (planes, images, order, mean, starts),
        **{"images": address(images), "image_size": size, "per_step": per_step},
        **{"order": 0 if order is None else address(order), "mean": 0 if mean is None else address(mean)},
        **{"planes": planes.at(), "plane": planes.plane, "row": planes.pitch, "starts": address(starts)},
        **{"C": planes.C, "H": planes.H, "W": planes.W},
    )


def unpack(planes: Planes, images: Array, *, seeds: bool = False, in_lanes: bool = False) -> Op:
    """Copy planes to images (N, ...), or to (S, N, ...) where they are deltas of S seeds, one at a time or in lanes."""
    size, starts = planes.C * planes.H * planes.W, np.zeros(lanes(images.dtype), np.int64)
    planes = _as_one_row(planes)
    return op(
        "unpack",
        packing.unpack(images.dtype, planes.per_pixel),
        packing.UNPACK,
        (planes, images, starts),
        **{"images": address(images), "image_size": size, "seed_size": images[0].size if seeds else 0},
        **{"planes": planes.at(), "plane": planes.plane, "row": planes.pitch, "starts": address(starts)},
        **{"C": planes.C, "H": planes.H, "W": planes.W, "seeds": len(images) if in_lanes else 0},
    )


def repack(maps: Planes, row: Planes, between: Array, *, back: bool = False) -> list[Op]:
    """Copy the maps of one image to its row of a dense layer, or back; `between` (1, C H W) holds that image."""
    source, target = (row, maps) if back else (maps, row)
    copies = [unpack(source, between), pack(target, between)]
    for copy in copies:
        copy.record["image_size"] = 0  # so that each image is written to the start of `between`
    return copies


def _as_one_row(planes: Planes) -> Planes:
    """Planes without margins as one row of all pixels, because long rows are copied faster."""
    if any(planes.margin) or planes.pitch != planes.W * planes.per_pixel:
        return planes
    return replace(planes, C=1, H=1, W=planes.C * planes.H * planes.W)
