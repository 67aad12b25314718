"""Prediction gradients by a plan: forward once for each block of images, and back once for each class.

few classes     lanes are images, in the forward pass and back: one class at a time
many classes    forward as before, then each image by itself with its classes in the lanes; of each pooling window only
                the winner is sent back, which is the same pixel for all classes (`nnpg_kernels.routed`); for
                filters that neither step over pixels nor have gaps
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nnpg.layers import Softmax
from nnpg.network import INPUT, Network
from nnpg.programs import guards
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import (
    CODES,
    Backspace,
    Parameters,
    Workspace,
    backspace,
    backward_ops,
    forward_ops,
    maps_of,
    workspace,
)
from nnpg.programs.plan import Block, Plan
from nnpg.programs.tasks import Gradients
from nnpg_kernels import Array, ops
from nnpg_kernels.planes import Planes
from nnpg_kernels.program import Op, Program, Task
from nnpg_kernels.simd import lanes
from nnpg_kernels.threads import threads_for

FEW = 4  # classes that are sent back one at a time


def why_not(net: Network, plan: Plan, task: Gradients) -> str:
    """Return why these gradients cannot be had by the plan, or ""."""
    if task.complex_images:
        return "the images are complex numbers"
    if why := limits.why_not(net, plan):
        return why
    if not plan.rest or type(net.layers[plan.rest[0]]) is not Softmax or plan.blocks[-1].activation:
        return "the network does not end in logits and Softmax"
    inner = [name for name in task.names if name != INPUT and plan.index(name) < 0]
    return f"{inner[0]} is inside a block" if inner else ""


def run(
    net: Network,
    plan: Plan,
    task: Gradients,
    x: Array,
    classes: Array,
    labels: Array | None = None,
    weights: Array | None = None,
) -> dict[str, Array]:
    """Return dy_c/do of the outputs: (S, N, ...) for S classes, or (1, N, ...) where each image has its label."""
    names, of, dtype, N, (K,) = task.names, task.of, plan.dtype, len(x), plan.blocks[-1].y_shape
    S, vector = 1 if labels is not None else len(classes), lanes(dtype)
    x = guards.images(net.as_input(x), plan.input_shape, dtype)
    classes = guards.indices("classes", classes, len(classes), K)
    labels = None if labels is None else guards.indices("labels", labels, N, K)
    share = np.ones(N, dtype) if weights is None else guards.parameter("weights", weights, (N,), dtype)
    result = {name: np.empty((S, N, *_shape(plan, name)), dtype) for name in names}
    if not N or not S:
        return result
    images = plan.at_once(N, vector)
    across = S >= FEW and all(block.kind != "conv" or _step_by_step(block) for block in plan.blocks)

    def block_ops() -> tuple[list[Op], list[Op]]:
        room = workspace(plan, images)
        forward = [
            ops.enter(room.enter, x, mean=plan.mean),
            *(o for block in forward_ops(plan, room, plan.weights) for o in block.all),
        ]
        if across:
            return forward, _across_classes(plan, room, plan.weights, result, (classes, share, of), images)
        return forward, _one_class_at_a_time(
            plan, room, backspace(plan, images), plan.weights, result, (classes, labels, share, of)
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


def _step_by_step(block: Block) -> bool:
    return block.window.stride == (1, 1) and block.window.dilation == (1, 1)


def _shape(plan: Plan, name: str) -> tuple[int, ...]:
    return plan.input_shape if name == INPUT else plan.blocks[plan.index(name)].y_shape


def _one_class_at_a_time(
    plan: Plan,
    room: Workspace,
    derivatives: Backspace,
    weights: Parameters,
    result: Mapping[str, Array],
    seed: tuple[Array, Array | None, Array, str],
) -> list[Op]:
    """Seed, deltas, and each delta to its place as soon as it is there."""
    last = len(plan.blocks) - 1
    some = [ops.seed(room.y[last], derivatives.delta[last], *seed)]
    wanted = {plan.index(name): out for name, out in result.items()}
    back = backward_ops(plan, room, derivatives, weights, last, min(wanted))
    for i in range(last, min(wanted) - 1, -1):
        if i in wanted:
            some.append(ops.leave(derivatives.delta[i] if i >= 0 else derivatives.dx, wanted[i], seeds=True))
        some += back.get(i, [])
    return some


def _across_classes(
    plan: Plan,
    room: Workspace,
    weights: Parameters,
    result: Mapping[str, Array],
    seed: tuple[Array, Array, str],
    images: int,
) -> list[Op]:
    """The same for a vector of classes of one image."""
    last, vector = len(plan.blocks) - 1, lanes(plan.dtype)
    classes, share, of = seed
    delta = maps_of(plan.blocks[last].y_shape, vector, plan.dtype)
    some = [ops.seed(room.y[last], delta, classes, None, share, of, images)]
    wanted = {plan.index(name): out for name, out in result.items()}
    for i in range(last, min(wanted) - 1, -1):
        if i in wanted:
            some.append(ops.leave(delta, wanted[i], seeds=True, in_lanes=True))
        if i > min(wanted):
            before = maps_of(plan.blocks[i - 1].y_shape if i else plan.input_shape, vector, plan.dtype)
            some += _block_delta(plan.blocks[i], room, i, weights[plan.blocks[i].weights]["W"], delta, before, images)
            delta = before
    return some


def _block_delta(
    block: Block, room: Workspace, i: int, W: Array, delta: Planes, before: Planes, images: int
) -> list[Op]:
    act, winner = CODES[block.activation], room.winner[i]
    if block.kind == "conv":
        assert winner is not None
        return ops.routed_delta(delta, room.y[i], winner, block.z_shape, block.pool, act, W, block.window, before)
    some = [ops.activation_delta_of_one(delta, room.y[i], images, act)] if block.activation else []
    return [*some, ops.dense_delta(delta, W, before if before.H * before.W == 1 else before.flat())]
