"""Few images of a wide network: convolutions image by image with channels in the lanes, then all images at once.

With fewer images than lanes, a vector of images is partly empty, and so is a vector of pixels at the end of each row.
Filters fill it where there are as many of them as lanes, or a multiple. The dense layers take all images as lanes.

    weights     each convolution's are packed; for deltas, once more with channels and filters exchanged
    images      one after the other, on any thread: through the convolutions, to a row of the first dense layer
    dense       layer by layer, the units in pieces on all threads
    back        the same in the opposite order
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nnpg.programs.numba.blocks import CODES, Parameters, Slots, maps_of, planes_of_dz
from nnpg.programs.numba.wide.phases import Phases
from nnpg.programs.plan import Plan
from nnpg.programs.planned_blocks import WHOLE, Block
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.planes import SLACK, Planes
from nnpg_kernels.numba.program import Op
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes

PIECES = 4  # of a dense layer, for as many threads


@dataclass(frozen=True, eq=False)
class Maps:
    """Planes for the convolutions of one image: its input, and of each block the output and winners."""

    enter: Planes
    y: list[Planes]
    winner: list[Planes]

    def x(self, i: int) -> Planes:
        """Return the input of block i."""
        return self.y[i - 1] if i else self.enter


@dataclass(frozen=True, eq=False)
class Wide:
    """What all threads share for N images: packed weights, rows of dense layers, and planes.

    Parameters
    ----------
    weights : by layer and parameter
    packed, exchanged : by block, packed weights
    rows, delta_rows : arrays (N, D), or more rows
        Input of the first dense layer, and its derivative.
    x, y, delta : by dense block, planes with the images as lanes
    """

    plan: Plan
    weights: Parameters
    N: int
    packed: dict[int, Array]
    exchanged: dict[int, Array]
    rows: Array
    delta_rows: Array
    x: dict[int, Planes] = field(default_factory=dict)
    y: dict[int, Planes] = field(default_factory=dict)
    delta: dict[int, Planes] = field(default_factory=dict)

    @property
    def task(self) -> tuple[int, int, int]:
        """Return the task of what is done for all images at once."""
        return 0, self.N, 0

    @property
    def convolutions(self) -> range:
        """Return the indices of the convolutions."""
        return range(len(self.packed))

    @property
    def dense(self) -> range:
        """Return the indices of the dense blocks."""
        return range(len(self.packed), len(self.plan.blocks))


def shared_memory(plan: Plan, weights: Parameters, N: int, *, back: bool = False, rows: Array | None = None) -> Wide:
    """Return the shared memory for N images; with `back`, also that of a backward pass."""
    count = sum(block.kind == "conv" for block in plan.blocks)
    W = {i: weights[plan.blocks[i].weights]["W"] for i in range(len(plan.blocks))}
    packed = {i: ops.packed_filters(W[i]) for i in range(count)}
    exchanged = {i: ops.packed_filters(W[i], exchanged=True) for i in range(1, count) if back}
    D = W[count].shape[1]
    space = [aligned((N, D), plan.dtype, SLACK * lanes(plan.dtype)) for _ in range(2)]
    shared = Wide(plan, weights, N, packed, exchanged, space[0] if rows is None else rows, space[1])
    for i in shared.dense:
        shared.x[i] = shared.y[i - 1] if i > count else maps_of((D,), 1, plan.dtype)
        shared.y[i] = maps_of(plan.blocks[i].y_shape, 1, plan.dtype)
        if back:
            shared.delta[i] = maps_of(plan.blocks[i].y_shape, 1, plan.dtype)
    if back:
        shared.delta[count - 1] = maps_of((D,), 1, plan.dtype)
    return shared


def maps(plan: Plan) -> Maps:
    """Return planes for one image at a time."""
    convolutions = [block for block in plan.blocks if block.kind == "conv"]
    margins = [block.window.padding for block in convolutions[1:]] + [(0, 0, 0, 0)]
    enter = maps_of(plan.input_shape, 1, plan.dtype, convolutions[0].window.padding)
    y = [_groups(b.y_shape, plan, margin) for b, margin in zip(convolutions, margins, strict=True)]
    return Maps(enter, y, [_groups(block.y_shape, plan) for block in convolutions])


def _groups(shape: tuple[int, ...], plan: Plan, margin: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Planes:
    """Return planes for groups of channels."""
    vector = lanes(plan.dtype)
    return Planes.make(shape[0] // vector, shape[1], shape[2], vector, plan.dtype, margin)


def add_packing(phases: Phases, shared: Wide) -> None:
    """Add the phase in which all weights are packed, group by group; those for deltas with flipped filters."""
    packed = [(i, p, False) for i, p in shared.packed.items()] + [(i, p, True) for i, p in shared.exchanged.items()]

    def of_thread() -> list[Op]:
        weights = [(shared.weights[shared.plan.blocks[i].weights]["W"], p, exchanged) for i, p, exchanged in packed]
        return [ops.pack_filters(W, p, exchanged=exchanged) for W, p, exchanged in weights]

    phases.add_tasks(phases.made(of_thread), [(o, g, 1) for o, (_, p, _) in enumerate(packed) for g in range(len(p))])


def image_ops(shared: Wide, here: Maps, pack: Op) -> list[Op]:
    """Return the ops of one image: through all convolutions, to its row."""
    steps, plan = [pack], shared.plan
    for i in shared.convolutions:
        block = plan.blocks[i]
        b = shared.weights[block.weights].get("b")
        convolution = here.x(i), shared.packed[i], b, block.window, block.pool, here.y[i], here.winner[i]
        steps.append(ops.convolution_of_channels(*convolution))
        steps += [ops.activation(here.y[i], CODES[block.activation])] if block.activation else []
    return [*steps, ops.channels_to_rows(here.y[-1], shared.rows, plan.blocks[len(here.y) - 1].y_shape[0])]


def add_dense(phases: Phases, shared: Wide, end: Sequence[Op]) -> None:
    """Add the phases of the dense layers, and of the ops at the end of the last one."""
    before = [ops.pack(shared.x[shared.dense[0]], shared.rows)]
    for i in shared.dense:
        block = shared.plan.blocks[i]
        W, b = shared.weights[block.weights]["W"], shared.weights[block.weights].get("b")
        phases.add_shared(before, [shared.task])
        parts = [[ops.dense(shared.x[i], W, b, shared.y[i], 1, rows)] for rows in pieces(len(W))]
        phases.add_each(parts, [shared.task] * len(parts))
        before = [ops.activation(shared.y[i], CODES[block.activation])] if block.activation else []
    phases.add_shared([*before, *end], [shared.task])


def add_dense_back(
    phases: Phases, shared: Wide, left: Mapping[int, Sequence[Op]], stop: int, slots: Slots | None = None
) -> None:
    """Add the phases from the delta of the last block to that of block `stop`, or to that of the convolutions.

    left[i] are the ops that read the delta of the output of block i. `slots` get the inputs and deltas of the layers.
    """
    for i in reversed(shared.dense):
        block, delta = shared.plan.blocks[i], shared.delta[i]
        steps = [*left.get(i, [])]
        if block.activation and i > stop:
            steps.append(ops.activation_delta(delta, shared.y[i], CODES[block.activation]))
        if slots is not None:
            steps.append(ops.unpack(delta, slots.delta[block.weights]))
            steps += [ops.unpack(shared.x[i], slots.x[block.weights])] if i > shared.dense[0] else []
        phases.add_shared(steps, [shared.task])
        if i <= stop:
            return
        W = shared.weights[block.weights]["W"]
        parts = [[ops.dense_delta(delta, W, shared.delta[i - 1], inputs)] for inputs in pieces(W.shape[1])]
        phases.add_each(parts, [shared.task] * len(parts))
    i = shared.dense[0] - 1
    phases.add_shared([*left.get(i, []), ops.unpack(shared.delta[i], shared.delta_rows)], [shared.task])


def pieces(units: int) -> Iterator[slice]:
    """Yield about as many pieces as there may be threads, of whole tiles."""
    each = -(-units // PIECES // 16) * 16 or 16
    return (slice(first, min(first + each, units)) for first in range(0, units, each))


def back_of_image(
    shared: Wide, here: Maps, stop: int, left: Callable[[int, Planes], Sequence[Op]], parts: Parts | None = None
) -> list[Op]:
    """Return the ops from the row of an image to the delta of block `stop`, or of the image (-1).

    left(i, delta) are the ops that read the delta of block i. With parts, the gradients of the weights are computed
    too, and the image itself gets no delta.
    """
    plan, last = shared.plan, len(here.y) - 1
    delta = _groups(plan.blocks[last].y_shape, plan)
    steps = [ops.rows_to_channels(shared.delta_rows, delta, plan.blocks[last].y_shape[0])]
    for i in range(last, stop, -1):
        block, winner = plan.blocks[i], here.winner[i]
        dz = _planes_of_dz(block, plan) if i else dz_of_image(block, plan)
        act, size = CODES[block.activation], (block.z_shape[1], block.z_shape[2])
        steps.append(ops.unpooling(delta, here.y[i], winner, dz, block.pool, WHOLE, act, size[0], None))
        if parts is not None:
            steps.append(ops.gradient_of_channels(here.x(i), dz, block.window, size, parts.dW[i]))
            steps.append(ops.bias_gradient_of_channels(dz, size, parts.db[i], parts.slot))
        if i:
            delta = _groups(plan.blocks[i - 1].y_shape, plan)
            steps.append(ops.delta_of_channels(dz, shared.exchanged[i], block.window, delta))
        elif parts is None:
            delta = maps_of(plan.input_shape, 1, plan.dtype)
            steps.append(ops.image_delta(dz, shared.packed[0], block.window, delta))
        steps += left(i - 1, delta)
    return steps


@dataclass(frozen=True, eq=False)
class Parts:
    """Gradients of each image, by block.

    Parameters
    ----------
    dW : by block, arrays (N, planes of x, taps, channels in a plane, F)
        In the order in which the kernels compute them; `sum_gradients` brings their sum into that of the weights.
    db : by block, arrays (slots, F)
        The images have the slots from `slot` on.
    """

    dW: dict[int, Array]
    db: dict[int, Array]
    slot: int


def parts_of(shared: Wide, db: dict[int, Array], slot: int) -> Parts:
    """Return memory for the gradients of each image."""
    plan, vector = shared.plan, lanes(shared.plan.dtype)
    parts = Parts({}, db, slot)
    for i in shared.convolutions:
        F, C, I, J = shared.weights[plan.blocks[i].weights]["W"].shape
        planes, inner = (C // vector, vector) if i else (C, 1)
        parts.dW[i] = aligned((shared.N, planes, I * J, inner, F), plan.dtype, SLACK * vector)
    return parts


def _planes_of_dz(block: Block, plan: Plan) -> Planes:
    vector = lanes(plan.dtype)
    groups = replace(block, z_shape=(block.z_shape[0] // vector, *block.z_shape[1:]))
    return planes_of_dz(groups, vector, plan.dtype)


def dz_of_image(block: Block, plan: Plan) -> Planes:
    """Return planes for dz of the first block, without gaps for its strides, and with the margin that they need.

    Pixel h of the image reads rows (h + top) // s - k of dz, for k s < I: from -((I - 1) // s) on.
    """
    (_, H, W), (F, rows, columns), window, pool = block.x_shape, block.z_shape, block.window, block.pool
    (I, J), (sh, sw), (top, _, left, _), vector = window.size, window.stride, window.padding, lanes(plan.dtype)
    reach = (block.y_shape[2] - 1) * pool.stride[1] + pool.size[1] - pool.padding[2]  # of the last pooling window
    above, below = (I - 1) // sh, max(0, (H - 1 + top) // sh - (rows - 1))
    before = max((J - 1) // sw, pool.padding[2])
    after = max(0, (W - 1 + left) // sw - (columns - 1), reach - columns)
    return Planes.make(F // vector, rows, columns, vector, plan.dtype, (above, below, before, after))
