"""Training on images and on pools of examples of hidden outputs, by a plan (`nnpg.training_methods.adversarial_pool`).

step       for each block of images, from the input on, and for each block of examples, from their output on: forward,
           loss, backward; then each layer's gradient, over all images and examples that passed it, and its step
renew      from time to time in Python, with the network of that moment

An example that enters behind a layer has no row in its gradient. So rows are in the order in which examples enter:
those of the images, of the first output, and so on, and each layer sums over the first ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nnpg.network import INPUT, Network
from nnpg.optimisers import SGD, SGDState
from nnpg.programs import guards, planned_steps
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import backward_ops, delta_workspace, forward_ops, forward_workspace
from nnpg.programs.numba.steps import SLOTS, Pace, Running, copied, layer_ops, loss_op, slots_of, velocity_of
from nnpg.programs.overrides import fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Pool, TrainPooled
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.kernels.losses import LOSSES
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

Whole = npt.NDArray[np.int64]
Entry = tuple[int, int]  # the first row of the examples of a pool, and the block that they enter behind; -1 for images


@dataclass(frozen=True, eq=False)
class Examples:
    """A pool where kernels read it, at most `size` examples, and the numbers of those that each step of an epoch takes.

    `drawn` begins with as many unused numbers as there are rows before those of this pool; `found` nobody reads.
    """

    images: Array  # (size, ...)
    labels: Whole  # (size,)
    drawn: Whole
    found: tuple[Array, Whole]


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a training, and their order in an epoch."""

    x: Array  # (N, ...)
    labels: Array | None
    targets: Array | None
    order: Whole  # (N,)
    rates: Array  # (steps of an epoch,)
    total: Whole  # (1,): images and examples of a step


@dataclass(frozen=True, eq=False)
class Session(Running):
    """The state of one training, and the programs of its steps by the pools that have examples."""

    net: Network
    plan: Plan
    task: TrainPooled
    arrays: Images
    batch: int
    memory: dict[str, tuple[Array, Whole]]  # examples and labels of each layer's pool
    pools: dict[str, Pool] = field(default_factory=dict)
    programs: dict[tuple[tuple[str, ...], int], tuple[Program, dict[str, Examples]]] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)

    def epoch(self, order: Array, optimiser: SGD, t: int) -> Iterator[int]:
        """Take the steps of one epoch in this order; after each call of kernels, yield the number done."""
        a, N = self.arrays, len(order)
        steps, whole = -(-N // self.batch), N // self.batch
        a.order[:] = guards.indices("the order", order, len(a.order), len(a.order))
        a.rates[:] = optimiser.lr / (1 + (t + np.arange(steps)) * optimiser.lr_decay)
        done = 0
        while done < steps:
            generator = self.task.generator(t + done)
            if (t + done) % self.task.every == 0:
                self._renew(generator)
            count = min(self.batch, N - done * self.batch)
            filled = tuple(layer for layer in self.task.layers if len(self.pools[layer].labels))
            program, examples = self._program(filled, count)
            began, until = time.perf_counter(), done
            while until == done or (until < min(done + self.pace.steps, whole) and (t + until) % self.task.every):
                generator = generator if until == done else self.task.generator(t + until)
                self._draw(examples, generator, until, count)
                until += 1
            a.total[0] = count + self.task.batch * len(filled)
            program(until - done, done)
            self.pace.took(until - done, time.perf_counter() - began)
            done = until
            yield done

    def _renew(self, generator: np.random.Generator) -> None:
        """Make new examples for the network of this moment, and bring them where kernels read them."""
        self.pools.update(self.task.renewed(self.network(self.net), self.pools, generator))
        for layer, (images, labels) in self.memory.items():
            pool, P = self.pools[layer], len(self.pools[layer].labels)
            images[:P] = guards.images(pool.examples, images.shape[1:], images.dtype)
            labels[:P] = guards.indices("labels", pool.labels, P, self.plan.blocks[-1].y_shape[0])

    def _draw(self, examples: dict[str, Examples], generator: np.random.Generator, step: int, count: int) -> None:
        """Draw the examples of one step, from each pool in turn."""
        n = self.task.batch
        for layer, of_pool in examples.items():
            first = len(of_pool.drawn) - n * len(self.arrays.rates) + n * step
            of_pool.drawn[first : first + n] = generator.integers(len(self.pools[layer].labels), size=n)

    def _program(self, filled: tuple[str, ...], count: int) -> tuple[Program, dict[str, Examples]]:
        """Return the program of a step on `count` images and on examples of these layers, and the examples it reads."""
        if (filled, count) not in self.programs:
            self.programs[filled, count] = self._make(filled, count)
        return self.programs[filled, count]

    def _make(self, filled: tuple[str, ...], count: int) -> tuple[Program, dict[str, Examples]]:
        plan, a, n = self.plan, self.arrays, self.task.batch
        at_once, of = plan.at_once(self.batch, lanes(plan.dtype)), planned_steps.loss_of(plan, self.task.loss)
        entries = _entries(plan, filled, count, n)
        rows = count + n * len(filled)
        examples = {layer: self._examples(layer, entries[layer][0]) for layer in filled}
        parts = [(first, min(at_once, count - first), -1) for first in range(0, count, at_once)]
        for number, layer in enumerate(filled):
            row = entries[layer][0]
            parts += [(first, min(at_once, row + n - first), number) for first in range(row, row + n, at_once)]
        slots = slots_of(plan, self.weights, min(SLOTS, len(parts)), rows)
        fixed, end = fixed_units(self.net, plan), len(plan.blocks) - 1

        def thread_ops() -> list[list[Op]]:
            space, derivatives = forward_workspace(plan, at_once), delta_workspace(plan, at_once)
            forward = forward_ops(plan, space, self.weights, fixed)
            z, delta = space.y[-1], derivatives.delta[-1]

            def through(enter: Op, i: int, loss: Op) -> list[Op]:
                back = backward_ops(plan, space, derivatives, self.weights, end, i, slots, fixed)
                upward = [o for block in forward[i + 1 :] for o in block.all]
                return [enter, *upward, loss, *(o for block in sorted(back, reverse=True) for o in back[block])]

            enter = ops.pack(space.enter, a.x, order=a.order, mean=plan.mean, per_step=self.batch)
            found = (self.losses, self.wrong)
            loss = loss_op(z, delta, of, a.labels, a.targets, a.order, found, a.total, self.batch)
            made = [through(enter, -1, loss)]
            for layer, e in examples.items():
                i = entries[layer][1]
                planes, mean = (space.enter, plan.mean) if i < 0 else (space.y[i], None)
                enter = ops.pack(planes, e.images, order=e.drawn, mean=mean, per_step=n)
                made.append(through(enter, i, loss_op(z, delta, of, e.labels, None, e.drawn, e.found, a.total, n)))
            return made

        each = [thread_ops() for _ in range(threads_for(len(parts)))]
        bounds = np.cumsum([0, *(len(part) for part in each[0])]).tolist()
        chains: list[list[Task]] = [[] for _ in range(min(SLOTS, len(parts)))]
        for place, (first, images, number) in enumerate(parts):
            s = place % len(chains)
            chains[s].append(Task(bounds[number + 1], bounds[number + 2], first, images, s))
        passing = [count + n * sum(entry < i for _, entry in entries.values()) for i in range(len(plan.blocks))]
        rows_of = {block.weights: row for block, row in zip(plan.blocks, passing, strict=True)}
        shared, second, at = list[Op](), list[list[Task]](), bounds[-1]
        for of_layer in layer_ops(
            plan, self.weights, self.velocity, slots, rows_of, a.rates, self.task.optimiser
        ):  # fmt: skip
            second.append([Task(at, at + len(of_layer), 0, count)])
            shared, at = [*shared, *of_layer], at + len(of_layer)
        program = Program([[*(o for part in of_thread for o in part), *shared] for of_thread in each], [chains, second])
        return program, examples

    def _examples(self, layer: str, row: int) -> Examples:
        places = row + self.task.batch * len(self.arrays.rates)
        images, labels = self.memory[layer]
        found = np.zeros(places), np.zeros(places, np.int64)
        return Examples(images, labels, np.zeros(places, np.int64), found)


def _entries(plan: Plan, filled: tuple[str, ...], count: int, n: int) -> dict[str, Entry]:
    """Return for each pool its first row, in the order of the blocks, and the block that its examples enter behind."""
    behind = {layer: plan.index(layer) for layer in filled}  # -1 for the images
    in_order = sorted(filled, key=lambda layer: behind[layer])
    return {layer: (count + n * in_order.index(layer), behind[layer]) for layer in filled}


def why_not(net: Network, plan: Plan, task: TrainPooled) -> str:
    """Return why there is no program for this training, or ""."""
    why = limits.why_not(net, plan) or limits.too_few(plan, task.images)
    why = why or planned_steps.why_not(net, plan, task, LOSSES)
    if why:
        return why
    last = len(plan.blocks) - 1
    other = [layer for layer in task.layers if layer != INPUT and not 0 <= plan.index(layer) < last]
    return f"{other[0]} is not the output of a block that another one follows" if other else ""


def run(net: Network, plan: Plan, task: TrainPooled, x: Array, t: Array, batch: int, state: SGDState) -> Session:
    """Return the session of a training with pools, for labels or values of outputs t, (N,) or (N, K)."""
    dtype, N, K = plan.dtype, len(x), plan.blocks[-1].y_shape[0]
    batch = min(batch, N)
    weights = {n: {p: copied(w) for p, w in parameters.items()} for n, parameters in plan.weights.items()}
    velocity = {n: {p: velocity_of(state, n, p, w) for p, w in of.items()} for n, of in weights.items()}
    arrays = Images(
        x=guards.images(net.as_input(x), plan.input_shape, dtype),
        labels=guards.indices("labels", t, N, K) if t.ndim == 1 else None,
        targets=None if t.ndim == 1 else guards.parameter("targets", t, (N, K), dtype),
        order=np.zeros(N, np.int64),
        rates=np.zeros(-(-N // batch)),
        total=np.zeros(1, np.int64),
    )
    memory = {
        layer: (aligned((task.size, *net.shapes[layer]), dtype), aligned(task.size, np.int64)) for layer in task.layers
    }
    return Session(weights, velocity, np.zeros(N), np.zeros(N, np.int64), net, plan, task, arrays, batch, memory)
