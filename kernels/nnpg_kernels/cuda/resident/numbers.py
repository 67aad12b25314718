"""`struct Net`: a network as the numbers for which its programs are compiled. `network.cuh` explains each of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnpg_kernels.cuda.resident.structs import struct_of
from nnpg_kernels.cuda.resident.ways import (
    BESIDE,
    PLAIN,
    REGISTERS,
    THREADS_BACK,
    BlockOfLayers,
    at_once,
    maps_of,
    scratch_of,
    split_of,
    threads_of,
    tile_of,
    up,
    way_of,
)

ACTIVATIONS = {"": 0, "tanh": 1, "relu": 2, "sigmoid": 3}
HEADS = {"": 0, "softmax": 1, "sigmoid": 2}
SEEDS = (16, 12, 8, 4, 2)  # that go back together, if there is room
PADDING = 16  # bytes between the deltas of two units, where neighbouring threads would meet in a bank
THREADS_OF_TEAM = 512  # of a block: of a team, few threads have several tasks, and barriers take less time
TYPES = {"float32": "float", "float64": "double"}


@dataclass(frozen=True)
class Numbers:
    """A network for programs.

    Parameters
    ----------
    text : str
        `struct Net`.
    threads : int
        Of a block.
    forward_bytes, backward_bytes : int
        Of shared memory: for programs of the forward pass, and of both passes.
    weights_size : int
        Numbers of the array that `arrange` writes.
    kept : int
        Numbers of shared memory that a backward pass reads: images, outputs and winners.
    across : int
        Threads for which sums over channels are divided into parts.
    velocities : int
        Numbers of the weights without the mean, in which each weight is counted once.
    scratch, in_scratch : int
        Numbers of shared memory before the place of sums and deltas, and of sums there.
    units : tuple of int
        Numbers of an image, and of each block's output.
    itemsize : int
        Bytes of a number.
    """

    text: str
    threads: int
    forward_bytes: int
    backward_bytes: int
    weights_size: int
    kept: int
    across: int
    velocities: int
    scratch: int
    in_scratch: int
    units: tuple[int, ...]
    itemsize: int

    @property
    def threads_back(self) -> int:
        """Threads of a block that sends several seeds back."""
        return min(self.threads, THREADS_BACK)

    @property
    def at_once(self) -> int:
        """Blocks of `threads_back` threads that run on a multiprocessor together in a forward pass."""
        return at_once(self.threads, self.forward_bytes)

    def seeds_bytes(self, seeds: int, lowest: int) -> int:
        """Return the bytes of shared memory of `gradients`, which keeps the deltas of the blocks after `lowest`."""
        kept = [n if b > lowest or b == len(self.units) - 1 else 0 for b, n in enumerate(self.units)]
        each = seeds * self.itemsize
        each += PADDING if each % (2 * PADDING) == 0 else 0
        deltas = sum(up(max(kept[start::2], default=0)) for start in (0, 1)) * each
        return self.scratch * self.itemsize + max(self.in_scratch * self.itemsize, deltas)

    def seeds_together(self, classes: int, lowest: int, bytes_at_most: int) -> int:
        """Return how many seeds go back together: as many as there is room for, and not more than that needs.

        Threads have registers for the sums of four channels. No bit of a result depends on this number.
        """
        room = REGISTERS // self.threads_back - 2 * BESIDE[PLAIN]
        fit = [n for n in SEEDS if (n + 2) * self.itemsize <= room and self.seeds_bytes(n, lowest) <= bytes_at_most]
        passes = -(-classes // max(fit, default=1))
        return min(n for n in (*fit, 1) if -(-classes // n) == passes)


def numbers_of(
    blocks: Sequence[BlockOfLayers], dtype: np.dtype[Any], *, centred: bool, head: str, bytes_at_most: int
) -> Numbers:
    """Return the numbers of a network; if it cannot fit into the shared memory, those that need least of it.

    Parameters
    ----------
    blocks : sequence of BlockOfLayers
        For which `why_not` is "".
    dtype : float32 or float64
    centred : bool
        Whether a mean is subtracted from each image.
    head : "", "softmax" or "sigmoid"
    bytes_at_most : int
        Shared memory of a block.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from nnpg_kernels import Window
    >>> block = SimpleNamespace(weights="dense1", kind="dense", x_shape=(4,), z_shape=(3,), y_shape=(3,), groups=1,
    ...                         activation="tanh", window=Window((1, 1)), pool=Window((1, 1)))
    >>> made = numbers_of([block], np.dtype("f4"), centred=False, head="softmax", bytes_at_most=232448)
    >>> made.threads, made.forward_bytes
    (128, 48)
    """
    threads = threads_of(blocks, dtype.itemsize)
    tries = [(staged, threads if split else 0) for split in (True, False) for staged in ("both", "forward", "")]
    for staged, across in tries:
        made = _numbers(blocks, dtype, centred, head, threads, across, staged)
        if made.backward_bytes <= bytes_at_most:
            break
    return made


def numbers_of_team(
    blocks: Sequence[BlockOfLayers], dtype: np.dtype[Any], *, centred: bool, head: str, like: Numbers, team: int
) -> Numbers:
    """Return the numbers with which a team of blocks computes an image, and keeps all weights in shared memory.

    Parameters
    ----------
    blocks, dtype, centred, head
        As in `numbers_of`.
    like : Numbers
        Whose sums are added in the same order.
    team : int
        Blocks of a cluster.
    """
    return _numbers(blocks, dtype, centred, head, min(like.threads, THREADS_OF_TEAM), like.across, "all", team)


def _numbers(
    blocks: Sequence[BlockOfLayers],
    dtype: np.dtype[Any],
    centred: bool,
    head: str,
    threads: int,
    across: int,
    staged: str,
    team: int = 1,
) -> Numbers:
    """Return the numbers; sums are divided into parts for `across` threads, and `staged` weights are copied."""
    image, units = math.prod(blocks[0].x_shape), [math.prod(b.y_shape) for b in blocks]
    inputs = [maps_of(shape) for shape in (blocks[0].x_shape, *(b.y_shape for b in blocks[:-1]))]  # maps, if it has any
    pairs = [
        c * (math.prod(b.window.size) if b.kind == "conv" else h * w)
        for b, (c, h, w) in zip(blocks, inputs, strict=True)
    ]
    columns = dict(zip("CHW", map(list, zip(*inputs, strict=True)), strict=True))
    columns |= {name: [of(b) for b in blocks] for name, of in GEOMETRY.items()}
    ways = [way_of(b) for b in blocks]
    tiles = [tile_of(b) for b in blocks]
    splits = [split_of(b, across) for b in blocks]
    columns |= {"WAY": ways, "TILE_H": [h for h, _ in tiles], "TILE_W": [w for _, w in tiles], "SPLIT": splits}

    weights = _Places()  # convolutions first: a copy of the beginning has the forward pass, or both passes
    convolutions = [i for i, b in enumerate(blocks) if b.kind == "conv"]
    others = [i for i, b in enumerate(blocks) if b.kind != "conv"]
    forward, bias, backward = {}, {}, {}
    for i in convolutions:
        forward[i] = weights.take(up(blocks[i].z_shape[0]) * pairs[i])
        bias[i] = weights.take(blocks[i].z_shape[0])
    all_forward = weights.end
    for i in convolutions:
        backward[i] = weights.take(up(inputs[i][0]) * pairs[i] // inputs[i][0] * blocks[i].z_shape[0])
    of_convolutions = weights.end
    for i in others:
        forward[i] = backward[i] = weights.take(blocks[i].z_shape[0] * pairs[i])
        bias[i] = weights.take(blocks[i].z_shape[0])
    mean = weights.take(image if centred else 0)
    once = mean - (of_convolutions - all_forward)
    copied = {"all": mean, "both": of_convolutions, "forward": all_forward, "": 0}[staged]

    shared = _Places()
    x = [shared.take(n) for n in (image, *units)]
    won, end = [], shared.end * dtype.itemsize  # in bytes
    for i, n in enumerate(units):
        won.append(end)
        end += n if blocks[i].kind == "conv" and ways[i] != PLAIN else 0
    kept = shared.end = up(-(-end // dtype.itemsize))
    outputs = shared.take(units[-1])
    copy = shared.take(copied)
    scratch = shared.end
    in_scratch = max(
        scratch_of(b, way, tile, split, team) for b, way, tile, split in zip(blocks, ways, tiles, splits, strict=True)
    )
    even, odd = (up(max([image, *units][start::2], default=0)) for start in (0, 1))
    deltas, of_deltas = [even if i % 2 else 0 for i in range(len(blocks) + 1)], even + odd
    if staged == "all":  # a block may write a delta while another one still reads the one above: each has its own place
        *deltas, of_deltas = _sums([0, *map(up, units)])

    def needed(of_backward: int) -> int:  # bytes of shared memory
        return (scratch + max(in_scratch, of_backward)) * dtype.itemsize

    columns |= {
        "FORWARD": [forward[i] for i in range(len(blocks))],
        "BIAS": [bias[i] for i in range(len(blocks))],
        "BACKWARD": [backward[i] for i in range(len(blocks))],
        "WON": won,
        "X": x,
        "DELTA": [scratch + place for place in deltas],
        "PARAMETERS": _sums(b.z_shape[0] * (n + 1) for b, n in zip(blocks, pairs, strict=True)),
        "ORDER": _sums([inputs[0][0], *(b.z_shape[0] for b in blocks)]),
    }
    one = 0 if any(any(blocks[i].window.padding) for i in convolutions) else 1
    single = {
        "BLOCKS": len(blocks),
        "THREADS": threads,
        "THREADS_BACK": min(threads, THREADS_BACK),
        "TWO_AT_ONCE": 2 if at_once(threads, needed(0)) == 2 else one,
        "AT_ONCE": one,
        "TEAM": team,
        "IMAGE": image,
        "CLASSES": units[-1],
        "HEAD": HEADS[head],
        "CENTRED": int(centred),
        "OUTPUTS": outputs,
        "STAGED": copy,
        "STAGED_SIZE": copied,
        "ALL_FORWARD": all_forward,
        "CONVOLUTIONS": of_convolutions,
        "SCRATCH": scratch,
        "KEPT": kept,
        "MEAN": mean,
        "SIZE": weights.end,
    }
    text = struct_of("Net", single, columns, [f"using Number = {TYPES[dtype.name]}"])
    places = scratch, in_scratch, (image, *units), dtype.itemsize
    return Numbers(text, threads, needed(0), needed(of_deltas), weights.end, kept, across, once, *places)


class _Places:
    """Arrays one behind the other, each at a multiple of four numbers."""

    def __init__(self) -> None:
        self.end = 0

    def take(self, size: int) -> int:
        start, self.end = self.end, self.end + up(size)
        return start


def _sums(counts: Iterable[int]) -> list[int]:
    """Return where each begins, and where all end."""
    return list(itertools.accumulate(counts, initial=0))


GEOMETRY: dict[str, Callable[[BlockOfLayers], int]] = {
    "CONV": lambda b: int(b.kind == "conv"),
    "F": lambda b: maps_of(b.z_shape)[0],
    "ZH": lambda b: maps_of(b.z_shape)[1],
    "ZW": lambda b: maps_of(b.z_shape)[2],
    "YH": lambda b: maps_of(b.y_shape)[1],
    "YW": lambda b: maps_of(b.y_shape)[2],
    "I": lambda b: b.window.size[0],
    "J": lambda b: b.window.size[1],
    "SH": lambda b: b.window.stride[0],
    "SW": lambda b: b.window.stride[1],
    "DH": lambda b: b.window.dilation[0],
    "DW": lambda b: b.window.dilation[1],
    "TOP": lambda b: b.window.padding[0],
    "LEFT": lambda b: b.window.padding[2],
    "PI": lambda b: b.pool.size[0],
    "PJ": lambda b: b.pool.size[1],
    "PSH": lambda b: b.pool.stride[0],
    "PSW": lambda b: b.pool.stride[1],
    "PTOP": lambda b: b.pool.padding[0],
    "PLEFT": lambda b: b.pool.padding[2],
    "ACT": lambda b: ACTIVATIONS[b.activation],
}
