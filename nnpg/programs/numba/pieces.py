"""One block of images on several threads: its ops are cut into pieces, which are done at the same time.

forward     a convolution: rows of its output; a large dense layer: units of it
backward    a convolution: filters of dz; then filters of its gradient, and rows of the delta before it
            a large dense layer: units of the delta before it
stage       the pieces between two barriers; what is small is one piece, with all that is small after it

Each number is computed as in a block that one thread does, so it has the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from nnpg.programs.numba.blocks import (
    CODES,
    DeltaWorkspace,
    Parameters,
    Slots,
    Workspace,
    backward_ops,
    forward_ops,
    is_routed,
    routed,
    stopped,
    unpooling,
    winners_of,
)
from nnpg.programs.overrides import Fixed
from nnpg.programs.plan import Plan
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.kernels.weight_gradient import filters_at_once, pieces, places_at_most
from nnpg_kernels.numba.program import Op

Stage = list[list[Op]]  # pieces

MOST = 4  # pieces of one op
LARGE = 5_000  # weights of a dense layer that is cut


@dataclass(frozen=True, eq=False)
class Cut:
    """A step on one block of images: its memory, and in how many pieces each op is cut."""

    plan: Plan
    space: Workspace
    deltas: DeltaWorkspace
    weights: Parameters
    slots: Slots
    fixed: Mapping[int, Fixed]
    pieces: int


def shared_out(blocks: int, threads: int) -> tuple[int, int]:
    """Return how many of the blocks one thread does each, and in how many pieces the others are cut.

    All threads have as many blocks; those that are left over are cut where there are two threads or more for each.

    Examples
    --------
    >>> shared_out(7, 2), shared_out(7, 4), shared_out(1, 2)
    ((6, 2), (7, 1), (0, 2))
    """
    left = blocks % threads
    pieces = min(MOST, threads // left) if left else 1
    return (blocks - left, pieces) if pieces > 1 else (blocks, 1)


def stages(cut: Cut, enter: Op, loss: Op) -> list[Stage]:
    """Return the stages of forward pass, loss, backward pass and gradients; `enter` brings the images in."""
    end = len(cut.plan.blocks) - 1
    forward = forward_ops(cut.plan, cut.space, cut.weights, cut.fixed)
    backward = backward_ops(cut.plan, cut.space, cut.deltas, cut.weights, end, -1, cut.slots, cut.fixed)
    result: list[Stage] = [[[enter]]]
    for i in range(end + 1):
        if _is_large(cut, i):
            result += [_convolution(cut, i) if cut.plan.blocks[i].kind == "conv" else _dense(cut, i), [forward[i].fix]]
        else:
            result.append([forward[i].all])
    result.append([[loss]])
    for i in range(end, -1, -1):
        if cut.plan.blocks[i].kind == "conv":
            result += _convolution_back(cut, i)
        else:
            result += _dense_back(cut, i) if i and _is_large(cut, i) else [[backward[i]]]
    return _with_fewest_barriers(result)


def _is_large(cut: Cut, i: int) -> bool:
    """Whether a block is cut; a dense layer only where its inputs are vectors of images."""
    block = cut.plan.blocks[i]
    return block.kind == "conv" or (cut.space.bridge is None and cut.weights[block.weights]["W"].size >= LARGE)


def _convolution(cut: Cut, i: int) -> Stage:
    block, x, y, winner = cut.plan.blocks[i], cut.space.x[i], cut.space.y[i], cut.space.winner[i]
    parameters, stage = cut.weights[block.weights], []
    assert winner is not None
    for rows in parts(y.H, cut.pieces):
        piece = [ops.convolution(x, parameters["W"], parameters.get("b"), block.window, block.pool, y, winner, rows)]
        stage.append(piece + ([ops.activation(y, CODES[block.activation], rows)] if block.activation else []))
    return stage


def _dense(cut: Cut, i: int) -> Stage:
    block, x, y = cut.plan.blocks[i], cut.space.x[i], cut.space.y[i]
    parameters, stage, maps = cut.weights[block.weights], [], cut.plan.blocks[i - 1].y_shape[0] if i else 1
    for units in parts(y.C, cut.pieces):
        piece = [ops.dense(x, parameters["W"], parameters.get("b"), y, maps, slice(units.start, units.stop))]
        stage.append(piece + ([ops.activation(y.maps(units), CODES[block.activation])] if block.activation else []))
    return stage


def _convolution_back(cut: Cut, i: int) -> list[Stage]:
    block = cut.plan.blocks[i]
    first = [stopped(cut.deltas.delta[i], cut.fixed.get(i))]
    if i and is_routed(block, cut.space.y[i]):
        W, dx = cut.weights[block.weights]["W"], cut.deltas.delta[i - 1]
        routes, listed = winners_of(block, i, cut.space, cut.deltas, W, cut.slots)
        vectors = parts(routes.vectors, cut.pieces)
        return [first, [[o] for o in listed], [routed(block, routes, of_piece, cut.slots, dx) for of_piece in vectors]]
    dz, dW = cut.deltas.dz[i], cut.slots.dW[block.weights]
    assert dz is not None
    unpool = [[unpooling(block, i, cut.space, cut.deltas, cut.slots, filters)] for filters in parts(dz.C, cut.pieces)]
    after: Stage = []
    if i:
        W, dx = cut.weights[block.weights]["W"], cut.deltas.delta[i - 1]
        after += [[ops.convolution_delta(dz, W, block.window, dx, rows)] for rows in parts(dx.H, cut.pieces)]
    tile = filters_at_once(len(pieces(block.window.size[1], places_at_most())[0]))
    for filters in parts(dz.C, 2 * cut.pieces, tile):
        of_filters = dW[:, filters.start : filters.stop]
        after.append(ops.convolution_gradient(cut.space.x[i], dz.maps(filters), block.window, of_filters))
    return [first, unpool, after]


def _dense_back(cut: Cut, i: int) -> list[Stage]:
    block, delta, before = cut.plan.blocks[i], cut.deltas.delta[i], cut.deltas.delta[i - 1]
    W, name, x = cut.weights[block.weights]["W"], block.weights, cut.space.x[i]
    first = stopped(delta, cut.fixed.get(i))
    first += [ops.activation_delta(delta, cut.space.y[i], CODES[block.activation])] if block.activation else []
    dx = before if before.H * before.W == 1 else before.flat()
    deltas = [
        [ops.dense_delta(delta, W, dx, slice(inputs.start, inputs.stop))] for inputs in parts(W.shape[1], cut.pieces)
    ]
    rows = [ops.unpack(x, cut.slots.x[name]), ops.unpack(delta, cut.slots.delta[name])]
    return [[first], [*deltas, rows]]


def parts(size: int, count: int, multiple: int = 1) -> list[range]:
    """Return a range in at most `count` parts of nearly the same size, all but the last one of which are multiples.

    Examples
    --------
    >>> parts(10, 2), parts(10, 2, 4)
    ([range(0, 5), range(5, 10)], [range(0, 4), range(4, 10)])
    """
    whole = -(-size // multiple)
    count = min(count, whole)
    bounds = [min(size, multiple * (whole * k // count)) for k in range(count + 1)]
    return [range(first, last) for first, last in pairwise(bounds)]


def _with_fewest_barriers(stages: list[Stage]) -> list[Stage]:
    """Return the stages without those that do nothing; neighbours of one piece become one."""
    result: list[Stage] = []
    for stage in stages:
        filled = [piece for piece in stage if piece]
        if len(filled) == 1 and result and len(result[-1]) == 1:
            result[-1] = [[*result[-1][0], *filled[0]]]
        elif filled:
            result.append(filled)
    return result
