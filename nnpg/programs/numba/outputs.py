"""Outputs of blocks by a plan: forward, a block of images at a time, and each output copied to its result."""

from __future__ import annotations

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import forward_ops, forward_workspace
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Outputs
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for


def why_not(net: Network, plan: Plan, task: Outputs) -> str:
    """Return why there is no program for these outputs, or ""."""
    if why := limits.why_not(net, plan):
        return why
    inside = [name for name in task.layers if plan.index(name) < 0]
    return f"{inside[0]} is not the output of a block" if inside else ""


def run(net: Network, plan: Plan, task: Outputs, x: Array) -> dict[str, Array]:
    """Return the outputs by name, (N, ...)."""
    x, N = guards.images(net.as_input(x), plan.input_shape, plan.dtype), len(x)
    layers = {plan.index(name): name for name in task.layers}
    result = {name: np.empty((N, *plan.blocks[i].y_shape), plan.dtype) for i, name in layers.items()}
    if not N or not layers:
        return result
    images = plan.at_once(N, lanes(plan.dtype))

    def thread_ops() -> list[Op]:
        space = forward_workspace(plan, images)
        steps = [ops.pack(space.enter, x, mean=plan.mean)]
        for i, block in enumerate(forward_ops(plan, space, plan.weights)[: max(layers) + 1]):
            steps += block.all
            if i in layers:
                steps.append(ops.unpack(space.y[i], result[layers[i]]))
        return steps

    each = [thread_ops() for _ in range(threads_for(-(-N // images)))]
    Program(each, [[[Task(0, len(each[0]), n, min(images, N - n))] for n in range(0, N, images)]])()
    return result
