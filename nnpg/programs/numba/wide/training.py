"""A step of training by few images of a wide network, or by those that are left beside full vectors; see `passes`."""

from __future__ import annotations

from dataclasses import dataclass

from nnpg.programs.numba.blocks import Slots
from nnpg.programs.numba.steps import Step
from nnpg.programs.numba.wide import passes
from nnpg.programs.numba.wide.phases import Phases
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.program import Op
from nnpg_kernels.numba.simd import lanes

VECTORS = 8  # of weights of all filters of a layer, whose gradients one task adds up


@dataclass(frozen=True, eq=False)
class FewImages:
    """The images `first` to `first` + N of each batch.

    Parameters
    ----------
    slots : Slots
        Slot `slot` gets the gradient of the weights of convolutions; that one and the following those of the biases.
    """

    step: Step
    slots: Slots
    slot: int
    shared: passes.Wide
    maps: list[passes.Maps]
    parts: passes.Parts

    def add_forward(self, phases: Phases) -> None:
        """Add a phase of the packing, and one of the convolutions of each image."""
        passes.add_packing(phases, self.shared)
        passes_of_images = [passes.image_ops(self.shared, maps, self.step.pack(maps.enter)) for maps in self.maps]
        phases.add_each(passes_of_images, self._images())

    def add_back(self, phases: Phases) -> None:
        """Add the phases from the dense layers to the gradients in the slots."""
        shared, slots, plan = self.shared, self.slots, self.step.plan
        last = len(plan.blocks) - 1
        passes.add_dense(phases, shared, [self.step.loss(shared.y[last], shared.delta[last])])
        passes.add_dense_back(phases, shared, {}, -1, slots)
        back = [passes.back_of_image(shared, maps, -1, lambda i, delta: [], self.parts) for maps in self.maps]
        phases.add_each(back, self._images())
        names = [plan.blocks[i].weights for i in shared.convolutions]

        def sums() -> list[Op]:
            return [ops.sum_gradients(self.parts.dW[i], slots.dW[name][self.slot]) for i, name in enumerate(names)]

        vectors = [(i, n) for i, name in enumerate(names) for n in _firsts(self.step.weights[name]["W"])]
        phases.add_tasks(phases.made(sums), [(i, n, VECTORS) for i, n in vectors])

    def _images(self) -> list[tuple[int, int, int]]:
        """Return the task of each image; it has a part of the gradients for its own."""
        return [(self.shared.first + k, 1, k) for k in range(self.shared.N)]


def few_images(step: Step, slots: Slots, slot: int, first: int, N: int) -> FewImages:
    """Return the images `first` to `first` + N of each batch, with memory for them."""
    rows = slots.x[next(block.weights for block in step.plan.blocks if block.kind == "dense")]
    shared = passes.shared_memory(step.plan, step.weights, N, back=True, first=first, rows=rows)
    db = {i: slots.db[step.plan.blocks[i].weights] for i in shared.convolutions}
    maps = [passes.maps(step.plan) for _ in range(N)]
    return FewImages(step, slots, slot, shared, maps, passes.parts_of(shared, db, slot))


def _firsts(W: Array) -> range:
    """Return the first vectors of weights of a filter in each task."""
    return range(0, -(-W[0].size // lanes(W.dtype)), VECTORS)
