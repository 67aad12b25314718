"""Prediction gradients by a plan: forward once for each block of images, and back once for each class.

few classes     lanes are images, in the forward pass and back: one class at a time
inside a block  a delta before the activation or the pooling, unpooled into separate maps; one class at a time
many classes    forward as before, then one image at a time with its classes in the lanes; of each pooling window only
                the winner is sent back, which is the same pixel for all classes (`kernels.sparse_delta` of
                `nnpg_kernels.numba`); for filters with strides and dilations of 1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nnpg.network import INPUT, Network
from nnpg.programs import guards
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import (
    CODES,
    DeltaWorkspace,
    Workspace,
    backward_ops,
    delta_workspace,
    forward_ops,
    forward_workspace,
    maps_of,
    planes_of_dz,
    stopped,
)
from nnpg.programs.numba.wide import passes
from nnpg.programs.numba.wide.phases import Phases
from nnpg.programs.overrides import Fixed, fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.planned_blocks import WHOLE, Block, Place
from nnpg.programs.tasks import Gradients
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

FEW = 4  # fewer classes than this are sent back one at a time


def why_not(net: Network, plan: Plan, task: Gradients) -> str:
    """Return why there is no program for these gradients, or ""."""
    if why := limits.why_not(net, plan):
        return why
    wide = _is_wide(net, plan, task.layers, task.images or 0)
    if (
        why := ""
        if wide
        else limits.too_few(plan, task.images) or (limits.spaced(plan) if INPUT in task.layers else "")
    ):
        return why
    if len(plan.blocks[-1].y_shape) != 1:
        return f"{plan.last} is not one row per image"
    if not plan.head and task.of != "logit":
        return f"the network ends neither in Softmax nor in Sigmoid, and of is {task.of!r}"
    later = [name for name in task.layers if name not in plan.places]
    return f"{later[0]} comes after the last block" if later else ""


def run(
    net: Network,
    plan: Plan,
    task: Gradients,
    x: Array,
    classes: Array,
    labels: Array | None = None,
    weights: Array | None = None,
) -> dict[str, Array]:
    """Return dy_c/do of the outputs: (S, N, ...) for S classes, or (1, N, ...) for the label of each image."""
    names, dtype, N, (K,) = task.layers, plan.dtype, len(x), plan.blocks[-1].y_shape
    of = f"{task.of} of a sigmoid" if plan.head == "sigmoid" and task.of != "logit" else task.of
    S, vector = 1 if labels is not None else len(classes), lanes(dtype)
    x = guards.images(net.as_input(x), plan.input_shape, dtype)
    classes = guards.indices("classes", classes, len(classes), K)
    labels = None if labels is None else guards.indices("labels", labels, N, K)
    share = np.ones(N, dtype) if weights is None else guards.parameter("weights", weights, (N,), dtype)
    result = {name: np.empty((S, N, *plan.places[name].shape), dtype) for name in names}
    if not N or not S:
        return result
    images = plan.at_once(N, vector)
    fixed = fixed_units(net, plan)
    inside = any(plan.places[name].inner for name in names)
    stop = min(plan.places[name].block for name in names)
    across = S >= FEW and not inside and all(block.kind != "conv" or _step_by_step(block) for block in plan.blocks)

    if not across and _is_wide(net, plan, names, N):
        _of_wide(plan, x, result, (classes, labels, share, of), S)
        return result

    def block_ops() -> tuple[list[Op], list[Op]]:
        space = forward_workspace(plan, images)
        forward = [
            ops.pack(space.enter, x, mean=plan.mean),
            *(o for block in forward_ops(plan, space, plan.weights, fixed) for o in block.all),
        ]
        if across:
            return forward, _across_classes(plan, space, fixed, result, (classes, share, of), images)
        return forward, _one_class_at_a_time(
            plan, space, delta_workspace(plan, images, stop), fixed, result, (classes, labels, share, of)
        )

    threads = threads_for(-(-N // images))
    each = [block_ops() for _ in range(threads)]
    first, last = len(each[0][0]), len(each[0][0]) + len(each[0][1])
    chains = []
    for n in range(0, N, images):
        count = min(images, N - n)
        chain = [Task(0, first, n, count)]
        if across:
            chain += [Task(first, last, m, 1, s) for m in range(n, n + count) for s in range(-(-S // vector))]
        else:
            chain += [Task(first, last, n, count, s) for s in range(S)]
        chains.append(chain)
    Program([forward + back for forward, back in each], [chains])()
    return result


def _is_wide(net: Network, plan: Plan, layers: Sequence[str], images: int) -> bool:
    """Whether filters are the lanes: see `wide.passes`."""
    inside = any(plan.places[name].inner for name in layers if name in plan.places)
    return limits.filters_fill_lanes(plan, images) and not inside and not fixed_units(net, plan)


def _step_by_step(block: Block) -> bool:
    return block.window.stride == (1, 1) and block.window.dilation == (1, 1)


def _by_block(plan: Plan, result: Mapping[str, Array]) -> dict[int, list[tuple[Place, Array]]]:
    """Return places and results by block, with -1 for the image."""
    by_block: dict[int, list[tuple[Place, Array]]] = {}
    for name, out in result.items():
        by_block.setdefault(plan.places[name].block, []).append((plan.places[name], out))
    return by_block


def _one_class_at_a_time(
    plan: Plan,
    space: Workspace,
    derivatives: DeltaWorkspace,
    fixed: Mapping[int, Fixed],
    result: Mapping[str, Array],
    seed: tuple[Array, Array | None, Array, str],
) -> list[Op]:
    """Return the ops: the seed, then the deltas, each copied to its result as soon as it is computed."""
    last = len(plan.blocks) - 1
    steps = [ops.seed(space.y[last], derivatives.delta[last], *seed)]
    by_block = _by_block(plan, result)
    back = backward_ops(plan, space, derivatives, plan.weights, last, min(by_block), fixed=fixed)
    for i in range(last, min(by_block) - 1, -1):
        delta, here = derivatives.delta[i] if i >= 0 else derivatives.dx, by_block.get(i, [])
        assert delta is not None
        steps += [ops.unpack(delta, out, seeds=True) for place, out in here if not place.inner]
        inner = [o for place, out in here if place.inner for o in _inside(plan, space, delta, place, out)]
        steps += [*stopped(delta, fixed.get(i)), *inner] if inner else []
        steps += back.get(i, [])
    return steps


def _of_wide(
    plan: Plan, x: Array, result: Mapping[str, Array], seed: tuple[Array, Array | None, Array, str], S: int
) -> None:
    """Write the derivatives for few images of a wide network, one class after the other."""
    by_block, shared = _by_block(plan, result), passes.shared_memory(plan, plan.weights, len(x), back=True)
    phases, last, stop = Phases(threads_for(max(len(x), passes.PIECES))), len(plan.blocks) - 1, min(by_block)
    maps = [passes.maps(plan) for _ in x]
    images = [(n, 1, 0) for n in range(len(x))]
    passes.add_packing(phases, shared)
    phases.add_each([passes.image_ops(shared, here, ops.pack(here.enter, x, mean=plan.mean)) for here in maps], images)
    passes.add_dense(phases, shared, [])

    begin, left = len(phases.phases), _unpacked(by_block, shared.delta)
    phases.add_shared([ops.seed(shared.y[last], shared.delta[last], *seed)], [(0, len(x), 0)])
    passes.add_dense_back(phases, shared, left, stop)
    if stop < shared.dense[0] - 1:

        def copied(i: int, delta: Planes) -> list[Op]:
            if i < 0:
                return [ops.unpack(delta, out, seeds=True) for _, out in by_block.get(i, [])]
            return [ops.channels_to_rows(delta, out, len(out[0, 0])) for _, out in by_block.get(i, [])]

        phases.add_each([passes.back_of_image(shared, here, stop, copied) for here in maps], images)
    phases.repeat(begin, S)
    phases.program()()


def _unpacked(
    by_block: Mapping[int, Sequence[tuple[Place, Array]]], delta: Mapping[int, Planes]
) -> dict[int, list[Op]]:
    """Return the ops that copy deltas to their results, for blocks whose planes these are."""
    return {
        i: [ops.unpack(delta[i], out, seeds=True) for _, out in places] for i, places in by_block.items() if i in delta
    }


def _inside(plan: Plan, space: Workspace, delta: Planes, place: Place, out: Array) -> list[Op]:
    """Return the ops of the delta of an output inside a block, from the delta of the block."""
    block, i = plan.blocks[place.block], place.block
    act = CODES[block.activation] if place.activation else CODES[""]
    y = space.y[i]
    before: list[Op] = []
    if place.pool:
        winner, pool = space.winner[i], block.pool
        maps = replace(block, x_shape=block.z_shape, window=WHOLE)
        if block.activation and not place.activation:  # it may have rounded two pixels to the same number
            winner, before = _winners_behind_activation(plan, space, i)
    else:  # windows of one pixel, which is always the winner: number 0
        winner, pool = maps_of(block.y_shape, y.per_pixel, plan.dtype), WHOLE
        shape = block.y_shape if block.kind == "conv" else (*block.y_shape, 1, 1)
        maps = replace(block, x_shape=shape, z_shape=shape, y_shape=shape, window=WHOLE, pool=WHOLE)
    assert winner is not None
    inner = planes_of_dz(maps, y.per_pixel, plan.dtype)
    unpool = ops.unpooling(delta, y, winner, inner, pool, WHOLE, act, maps.z_shape[1], None)
    return [*before, unpool, ops.unpack(inner, out, seeds=True)]


def _winners_behind_activation(plan: Plan, space: Workspace, i: int) -> tuple[Planes, list[Op]]:
    """Return the winners among the activations of a block, and the ops that compute these maps again for them."""
    block, per_pixel = plan.blocks[i], space.y[i].per_pixel
    maps, winner = maps_of(block.z_shape, per_pixel, plan.dtype), maps_of(block.y_shape, per_pixel, plan.dtype)
    weights, unused = plan.weights[block.weights], maps_of(block.z_shape, per_pixel, plan.dtype)
    return winner, [
        ops.convolution(space.x[i], weights["W"], weights.get("b"), block.window, WHOLE, maps, unused),
        ops.activation(maps, CODES[block.activation]),
        ops.first_winners(maps, block.pool, winner),
    ]


def _across_classes(
    plan: Plan,
    space: Workspace,
    fixed: Mapping[int, Fixed],
    result: Mapping[str, Array],
    seed: tuple[Array, Array, str],
    images: int,
) -> list[Op]:
    """Return the ops for a vector of classes of one image."""
    last, vector = len(plan.blocks) - 1, lanes(plan.dtype)
    classes, share, of = seed
    delta = maps_of(plan.blocks[last].y_shape, vector, plan.dtype)
    steps = [ops.seed(space.y[last], delta, classes, None, share, of, images)]
    by_block = _by_block(plan, result)
    for i in range(last, min(by_block) - 1, -1):
        steps += [ops.unpack(delta, out, seeds=True, in_lanes=True) for _, out in by_block.get(i, [])]
        if i > min(by_block):
            steps += stopped(delta, fixed.get(i))
            before = maps_of(plan.blocks[i - 1].y_shape if i else plan.input_shape, vector, plan.dtype)
            steps += _block_delta(
                plan.blocks[i], space, i, plan.weights[plan.blocks[i].weights]["W"], delta, before, images
            )
            delta = before
    return steps


def _block_delta(
    block: Block, space: Workspace, i: int, W: Array, delta: Planes, before: Planes, images: int
) -> list[Op]:
    act, winner = CODES[block.activation], space.winner[i]
    if block.kind == "conv":
        assert winner is not None
        return ops.sparse_delta(delta, space.y[i], winner, block.z_shape, block.pool, act, W, block.window, before)
    steps = [ops.activation_delta_of_one(delta, space.y[i], images, act)] if block.activation else []
    return [*steps, ops.dense_delta(delta, W, before if before.H * before.W == 1 else before.flat())]
