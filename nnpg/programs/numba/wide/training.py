"""A step of training by few images of a wide network; see `passes`."""

from __future__ import annotations

from nnpg.programs.numba.blocks import Slots
from nnpg.programs.numba.steps import Step
from nnpg.programs.numba.wide import passes
from nnpg.programs.numba.wide.phases import Phases
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.program import Op
from nnpg_kernels.numba.simd import lanes

VECTORS = 8  # of weights of all filters of a layer, whose gradients one task adds up


def add_few_images(phases: Phases, step: Step, slots: Slots, slot: int, N: int) -> None:
    """Add the phases from N images to the gradients.

    Slot `slot` gets the gradient of the weights of convolutions; that one and the following those of the biases.
    """
    plan, weights, last = step.plan, step.weights, len(step.plan.blocks) - 1
    rows = slots.x[next(block.weights for block in plan.blocks if block.kind == "dense")]
    shared = passes.shared_memory(plan, weights, N, back=True, rows=rows)
    names = [plan.blocks[i].weights for i in shared.convolutions]
    parts = passes.parts_of(shared, {i: slots.db[name] for i, name in enumerate(names)}, slot)
    maps, images = [passes.maps(plan) for _ in range(N)], [(n, 1, n) for n in range(N)]
    passes.add_packing(phases, shared)
    phases.add_each([passes.image_ops(shared, here, step.pack(here.enter)) for here in maps], images)
    passes.add_dense(phases, shared, [step.loss(shared.y[last], shared.delta[last])])
    passes.add_dense_back(phases, shared, {}, -1, slots)
    phases.add_each([passes.back_of_image(shared, here, -1, lambda i, delta: [], parts) for here in maps], images)

    def sums() -> list[Op]:
        return [ops.sum_gradients(parts.dW[i], slots.dW[name][slot]) for i, name in enumerate(names)]

    vectors = [(i, n) for i, name in enumerate(names) for n in _firsts(weights[name]["W"])]
    phases.add_tasks(phases.made(sums), [(i, n, VECTORS) for i, n in vectors])


def _firsts(W: Array) -> range:
    """Return the first vectors of weights of a filter in each task."""
    return range(0, -(-W[0].size // lanes(W.dtype)), VECTORS)
