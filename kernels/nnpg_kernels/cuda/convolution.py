"""Which kernels do the convolution, its delta and the gradient of its weights.

Every choice depends on the shapes of one image and on the number of numbers, and changes no bit of a forward pass or a
delta: each of their numbers is one sum in one order, whichever kernel adds it up.
"""

from __future__ import annotations

from math import prod

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.device import THREADS, Device, blocks, check_fit, launches, number_type, sizes
from nnpg_kernels.cuda.sources import NUMBERS
from nnpg_kernels.geometry import Window

WIDE = 16  # channels and filters of a group from which a layer is a product of tiles
TILE_M, TILE_N = 64, 128  # numbers of a tile, as in tiles.cuh: maps and pixels, or filters and channels
FEW, ROWS = 4, 8  # channels of a delta whose threads keep so many rows
FEW_PIXELS = 1 << 16  # below which each thread computes one, so that there are threads for all of a device
DIRECT = 128  # threads of a block
GRADIENT_BLOCKS = 1024  # as many as keep a device busy: what there is to add up is divided into parts until there are
PIXELS_OF_A_PART = 256  # at least
PARTS_AT_MOST = 1 << 24  # numbers of all parts together


def conv_forward(device: Device, x: Array, W: Array, b: Array | None, window: Window, groups: int = 1) -> Array:
    """y = W * x + b."""
    fits = x.shape[-3] == groups * W.shape[1] and len(W) % groups == 0 and (b is None or b.shape == W.shape[:1])
    check_fit(fits and W.shape[2:] == window.size, "x, W and b", x, W, b)
    dtype, xp = number_type(x, W), device.xp
    F, D, _, _ = W.shape
    y = xp.empty((len(x), F, *window.output_shape(*x.shape[-2:])), dtype)
    x, W, b = (xp.ascontiguousarray(a, dtype) for a in (x, W, xp.zeros(F, dtype) if b is None else b))
    for images in launches(len(x), most_pixels(x, y), groups * blocks(F // groups, 4)):
        s = sizes(window, len(x[images]), x.shape[-2:], groups, D, F // groups)
        args = (x[images], W, b, y[images], s)
        _product(device, "conv_forward", dtype, args, F // groups, D, len(x[images]) * prod(y.shape[2:]), groups, True)
    return y


def conv_delta(device: Device, delta: Array, W: Array, window: Window, groups: int, shape: tuple[int, int]) -> Array:
    """dL/dx = for each pixel, the deltas of the outputs that read it."""
    F, D = W.shape[:2]
    fits = delta.shape[-3:] == (F, *window.output_shape(*shape)) and F % groups == 0 and W.shape[2:] == window.size
    check_fit(fits, "delta and W", delta, W)
    dtype, xp = number_type(delta, W), device.xp
    dx = xp.empty((*delta.shape[:-3], groups * D, *shape), dtype)
    W, deltas = xp.ascontiguousarray(W, dtype), xp.ascontiguousarray(delta, dtype).reshape(-1, *delta.shape[-3:])
    parts = dx.reshape(-1, *dx.shape[-3:])
    whole = window.stride == (1, 1)  # with a stride, most of a tile would be windows that do not see the pixel
    down, along = (-(-size // stride) for size, stride in zip(shape, window.stride, strict=True))
    apart = prod(window.stride)  # neighbours that different places of the window see
    pixels = down * along * apart
    few = D <= FEW and window.dilation[0] == 1 and not (whole and min(D, F // groups) >= WIDE)
    for images in launches(len(parts), max(pixels, most_pixels(deltas, parts)), groups * blocks(D, 4)):
        s = sizes(window, len(parts[images]), shape, groups, D, F // groups)
        args = (deltas[images], W, parts[images], s)
        if few:
            count = len(parts[images])
            rows = 1 if count * pixels < FEW_PIXELS else ROWS
            tasks = count * blocks(down, rows) * along * apart
            device.launch(f"conv_delta_few<{NUMBERS[dtype]},{D},{rows}>", blocks(tasks, DIRECT) * groups, DIRECT, args)
            continue
        _product(device, "conv_delta", dtype, args, D, F // groups, len(parts[images]) * pixels, groups, whole)
    return dx


def conv_gradient(device: Device, delta: Array, x: Array, window: Window, groups: int = 1) -> Array:
    """dL/dW = for each weight, deltas times the pixels that it read."""
    N, F, D = len(x), delta.shape[-3], x.shape[1] // groups
    expected = (N, F, *window.output_shape(*x.shape[-2:]))
    fits = delta.shape[-4:] == expected and F % groups == 0 == x.shape[1] % groups
    check_fit(fits, "delta and x", delta, x)
    dtype, xp = number_type(delta, x), device.xp
    dW = xp.empty((*delta.shape[:-4], F, D, *window.size), dtype)
    if not N or not dW.size:
        return xp.zeros(dW.shape, dtype)
    x, deltas = xp.ascontiguousarray(x, dtype), xp.ascontiguousarray(delta, dtype).reshape(-1, *expected)
    tiled = min(D, F // groups) >= WIDE
    taps = prod(window.size)
    block = DIRECT if tiled else min(THREADS, 32 * blocks(D * taps, 32))
    if tiled:
        of_group = blocks(D, TILE_N) * taps * blocks(F // groups, TILE_M)
    else:
        of_group = blocks(D * taps, block) * blocks(F // groups, 4)
    of_weights = of_group * groups * len(deltas)
    parts = parts_of(N * prod(expected[2:]), of_weights, dW.size)
    at_once = list(launches(N, most_pixels(x, deltas)))
    sums = xp.empty((len(at_once) * parts, *dW.shape), dtype) if len(at_once) * parts > 1 else dW[None]
    for i, images in enumerate(at_once):
        s = sizes(window, len(x[images]), x.shape[-2:], groups, D, F // groups)
        part = deltas if len(at_once) == 1 else xp.ascontiguousarray(deltas[:, images])
        args = (part, x[images], sums[i * parts : (i + 1) * parts], s, np.int32(len(deltas)), np.int32(parts))
        kernel = f"conv_gradient_{'tiled' if tiled else 'direct'}<{NUMBERS[dtype]}>"
        device.launch(kernel, of_weights * parts, block, args)
    if len(sums) > 1:
        total = (sums, dW, np.int64(dW.size), np.int32(len(sums)))
        device.launch(f"sum_of_parts<{NUMBERS[dtype]}>", blocks(dW.size), THREADS, total)
    return dW


def parts_of(pixels: int, blocks_of_weights: int, weights: int) -> int:
    """Return into how many parts the pixels of a weight gradient are divided; it depends on the shapes alone.

    Examples
    --------
    >>> parts_of(32 * 56 * 56, 2, 125), parts_of(100, 2, 125), parts_of(32 * 14 * 14, 576, 512 * 512 * 9)
    (392, 1, 2)
    """
    wanted = min(blocks(GRADIENT_BLOCKS, blocks_of_weights), pixels // PIXELS_OF_A_PART, PARTS_AT_MOST // weights)
    return max(1, wanted)


def most_pixels(*images: Array) -> int:
    """Return the pixels of the larger image."""
    return max(prod(a.shape[-2:]) for a in images)


def _product(
    device: Device,
    name: str,
    dtype: str,
    args: tuple[object, ...],
    made: int,
    added: int,
    pixels: int,
    groups: int,
    whole: bool,
) -> None:
    """Launch the kernel that makes this many maps of a group from sums over as many others."""
    if whole and min(made, added) >= WIDE:
        grid = blocks(pixels, TILE_N) * blocks(made, TILE_M) * groups
        return device.launch(f"{name}_tiled<{NUMBERS[dtype]}>", grid, DIRECT, args)
    each = 1 if pixels < FEW_PIXELS else 4
    grid = blocks(pixels, DIRECT * each) * blocks(made, 4) * groups
    return device.launch(f"{name}_direct<{NUMBERS[dtype]},{each}>", grid, DIRECT, args)
