"""`struct Step`: a training as the numbers that its programs are compiled for; `gradient.cuh` says what each is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.resident.numbers import Numbers, numbers_of
from nnpg_kernels.cuda.resident.structs import struct_of
from nnpg_kernels.cuda.resident.ways import BlockOfLayers, up

LANES, WARP = 32, 32  # numbers of a piece; threads of a warp
CHANNELS = 8, 3, 1  # of a lane at most: the fewer, the less shared memory
FEWEST_WINNERS = 4  # of a part
NUMBERS = "dense first many filters gap from delta nothing"
PIECE = np.dtype([*((name, np.int32) for name in NUMBERS.split()), ("decay", np.float64), ("end", np.float64)])


@dataclass(frozen=True, eq=False)
class Step:
    """A training for programs.

    Parameters
    ----------
    net : Numbers
    text : str
        `struct Step`.
    shared_bytes : int
        Of a block that computes an image.
    slot_size, row_size : int
        Numbers that an image leaves: gradients of convolutions, and inputs and deltas of dense layers.
    pieces : array (pieces,), PIECE
        As in update.cu: the parameters that each block of threads updates, without a decay.
    owners : tuple of (block, "W" or "b")
        Whose parameters each piece has.
    all_parameters : int
        Numbers of all weights and biases, and of the mean of the images.
    work : int
        Multiply-adds of an image.
    lanes, parts : list
        Of each block, as in gradient.cuh.
    """

    net: Numbers
    dtype: np.dtype[Any]
    text: str
    shared_bytes: int
    slot_size: int
    row_size: int
    pieces: Array
    owners: tuple[tuple[int, str], ...]
    all_parameters: int
    work: int
    lanes: list[Lanes]
    parts: list[int]


def step_of(
    blocks: Sequence[BlockOfLayers],
    biases: Sequence[bool],
    dtype: np.dtype[Any],
    *,
    centred: bool,
    head: str,
    bytes_at_most: int,
) -> Step:
    """Return the numbers of a training; if an image cannot fit into shared memory, those that need least of it.

    Parameters
    ----------
    blocks : sequence of BlockOfLayers
    biases : sequence of bool
        Whether each block has one. All parameters are one array, in which a bias that is missing is zeros.
    dtype, centred, head, bytes_at_most
        As in `numbers_of`.
    """
    threads = numbers_of(blocks, dtype, centred=centred, head=head, bytes_at_most=bytes_at_most).threads
    for most, divided in itertools.product(CHANNELS, (True, False)):
        lanes = [_lanes(b, most, dtype.itemsize) for b in blocks]
        parts = [_parts(b, threads // WARP) if divided else 1 for b in blocks]
        beside = sum(_beside(blocks, lanes, parts, 1)) * dtype.itemsize
        net = numbers_of(blocks, dtype, centred=centred, head=head, bytes_at_most=bytes_at_most - beside)
        if net.backward_bytes + beside <= bytes_at_most:
            break
    text, size = text_of_step(blocks, net, dtype, lanes, parts)
    slots, rows, deltas, slot_size, row_size = _places(blocks)
    pieces, owners = _pieces(blocks, biases, slots, rows, deltas)
    parameters = sum(_weights(b) + b.z_shape[0] for b in blocks)
    return Step(
        net,
        dtype,
        text,
        size * dtype.itemsize,
        slot_size,
        row_size,
        np.array([(*piece, 0.0, 0.0) for piece in pieces], PIECE),
        owners,
        parameters + (math.prod(blocks[0].x_shape) if centred else 0),
        sum(3 * _weights(b) * math.prod(b.z_shape[1:]) for b in blocks),
        lanes,
        parts,
    )


def text_of_step(
    blocks: Sequence[BlockOfLayers],
    net: Numbers,
    dtype: np.dtype[Any],
    lanes: Sequence[Lanes],
    parts: Sequence[int],
    team: int = 1,
) -> tuple[str, int]:
    """Return `struct Step`, and the numbers of shared memory of a block, one of a team for each image."""
    slots, rows, deltas, slot_size, row_size = _places(blocks)
    places = itertools.accumulate(
        _beside(blocks, lanes, parts, team), initial=up(-(-net.backward_bytes // dtype.itemsize))
    )
    *starts, size = places
    single = {"SLOT_SIZE": slot_size, "ROW_SIZE": row_size, "AT_ONCE": int(dtype.itemsize == 4)}
    single |= dict(zip(("WINNERS", "PADDED", "PARTIAL"), starts, strict=True))
    columns = {"SLOT": slots, "ROW": rows, "ROW_DELTA": deltas, "PARTS": parts}
    columns |= {name: [getattr(of, name.lower()) for of in lanes] for name in ("TAP_GROUPS", "EACH", "PITCH", "PLANE")}
    return struct_of("Step", single, columns), size


def _beside(
    blocks: Sequence[BlockOfLayers], lanes: Sequence[Lanes], parts: Sequence[int], team: int
) -> tuple[int, int, int]:
    """Return the numbers of the winners, of the padded channels, and of the sums of parts, of a block of a team."""
    of_block = [-(-b.z_shape[0] // team) for b in blocks]  # filters
    winners = max(2 * n * math.prod(b.y_shape[1:]) * (b.kind == "conv") for n, b in zip(of_block, blocks, strict=True))
    shares = zip(of_block, parts, blocks, strict=True)
    sums = max(n * many * _weights(b) // b.z_shape[0] if many > 1 else 0 for n, many, b in shares)
    return up(winners), max(of.padded for of in lanes), up(sums)


def _weights(block: BlockOfLayers) -> int:
    pairs = math.prod(block.window.size) if block.kind == "conv" else math.prod(block.x_shape[1:])
    return block.z_shape[0] * block.x_shape[0] * pairs


class Lanes(NamedTuple):
    """How the lanes of a warp share a group of channels; `padded` numbers of shared memory hold the group."""

    tap_groups: int = 1
    each: int = 1
    pitch: int = 1
    plane: int = 1
    padded: int = 0


def _lanes(block: BlockOfLayers, most: int, itemsize: int) -> Lanes:
    """Return the lanes of a convolution, of at most so many channels each."""
    if block.kind != "conv":
        return Lanes()
    C, (J, window) = block.x_shape[0], (block.window.size[1], block.window)
    tap_groups = _tap_groups(block)
    taps = np.arange(-(-math.prod(window.size) // tap_groups))
    across = WARP // len(taps)
    groups = -(-C // (across * most))
    each = -(-C // (across * groups))
    height, width = (
        (z - 1) * stride + extent
        for z, stride, extent in zip(block.z_shape[1:], window.stride, window.extent, strict=True)
    )
    rows, columns = taps // J * window.dilation[0], taps % J * window.dilation[1]
    best: tuple[int, int, int] | None = None
    for pitch, gap in itertools.product(range(width, width + WARP), range(WARP if across > 1 else 1)):
        plane = height * pitch + gap
        places = (np.arange(across)[:, None] * each * plane + rows * pitch + columns).ravel()
        found = _conflicts(places, itemsize), plane, pitch
        best = found if best is None or found < best else best
    assert best is not None
    _, plane, pitch = best
    return Lanes(tap_groups, each, pitch, plane, up(across * each * plane))


def _tap_groups(block: BlockOfLayers) -> int:
    """Return into how many groups the places of a window are divided, so that each is one lane of a warp."""
    return -(-math.prod(block.window.size) // WARP)


def _conflicts(places: Array, itemsize: int) -> int:
    """Return how often shared memory is read until every lane has its number: of 8 bytes, half a warp at a time."""
    lanes = WARP * 4 // itemsize
    parts = [np.bincount(places[i : i + lanes] % lanes).max() for i in range(0, len(places), lanes)]
    return int(sum(parts))


def _parts(block: BlockOfLayers, warps: int) -> int:
    """Return into how many parts the winners of a filter are divided, so that each warp has about two tasks."""
    if block.kind != "conv":
        return 1
    tasks = block.z_shape[0] * _tap_groups(block)
    return max(1, min(2 * warps // tasks, math.prod(block.y_shape[1:]) // FEWEST_WINNERS))


def _places(blocks: Sequence[BlockOfLayers]) -> tuple[list[int], list[int], list[int], int, int]:
    """Return where each block's numbers are in a slot and in a row, and the sizes of both; rows hold whole quads."""
    slots, rows, deltas, slot, row = [], [], [], 0, 0
    for b in blocks:
        slots.append(slot)
        rows.append(row)
        if b.kind == "conv":
            slot += _weights(b) + b.z_shape[0]
        else:
            row += up(math.prod(b.x_shape))
        deltas.append(row)
        row += 0 if b.kind == "conv" else up(b.z_shape[0])
    return slots, rows, deltas, slot, row


def _pieces(
    blocks: Sequence[BlockOfLayers], biases: Sequence[bool], slots: list[int], rows: list[int], deltas: list[int]
) -> tuple[list[tuple[int, ...]], tuple[tuple[int, str], ...]]:
    """Return the pieces, in the order of NUMBERS, and whose they are."""
    pieces: list[tuple[int, ...]] = []
    owners: list[tuple[int, str]] = []
    first = 0
    for i, (b, bias) in enumerate(zip(blocks, biases, strict=True)):
        weights, F, conv = _weights(b), b.z_shape[0], b.kind == "conv"
        found = len(pieces)
        if conv:
            pieces += [
                (0, first + n, min(LANES, weights - n), 1, 0, slots[i] + n, 0, 0) for n in range(0, weights, LANES)
            ]
        else:
            D = weights // F
            pieces += [
                (2, first + f * D + d, min(LANES, D - d), min(4, F - f), D, rows[i] + d, deltas[i] + f, 0)
                for f in range(0, F, 4)
                for d in range(0, D, LANES)
            ]
        owners += [(i, "W")] * (len(pieces) - found)
        first, found = first + weights, len(pieces)
        start = slots[i] + weights if conv else deltas[i]
        if bias:
            pieces += [
                (0 if conv else 1, first + f, min(LANES, F - f), 1, 0, start + f, 0, 0) for f in range(0, F, LANES)
            ]
        owners += [(i, "b")] * (len(pieces) - found)
        first += F
    return pieces, tuple(owners)
