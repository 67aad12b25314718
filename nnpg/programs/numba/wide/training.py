"""A step of training by few images of a wide network; see `passes`."""

from __future__ import annotations

from nnpg.programs.numba.blocks import Slots
from nnpg.programs.numba.steps import Step, with_slack
from nnpg.programs.numba.wide import passes
from nnpg.programs.numba.wide.phases import Phases
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.program import Program
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

VECTORS = 8  # of weights of all filters of a layer, whose gradients one task adds up


def wide_step(step: Step, N: int) -> Program:
    """Return the program of one step with N images."""
    plan, weights = step.plan, step.weights
    last, shared = len(plan.blocks) - 1, passes.shared_memory(plan, weights, N, back=True)
    phases, parts = Phases(threads_for(max(N, passes.PIECES))), passes.parts_of(shared)
    maps = [passes.maps(plan) for _ in range(N)]
    slots, images = _slots(shared, parts), [(n, 1, n) for n in range(N)]
    passes.add_packing(phases, shared)
    phases.add_each([passes.image_ops(shared, here, step.pack(here.enter)) for here in maps], images)
    passes.add_dense(phases, shared, [step.loss(shared.y[last], shared.delta[last])])
    passes.add_dense_back(phases, shared, {}, -1, slots)
    phases.add_each([passes.back_of_image(shared, here, -1, lambda i, delta: [], parts) for here in maps], images)

    names = [plan.blocks[i].weights for i in shared.convolutions]
    sums = phases.made(lambda: [ops.sum_gradients(parts.dW[i], slots.dW[name][0]) for i, name in enumerate(names)])
    phases.add_tasks(sums, [(i, n, VECTORS) for i, name in enumerate(names) for n in _firsts(weights[name]["W"])])
    steps = list(step.of_layers(slots, N))
    phases.add_each(steps, [(0, N, 0)] * len(steps))
    return phases.program()


def _firsts(W: Array) -> range:
    """Return the first vectors of weights of a filter in each task."""
    return range(0, -(-W[0].size // lanes(W.dtype)), VECTORS)


def _slots(shared: passes.Wide, parts: passes.Parts) -> Slots:
    """Return memory for the gradients of convolutions, and for the inputs and deltas of the dense layers."""
    slots = Slots({}, {}, {}, {})
    for i, block in enumerate(shared.plan.blocks):
        W = shared.weights[block.weights]["W"]
        if i in shared.dense:
            F, D = W.shape
            slots.x[block.weights] = with_slack(shared.N, D, W) if i > shared.dense[0] else shared.rows
            slots.delta[block.weights] = with_slack(shared.N, F, W)
        else:
            slots.dW[block.weights], slots.db[block.weights] = aligned((1, *W.shape), W.dtype), parts.db[i]
    return slots
