"""Predictions by a plan: forward, a block of images at a time."""

from __future__ import annotations

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import CODES, Workspace, forward_ops, forward_workspace
from nnpg.programs.numba.wide import passes
from nnpg.programs.numba.wide.phases import Phases
from nnpg.programs.overrides import fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Predict
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for


def why_not(net: Network, plan: Plan, task: Predict) -> str:
    """Return why there is no program for predictions, or ""."""
    return limits.why_not(net, plan) or limits.too_few(plan, task.images, filters=not fixed_units(net, plan))


def run(net: Network, plan: Plan, task: Predict, x: Array) -> Array:
    """Return the last output, (N, ...)."""
    x, N = guards.images(net.as_input(x), plan.input_shape, plan.dtype), len(x)
    y = np.empty((N, *plan.blocks[-1].y_shape), plan.dtype)
    fixed = fixed_units(net, plan)
    if N and not fixed and limits.filters_fill_lanes(plan, N):
        _of_wide(plan, x, y)
    elif N:
        images = plan.at_once(N, lanes(plan.dtype))

        def thread_ops() -> list[Op]:
            space = forward_workspace(plan, images)
            blocks = forward_ops(plan, space, plan.weights, fixed)
            return [
                ops.pack(space.enter, x, mean=plan.mean),
                *(o for block in blocks for o in block.all),
                *head_ops(plan, space),
                ops.unpack(space.y[-1], y),
            ]

        each = [thread_ops() for _ in range(threads_for(-(-N // images)))]
        Program(each, [[[Task(0, len(each[0]), n, min(images, N - n))] for n in range(0, N, images)]])()
    return behind_blocks(net, plan, y)


def _of_wide(plan: Plan, x: Array, y: Array) -> None:
    """Write the outputs of few images of a wide network to y."""
    shared = passes.shared_memory(plan, plan.weights, len(x))
    phases = Phases(threads_for(max(len(x), passes.PIECES)))
    passes.add_packing(phases, shared)

    def of_thread() -> list[Op]:
        here = passes.maps(plan)
        return passes.image_ops(shared, here, ops.pack(here.enter, x, mean=plan.mean))

    phases.add(phases.made(of_thread), [(n, 1, 0) for n in range(len(x))])
    last = shared.y[len(plan.blocks) - 1]
    passes.add_dense(phases, shared, [*head_of(plan, last), ops.unpack(last, y)])
    phases.program()()


def head_ops(plan: Plan, space: Workspace) -> list[Op]:
    """Return the op of the head, if it has a kernel: a sigmoid."""
    return head_of(plan, space.y[-1])


def head_of(plan: Plan, y: Planes) -> list[Op]:
    """The same for the planes of the last block."""
    return [ops.activation(y, CODES["sigmoid"])] if plan.head == "sigmoid" else []


def behind_blocks(net: Network, plan: Plan, y: Array) -> Array:
    """Return the network's last output (..., K) from that of the program: only a softmax is computed here."""
    return net.layers[plan.rest[0]].forward(net.backend, y)[0] if plan.head == "softmax" else y
