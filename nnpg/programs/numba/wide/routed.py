"""A step of training by images whose deltas go back through the winners of pooling alone, with channels in the lanes.

In each pooling window the delta of a filter goes to one pixel. Where images are the lanes, that pixel differs from lane
to lane, so all pixels are computed. Here the lanes are channels of one image: the gradient is a sum over the winners,
and a delta goes from each winner to the pixels that it read; a window whose delta is 0 sends nothing.

A block of images is a chain: forward one by one, the dense layers with images as lanes, back one by one.
"""

from __future__ import annotations

import math

from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import CODES, Slots
from nnpg.programs.numba.steps import SLOTS, Step, slots_of
from nnpg.programs.numba.wide import passes
from nnpg.programs.numba.wide.phases import Phases
from nnpg.programs.plan import Plan
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, Program
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

FEWEST = 4  # pixels of a pooling window
FILTERS = 8  # whose gradients one task adds up


def fits(plan: Plan, batch: int) -> bool:
    """Whether a step with so many images goes back this way."""
    vector = lanes(plan.dtype)
    convolutions = [block for block in plan.blocks if block.kind == "conv"]
    if batch <= vector // 2 or not limits.filters_fill_lanes(plan, 1):
        return False
    few = all(math.prod(block.pool.size) >= FEWEST for block in convolutions)
    return few and convolutions[0].window.size[1] <= vector


class Routed:
    """The programs of a step with at most `batch` images."""

    def __init__(self, step: Step, batch: int) -> None:
        vector = lanes(step.plan.dtype)
        self.step, self.images = step, vector if batch >= 4 * vector else vector // 2  # of a block
        self.slots = slots_of(step.plan, step.weights, min(SLOTS, -(-batch // self.images)), batch)
        first = next(block.weights for block in step.plan.blocks if block.kind == "dense")
        rows = self.slots.x[first]
        self.shared = passes.shared_memory(step.plan, step.weights, batch, back=True, rows=rows)
        self.gradients: dict[int, Array] = {}
        for i in self.shared.convolutions:
            name = step.plan.blocks[i].weights
            number, inner = len(self.slots.db[name]), vector if i else 1
            self.gradients[i] = ops.gradient_slots(step.weights[name]["W"], number, inner)
            self.slots.dW[name] = self.slots.dW[name][:1]
        self.each = [self._block() for _ in range(threads_for(-(-batch // self.images)))]

    def program(self, count: int) -> Program:
        """Return the program of a step with so many images."""
        phases = Phases(len(self.each))
        passes.add_packing(phases, self.shared, flipped=False)
        first, dense, last = self.each[0][1]
        chains: list[list[tuple[range, int, int, int]]] = [[] for _ in range(min(SLOTS, -(-count // self.images)))]
        for block, n in enumerate(range(0, count, self.images)):
            slot = block % len(chains)
            here = range(min(self.images, count - n))
            chains[slot] += [(first[k], n + k, 1, slot) for k in here]
            chains[slot].append((dense, n, len(here), slot))
            chains[slot] += [(last[k], n + k, 1, slot) for k in here]
        phases.add_parts([ops for ops, _ in self.each], chains)

        def sums() -> list[Op]:
            names = [self.step.plan.blocks[i].weights for i in self.gradients]
            return [ops.sum_slots(g, self.slots.dW[n][0]) for g, n in zip(self.gradients.values(), names, strict=True)]

        filters = [
            (o, f, min(FILTERS, g.shape[1] - f))
            for o, g in enumerate(self.gradients.values())
            for f in range(0, g.shape[1], FILTERS)
        ]
        phases.add_tasks(phases.made(sums), filters)
        of_layers = list(self.step.of_layers(self.slots, count))
        phases.add_each(of_layers, [(0, count, 0)] * len(of_layers))
        return phases.program()

    def _block(self) -> tuple[list[Op], tuple[list[range], range, list[range]]]:
        """Return the ops of one thread, and where those of each image begin and end: forward, dense, and back."""
        steps: list[Op] = []

        def added(more: list[Op]) -> range:
            steps.extend(more)
            return range(len(steps) - len(more), len(steps))

        shared = passes.with_planes(self.shared, back=True)
        maps = [passes.maps(self.step.plan) for _ in range(self.images)]
        forward = [added(passes.image_ops(shared, here, self.step.pack(here.enter))) for here in maps]
        dense = added(dense_ops(shared, self.step, self.slots))
        convolutions = [self.step.plan.blocks[i] for i in shared.convolutions]
        margins = [block.window.padding for block in convolutions[1:]] + [(0, 0, 0, 0)]
        delta = [passes.groups(b.y_shape, self.step.plan, m) for b, m in zip(convolutions, margins, strict=True)]
        entries = [ops.Entries.make(block.y_shape, maps[0].x(i)) for i, block in enumerate(convolutions)]
        return steps, (forward, dense, [added(self._back(shared, here, delta, entries)) for here in maps])

    def _back(
        self, shared: passes.Wide, here: passes.Maps, delta: list[Planes], entries: list[ops.Entries]
    ) -> list[Op]:
        """Return the ops of one image, from its row of deltas to the gradients of all convolutions."""
        plan, last = self.step.plan, len(delta) - 1
        steps = [ops.rows_to_channels(shared.delta_rows, delta[last], plan.blocks[last].y_shape[0])]
        for i in range(last, -1, -1):
            block, x, to = plan.blocks[i], here.x(i), entries[i]
            maps = delta[i], here.y[i], here.winner[i]
            db = self.slots.db[block.weights]
            steps.append(ops.list_entries(*maps, block.pool, CODES[block.activation], x, block.window, to, db))
            steps.append(ops.routed_gradient(x, to, block.window, self.gradients[i]))
            if i:
                steps.append(ops.routed_delta(to, shared.exchanged[i], block.window, delta[i - 1]))
        return steps


def dense_ops(shared: passes.Wide, step: Step, slots: Slots) -> list[Op]:
    """Return the ops of the dense layers for all images of a block, forward and back, by one thread."""
    first, last = shared.dense[0], shared.dense[-1]
    steps = [ops.pack(shared.x[first], shared.rows)]
    for i in shared.dense:
        block, parameters = shared.plan.blocks[i], step.weights[shared.plan.blocks[i].weights]
        steps.append(ops.dense(shared.x[i], parameters["W"], parameters.get("b"), shared.y[i], 1))
        steps += [ops.activation(shared.y[i], CODES[block.activation])] if block.activation else []
    steps.append(step.loss(shared.y[last], shared.delta[last]))
    for i in reversed(shared.dense):
        block, delta = shared.plan.blocks[i], shared.delta[i]
        steps += [ops.activation_delta(delta, shared.y[i], CODES[block.activation])] if block.activation else []
        steps.append(ops.unpack(delta, slots.delta[block.weights]))
        steps += [ops.unpack(shared.x[i], slots.x[block.weights])] if i > first else []
        steps.append(ops.dense_delta(delta, step.weights[block.weights]["W"], shared.delta[i - 1]))
    return [*steps, ops.unpack(shared.delta[first - 1], shared.delta_rows)]
