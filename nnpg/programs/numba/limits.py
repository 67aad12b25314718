"""Limits of Numba's kernels, for all tasks."""

from __future__ import annotations

import math

import numpy as np

from nnpg.network import Network
from nnpg.programs.guards import MOST
from nnpg.programs.overrides import fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.planned_blocks import Block
from nnpg_kernels.numba.simd import lanes

LARGE = 4e6  # multiply-adds per image: from here on, the faster of program and layers is chosen
WINNERS = 1 << 24  # pixels of a pooling window: a winner is stored as a float32, which is exact up to this number


def why_not(net: Network, plan: Plan) -> str:
    """Return why no program can run this network, or ""."""
    if plan.why_not:
        return plan.why_not
    if plan.dtype not in (np.float32, np.float64):
        return f"the weights are {plan.dtype}, not float32 or float64"
    try:
        fixed_units(net, plan)
    except ValueError as error:
        return str(error)
    if not all(plan.input_shape):
        return "an image holds no numbers"
    return next(filter(None, map(_of_block, plan.blocks)), "")


def too_few(plan: Plan, images: int | None, *, filters: bool = False) -> str:
    """Return why the layers compute so few images of a large network faster, or "".

    With a column stride above 1, lanes are images or, in programs that can, `filters`; one vector of images uses only
    one core.
    """
    vector = lanes(plan.dtype)
    steps = any(block.kind == "conv" and block.window.stride[1] > 1 for block in plan.blocks)
    if not images or images > vector or not steps or (filters and filters_fill_lanes(plan, images)):
        return ""
    return f"{images} images would be one vector of {vector} lanes" if plan.work >= LARGE else ""


def filters_fill_lanes(plan: Plan, images: int) -> bool:
    """Whether so few images of this network are computed with filters in the lanes: see `wide.passes`."""
    vector = lanes(plan.dtype)
    convolutions = [block for block in plan.blocks if block.kind == "conv"]
    if not 0 < images <= vector // 2 or not convolutions or plan.blocks[-1].kind == "conv":
        return False
    steps = [max(*block.window.stride, *block.window.dilation) for block in convolutions[1:]]
    full = all(block.y_shape[0] % vector == 0 and block.groups == 1 for block in convolutions)
    return full and max(steps, default=1) == 1 and convolutions[0].window.dilation == (1, 1)


def spaced(plan: Plan) -> str:
    """Return why the layers compute dy/dx of a large network faster, or ""."""
    first = plan.blocks[0]
    if first.kind != "conv" or math.prod(first.window.stride) < 4 or plan.work < LARGE:
        return ""
    return f"a program would read the gaps of zeros that the strides of {first.weights} leave"


def _of_block(block: Block) -> str:
    if block.groups != 1:
        return f"{block.weights} has groups"
    if math.prod(block.pool.size) > WINNERS:
        return f"{block.name} pools {math.prod(block.pool.size)} pixels, and a window may have {WINNERS}"
    if not math.prod(block.y_shape):
        return f"{block.weights} has no units"
    return f"{block.weights} needs planes of more than {MOST} bytes" if _bytes(block) > MOST else ""


def _bytes(block: Block) -> int:
    """Return an upper bound for the bytes of any plane of the block, with its margins and gaps."""
    if block.kind == "dense":
        return 8 * lanes(np.float32) * (block.x_shape[0] + block.y_shape[0])
    (C, H, W), (F, rows, columns) = block.x_shape, block.z_shape
    (top, bottom, left, right), (sh, sw), (I, J) = block.window.padding, block.window.stride, block.window.extent
    above, below, before, after = block.pool.padding
    height = H + top + bottom + I + (rows + above + below) * sh
    width = W + left + right + J + (columns + before + after) * sw + 16
    return 8 * lanes(np.float32) * max(C, F) * height * width
