"""From a plan to programs: planes for the blocks, and the ops that run over them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from nnpg.programs.overrides import Fixed
from nnpg.programs.plan import Plan
from nnpg.programs.planned_blocks import Block
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.kernels.activations import LINEAR, RELU, SIGMOID, TANH
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes

Parameters = Mapping[str, Mapping[str, Array]]

NOTHING: Mapping[int, Fixed] = MappingProxyType({})
CODES = {"": LINEAR, "tanh": TANH, "relu": RELU, "sigmoid": SIGMOID}


@dataclass(frozen=True, eq=False)
class Workspace:
    """Planes of one thread: `enter` for the images; for each block its input x, output y, and winners.

    The images of a block are `per_pixel` side by side in convolutions, and a vector's lanes in dense layers.
    """

    enter: Planes
    x: list[Planes]
    y: list[Planes]
    winner: list[Planes | None]
    bridge: Array | None  # between a single image's maps and its row


@dataclass(frozen=True, eq=False)
class DeltaWorkspace:
    """Planes of one thread for the backward pass: derivatives with respect to y and z of each block, and the input.

    dz is None for dense blocks and where the pass does not go through the block; dx where it ends before the image.
    """

    delta: list[Planes]
    dz: list[Planes | None]
    dx: Planes | None


def forward_workspace(plan: Plan, per_pixel: int) -> Workspace:
    """Allocate the planes of a forward pass of one block of images."""
    dtype, vector = plan.dtype, lanes(plan.dtype)
    margins = [b.window.padding for b in plan.blocks[1:]] + [(0, 0, 0, 0)]
    here = maps_of(plan.input_shape, per_pixel, dtype, plan.blocks[0].window.padding)
    space = Workspace(here, [], [], [], None)
    for block, margin in zip(plan.blocks, margins, strict=True):
        conv = block.kind == "conv"
        if not conv and here.per_pixel != vector:
            space = replace(space, bridge=aligned((1, here.C * here.H * here.W), dtype))
            here = Planes.make(here.C * here.H * here.W, 1, 1, vector, dtype)
        elif not conv:
            here = here.flat()
        space.x.append(here)
        here = maps_of(block.y_shape, per_pixel, dtype, margin)
        space.y.append(here)
        space.winner.append(maps_of(block.y_shape, per_pixel, dtype) if conv else None)
    return space


def delta_workspace(plan: Plan, per_pixel: int, stop: int = -1) -> DeltaWorkspace:
    """Allocate the planes of a backward pass that ends at the output of block `stop`, or at the image (-1)."""
    delta = [maps_of(block.y_shape, per_pixel, plan.dtype) for block in plan.blocks]
    dz = [
        planes_of_dz(block, per_pixel, plan.dtype) if block.kind == "conv" and i > stop else None
        for i, block in enumerate(plan.blocks)
    ]
    return DeltaWorkspace(delta, dz, maps_of(plan.input_shape, per_pixel, plan.dtype) if stop < 0 else None)


def maps_of(
    shape: tuple[int, ...], per_pixel: int, dtype: Any, margin: tuple[int, int, int, int] = (0, 0, 0, 0)
) -> Planes:
    """Return planes for maps (C, H, W), or for a row (D,), which is always as wide as a vector."""
    if len(shape) == 3:
        return Planes.make(shape[0], shape[1], shape[2], per_pixel, dtype, margin)
    return Planes.make(math.prod(shape), 1, 1, lanes(dtype), dtype)


def planes_of_dz(block: Block, per_pixel: int, dtype: Any) -> Planes:
    """Return planes for dz with a margin of zeros as wide as the flipped filters and the pooling windows need."""
    (_, rows, columns), (_, H, W), window, pool = block.z_shape, block.x_shape, block.window, block.pool
    (I, J), (sh, sw), (di, dj) = window.size, window.stride, window.dilation
    top, _, left, _ = window.padding
    rows, columns = (rows - 1) * sh + 1, (columns - 1) * sw + 1  # a stride makes gaps of zeros
    reach = (block.y_shape[2] - 1) * pool.stride[1] + pool.size[1] - pool.padding[2]  # of the last window
    above, below = max(0, (I - 1) * di - top), max(0, H + top - rows)
    before = max(0, (J - 1) * dj - left, pool.padding[2] * sw)
    after = max(0, W + left - columns, reach * sw - columns)
    margin = (above, below, before, after)
    return Planes.make(block.z_shape[0], rows, columns, per_pixel, dtype, margin)


@dataclass(frozen=True, eq=False)
class BlockOps:
    """The forward ops of a block."""

    before: list[Op]
    weigh: Op
    activate: list[Op]  # none or one
    fix: list[Op]  # none or one

    @property
    def all(self) -> list[Op]:
        """Return them in order."""
        return [*self.before, self.weigh, *self.activate, *self.fix]


def forward_ops(
    plan: Plan, space: Workspace, weights: Parameters, fixed: Mapping[int, Fixed] = NOTHING
) -> list[BlockOps]:
    """Return the ops of each block from its input to its output, in which units may be fixed."""
    result: list[BlockOps] = []
    for i, block in enumerate(plan.blocks):
        parameters, x, y, before = weights[block.weights], space.x[i], space.y[i], []
        if block.kind == "conv":
            winner = space.winner[i]
            assert winner is not None
            weigh = ops.convolution(x, parameters["W"], parameters.get("b"), block.window, block.pool, y, winner)
        else:
            if i and plan.blocks[i - 1].kind == "conv" and space.bridge is not None:
                before = ops.repack(space.y[i - 1], x, space.bridge)
            weigh = ops.dense(x, parameters["W"], parameters.get("b"), y, plan.blocks[i - 1].y_shape[0] if i else 1)
        activate = [ops.activation(y, CODES[block.activation])] if block.activation else []
        fix = [ops.set_units(y, fixed[i].units, fixed[i].values)] if i in fixed else []
        result.append(BlockOps(before, weigh, activate, fix))
    return result


@dataclass(frozen=True, eq=False)
class Slots:
    """Arrays for gradients: dW and db of a convolution (slots, ...); inputs x and deltas of a dense layer."""

    dW: dict[str, Array]
    db: dict[str, Array]
    x: dict[str, Array]
    delta: dict[str, Array]


def backward_ops(
    plan: Plan,
    space: Workspace,
    deltas: DeltaWorkspace,
    weights: Parameters,
    start: int,
    stop: int,
    slots: Slots | None = None,
    fixed: Mapping[int, Fixed] = NOTHING,
) -> dict[int, list[Op]]:
    """Return the ops by block, from the delta of the output of block `start` to that of block `stop` (-1: the input).

    A fixed unit sends back 0. With slots, weight gradients are computed too, down to block `stop` + 1, whose input
    gets no delta.
    """
    result: dict[int, list[Op]] = {}
    for i in range(start, stop, -1):
        block, parameters, steps = plan.blocks[i], weights[plan.blocks[i].weights], []
        steps += stopped(deltas.delta[i], fixed.get(i))
        further = i > stop + 1 or slots is None
        before = deltas.delta[i - 1] if i else deltas.dx
        assert before is not None
        if block.kind == "conv" and slots is not None and further and is_routed(block, space.y[i]):
            routes, listed = winners_of(block, i, space, deltas, parameters["W"], slots)
            steps += listed + routed(block, routes, range(routes.vectors), slots, before)
        elif block.kind == "conv":
            dz = deltas.dz[i]
            assert dz is not None
            steps.append(unpooling(block, i, space, deltas, slots))
            if slots is not None:
                steps += ops.convolution_gradient(space.x[i], dz, block.window, slots.dW[block.weights])
            if further:
                steps.append(ops.convolution_delta(dz, parameters["W"], block.window, before))
        else:
            if block.activation:
                steps.append(ops.activation_delta(deltas.delta[i], space.y[i], CODES[block.activation]))
            if slots is not None:
                steps += [
                    ops.unpack(space.x[i], slots.x[block.weights]),
                    ops.unpack(deltas.delta[i], slots.delta[block.weights]),
                ]
            if further:
                steps += _dense_delta(plan, space, deltas, parameters["W"], i, before)
        result[i] = steps
    return result


def unpooling(
    block: Block, i: int, space: Workspace, deltas: DeltaWorkspace, slots: Slots | None, part: range | None = None
) -> Op:
    """Return the op of dz of block i, a convolution, and of the sums of dz; only for the filters `part`."""
    winner, dz, part = space.winner[i], deltas.dz[i], range(block.z_shape[0]) if part is None else part
    assert winner is not None
    assert dz is not None
    db = None if slots is None else slots.db[block.weights][:, part.start : part.stop]
    return ops.unpooling(
        deltas.delta[i].maps(part),
        space.y[i].maps(part),
        winner.maps(part),
        dz.maps(part),
        block.pool,
        block.window,
        CODES[block.activation],
        block.z_shape[1],
        db,
    )


def is_routed(block: Block, y: Planes) -> bool:
    """Whether the gradient and the delta of a convolution are computed from the winners of pooling."""
    C, dtype = block.x_shape[0], y.memory.dtype
    return y.per_pixel == lanes(dtype) and ops.is_routed(C, block.window, block.pool, dtype)


def winners_of(
    block: Block, i: int, space: Workspace, deltas: DeltaWorkspace, W: Array, slots: Slots
) -> tuple[ops.Routes, list[Op]]:
    """Return memory for the way back through a convolution by the winners, and the ops that list them."""
    winner, x, y = space.winner[i], space.x[i], space.y[i]
    assert winner is not None
    routes, db = ops.Routes.make(x, W, block.window, y), slots.db[block.weights]
    listed = ops.list_winners(deltas.delta[i], y, winner, block.pool, CODES[block.activation], db, routes)
    return routes, [listed, ops.to_maps(x, block.window, routes), ops.order_weights(W, routes)]


def routed(block: Block, routes: ops.Routes, vectors: range, slots: Slots, before: Planes) -> list[Op]:
    """Return the ops of gradient and delta, for some vectors of channels."""
    route = ops.route(routes, slots.dW[block.weights], vectors)
    return [route, ops.from_maps(before, block.window, routes, vectors)]


def stopped(delta: Planes, fixed: Fixed | None) -> list[Op]:
    """Return the op that sets the delta of a block's output to 0 at fixed units, if there are any."""
    return [] if fixed is None else [ops.set_units(delta, fixed.units, None)]


def _dense_delta(plan: Plan, space: Workspace, deltas: DeltaWorkspace, W: Array, i: int, before: Planes) -> list[Op]:
    if before.per_pixel == lanes(plan.dtype):
        return [ops.dense_delta(deltas.delta[i], W, before if before.H * before.W == 1 else before.flat())]
    assert space.bridge is not None
    whole = ops.dense_delta_of_one(deltas.delta[i], W, space.bridge)
    if whole is not None:
        return [whole, ops.repack(before, space.x[i], space.bridge, back=True)[1]]
    row = Planes.make(W.shape[1], 1, 1, lanes(plan.dtype), plan.dtype)
    return [ops.dense_delta(deltas.delta[i], W, row), *ops.repack(before, row, space.bridge, back=True)]
