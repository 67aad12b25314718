"""Predictions by a plan: forward, a block of images at a time."""

from __future__ import annotations

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import CODES, Workspace, forward_ops, forward_workspace
from nnpg.programs.overrides import fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Predict
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for


def why_not(net: Network, plan: Plan, task: Predict) -> str:
    """Return why there is no program for predictions, or ""."""
    return limits.why_not(net, plan) or limits.too_few(plan, task.images)


def run(net: Network, plan: Plan, task: Predict, x: Array) -> Array:
    """Return the last output, (N, ...)."""
    x, N = guards.images(net.as_input(x), plan.input_shape, plan.dtype), len(x)
    y = np.empty((N, *plan.blocks[-1].y_shape), plan.dtype)
    if N:
        images = plan.at_once(N, lanes(plan.dtype))

        def thread_ops() -> list[Op]:
            space = forward_workspace(plan, images)
            blocks = forward_ops(plan, space, plan.weights, fixed_units(net, plan))
            return [
                ops.pack(space.enter, x, mean=plan.mean),
                *(o for block in blocks for o in block.all),
                *head_ops(plan, space),
                ops.unpack(space.y[-1], y),
            ]

        each = [thread_ops() for _ in range(threads_for(-(-N // images)))]
        Program(each, [[[Task(0, len(each[0]), n, min(images, N - n))] for n in range(0, N, images)]])()
    return behind_blocks(net, plan, y)


def head_ops(plan: Plan, space: Workspace) -> list[Op]:
    """Return the op of the head, if it has a kernel: a sigmoid."""
    return [ops.activation(space.y[-1], CODES["sigmoid"])] if plan.head == "sigmoid" else []


def behind_blocks(net: Network, plan: Plan, y: Array) -> Array:
    """Return the network's last output (..., K) from that of the program: only a softmax is computed here."""
    return net.layers[plan.rest[0]].forward(net.backend, y)[0] if plan.head == "softmax" else y
