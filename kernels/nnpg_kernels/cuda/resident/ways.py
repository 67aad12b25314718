"""How a block of threads computes the layers of a network: its tasks, and how many threads have one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from nnpg_kernels.geometry import Window

POOLED, PLAIN, MAPS = 0, 1, 2  # the ways of a convolution
TILE_AT_MOST = 4  # pixels of a pooling window that is a tile: more sums need more registers than threads have
WINNERS = 256  # pixels of a pooling window: a winner is a byte
REGISTERS = 1 << 16  # of a multiprocessor
THREADS_BACK = 512  # of a block that sends several seeds back: more of them have no registers for the sums
OF_A_MULTIPROCESSOR, RESERVED = 228 << 10, 1 << 10  # bytes of shared memory from sm_90 on, and those of each block
BESIDE = {POOLED: 12, PLAIN: 12, MAPS: 28}  # registers of a thread for other things, as docs/cuda-resources.md shows
PADDED = 16  # more of them, where pixels may lie outside the image
PIXELS_AT_MOST = 64  # of a tile that are held in registers, as in network.cuh


class BlockOfLayers(Protocol):
    """Layers that run as one: a convolution or a dense layer, its activation and its pooling."""

    @property
    def weights(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def x_shape(self) -> tuple[int, ...]: ...
    @property
    def z_shape(self) -> tuple[int, ...]: ...
    @property
    def y_shape(self) -> tuple[int, ...]: ...
    @property
    def activation(self) -> str: ...
    @property
    def window(self) -> Window: ...
    @property
    def pool(self) -> Window: ...
    @property
    def groups(self) -> int: ...


def why_not(blocks: Sequence[BlockOfLayers]) -> str:
    """Return why no block of threads computes such layers, or ""."""
    return next(filter(None, map(_of_block, blocks)), "")


def _of_block(block: BlockOfLayers) -> str:
    pool = block.pool
    if block.groups != 1:
        return f"{block.weights} has groups"
    if not math.prod(block.y_shape) or not math.prod(block.x_shape):
        return f"{block.weights} has no units"
    if block.kind != "conv":
        return ""
    if math.prod(pool.size) > WINNERS:
        return f"the pooling after {block.weights} has windows of {math.prod(pool.size)} pixels, and {WINNERS} fit"
    return ""


def up(n: int) -> int:
    """Round up to a multiple of four."""
    return -(-n // 4) * 4


def maps_of(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return maps, rows and columns; a row of units is as many maps of one pixel."""
    return (*shape, 1, 1)[:3]  # type: ignore[return-value]


def way_of(block: BlockOfLayers) -> int:
    """Return how a convolution is pooled: windows that do not overlap much are computed whole."""
    pool = block.pool
    if block.kind != "conv" or pool == Window((1, 1)):
        return PLAIN
    apart = pool.size[0] <= pool.stride[0] and pool.size[1] <= pool.stride[1]
    return POOLED if apart and math.prod(pool.size) <= TILE_AT_MOST else MAPS


def tile_of(block: BlockOfLayers) -> tuple[int, int]:
    """Return the rows and columns of z that a thread computes at once."""
    if way_of(block) == POOLED:
        return block.pool.size
    rows, columns = maps_of(block.z_shape)[1:]
    return min(2, rows), min(2, columns)


def tasks_of(block: BlockOfLayers) -> int:
    """Return the tiles of all quads of filters."""
    (height, width), quads = tile_of(block), up(block.z_shape[0]) // 4
    if way_of(block) == POOLED:
        return quads * math.prod(block.y_shape[1:])
    rows, columns = maps_of(block.z_shape)[1:]
    return quads * -(-rows // height) * -(-columns // width)


def split_of(block: BlockOfLayers, threads: int) -> int:
    """Return into how many parts the channels are divided, so that there is a task for each of these threads."""
    if block.kind != "conv":
        return 1
    split = 1
    while 2 * split * tasks_of(block) <= threads and 2 * split <= block.x_shape[0]:
        split *= 2
    return split


def scratch_of(block: BlockOfLayers, way: int, tile: tuple[int, int], split: int, team: int) -> int:
    """Return the numbers of z and of the parts of sums that lie in shared memory, of a block of a team."""
    if block.kind != "conv":
        return 0
    z = up(math.prod(block.z_shape)) if way == MAPS else 0
    return z + (split * -(-tasks_of(block) // team) * 4 * math.prod(tile) if split > 1 else 0)


def threads_of(blocks: Sequence[BlockOfLayers], itemsize: int) -> int:
    """Return the threads of a block: as many as have a task, and as have the registers for it."""
    tasks, registers = 32, 0
    for b in blocks:
        if b.kind != "conv":
            tasks = max(tasks, 32 * b.z_shape[0])
            continue
        tasks = max(tasks, tasks_of(b) * min(b.x_shape[0], 16))
        (height, width), (rows, columns), stride = tile_of(b), b.window.extent, b.window.stride
        pixels = ((height - 1) * stride[0] + rows) * ((width - 1) * stride[1] + columns)
        sums = height * width * 4 + (pixels if pixels <= PIXELS_AT_MOST else 0)
        beside = BESIDE[way_of(b)] + (PADDED if any(b.window.padding) else 0)
        registers = max(registers, beside + sums * itemsize // 4)
    fits = next(n for n in (1024, 512, 256) if n * registers <= REGISTERS or n == 256)
    return max(64, min(fits, 1 << (tasks - 1).bit_length()))


def at_once(threads: int, forward_bytes: int) -> int:
    """Return how many blocks of THREADS_BACK threads run on a multiprocessor together in a forward pass.

    Each thread has registers as where a block has `threads`.

    Examples
    --------
    >>> at_once(1024, 108544), at_once(512, 108544), at_once(1024, 199776)
    (2, 1, 1)
    """
    return 2 if threads > THREADS_BACK and 2 * (forward_bytes + RESERVED) <= OF_A_MULTIPROCESSOR else 1
