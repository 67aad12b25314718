"""Training by a plan: whole epochs in compiled kernels, with the weights of one network changed in place.

first      for each block of images: forward, loss, backward, and the gradients of convolutions into the block's slot;
           a block that is left over when each thread has as many has more phases: see `pieces`;
           a few images of a wide network also: see `wide.training`
last       for each layer: its gradient (slots summed in order; a dense layer's from all images), and the step
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg.programs import guards, planned_steps
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import backward_ops, delta_workspace, forward_ops, forward_workspace
from nnpg.programs.numba.pieces import Cut, Stage, shared_out, stages
from nnpg.programs.numba.steps import SLOTS, Pace, Running, Step, copied, loss_op, slots_of, velocity_of
from nnpg.programs.numba.wide.passes import PIECES
from nnpg.programs.numba.wide.phases import Phases
from nnpg.programs.numba.wide.training import add_few_images
from nnpg.programs.overrides import Fixed, fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Train
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.kernels.losses import LOSSES
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, Program
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import thread_count, threads_for

Share = tuple[int, int, int]  # n, images, slot: a block of images, and where its gradients go


@dataclass(frozen=True, eq=False)
class Session(Running):
    """The state of one training, and the programs of a step."""

    order: Array  # (N,), of the images of an epoch
    rates: Array  # (steps of an epoch,)
    images: Array  # (1,): in the current batch
    whole: Program
    rest: Program | None  # the last step of an epoch, where it has fewer images
    batch: int
    pace: Pace = field(default_factory=Pace)

    def epoch(self, order: Array, optimiser: SGD, t: int) -> Iterator[int]:
        """Take the steps of one epoch in this order, from step t on; after each call of kernels, yield the number done.

        Afterwards `losses` and `wrong` hold one number per image, in the same order.
        """
        N, steps = len(order), -(-len(order) // self.batch)
        self.order[:] = guards.indices("the order", order, len(self.order), len(self.order))
        self.rates[:] = optimiser.lr / (1 + (t + np.arange(steps)) * optimiser.lr_decay)
        whole = N // self.batch
        self.images[0], done = self.batch, 0
        while done < whole:
            began, now = time.perf_counter(), min(self.pace.steps, whole - done)
            self.whole(now, done)
            self.pace.took(now, time.perf_counter() - began)
            done += now
            yield done
        if self.rest is not None:
            self.images[0] = N % self.batch
            self.rest(1, whole)
            yield steps


def why_not(net: Network, plan: Plan, task: Train) -> str:
    """Return why there is no program for this training, or ""."""
    if task.own_steps:
        return "take_step takes the steps"
    why = limits.why_not(net, plan) or limits.too_few(plan, task.images, filters=not fixed_units(net, plan))
    return why or planned_steps.why_not(net, plan, task, LOSSES)


def run(net: Network, plan: Plan, task: Train, x: Array, t: Array, batch: int, state: SGDState) -> Session:
    """Make the programs that train `net` on these images, for labels or values of outputs t, (N,) or (N, K)."""
    optimiser, dtype, N, K = task.optimiser, plan.dtype, len(x), plan.blocks[-1].y_shape[0]
    batch = min(batch, N)
    x = guards.images(net.as_input(x), plan.input_shape, dtype)
    labels = guards.indices("labels", t, N, K) if t.ndim == 1 else None
    targets = None if t.ndim == 1 else guards.parameter("targets", t, (N, K), dtype)
    of, fixed = planned_steps.loss_of(plan, task.loss), fixed_units(net, plan)
    weights = {n: {p: copied(w) for p, w in parameters.items()} for n, parameters in plan.weights.items()}
    velocity = {n: {p: velocity_of(state, n, p, w) for p, w in parameters.items()} for n, parameters in weights.items()}
    steps = -(-N // batch)
    order, losses, wrong = np.zeros(N, np.int64), np.zeros(N), np.zeros(N, np.int64)
    rates, images = np.zeros(steps), np.zeros(1, np.int64)

    def pack(enter: Planes) -> Op:
        return ops.pack(enter, x, order=order, mean=plan.mean, per_step=batch)

    def loss(z: Planes, delta: Planes) -> Op:
        return loss_op(z, delta, of, labels, targets, order, (losses, wrong), images, batch)

    step = Step(plan, weights, velocity, pack, loss, rates, optimiser)
    program = _programs(step, batch, N % batch, fixed)
    remainder = N % batch
    return Session(
        weights,
        velocity,
        losses,
        wrong,
        order,
        rates,
        images,
        program(batch),
        program(remainder) if remainder else None,
        batch,
    )


def _programs(step: Step, batch: int, remainder: int, fixed: Mapping[int, Fixed]) -> Callable[[int], Program]:
    """Return the function that makes the program of a step with `batch` images, or with those that remain."""
    plan, weights = step.plan, step.weights
    at_once = plan.at_once(batch, lanes(plan.dtype))
    few = [n for n in (batch, remainder) if not fixed and limits.filters_fill_lanes(plan, n)]
    many = [n for n in (batch, remainder) if n not in few]
    slot = min(SLOTS, -(-batch // at_once)) if batch in many else 0  # the first one of a few images
    slots = slots_of(plan, weights, slot, batch, max(few, default=0))

    def block_ops() -> list[Op]:
        space, derivatives = forward_workspace(plan, at_once), delta_workspace(plan, at_once)
        back = backward_ops(plan, space, derivatives, weights, len(plan.blocks) - 1, -1, slots, fixed)
        return [
            step.pack(space.enter),
            *(o for block in forward_ops(plan, space, weights, fixed) for o in block.all),
            step.loss(space.y[-1], derivatives.delta[-1]),
            *(o for i in sorted(back, reverse=True) for o in back[i]),
        ]

    def block_stages(pieces: int) -> list[Stage]:
        memory = forward_workspace(plan, at_once), delta_workspace(plan, at_once)
        cut = Cut(plan, *memory, weights, slots, fixed, pieces)
        return stages(cut, step.pack(cut.space.enter), step.loss(cut.space.y[-1], cut.deltas.delta[-1]))

    def shares(count: int) -> tuple[list[Share], list[Share], int]:
        """Return the blocks that a thread does each, those that are cut, and in how many pieces."""
        blocks = [(n, min(at_once, count - n), i % slot) for i, n in enumerate(range(0, count, at_once))]
        full, pieces = shared_out(len(blocks), thread_count())
        return blocks[:full], blocks[full:], pieces

    of_counts = [shares(count) for count in many]
    tasks = [*few, *(PIECES for _ in few), *(len(full) for full, _, _ in of_counts)]
    threads = max(threads_for(max(tasks)), *(len(left) * pieces for _, left, pieces in of_counts), 1)
    each = [block_ops() if any(full for full, _, _ in of_counts) else [] for _ in range(threads)]

    def program(count: int) -> Program:
        phases = Phases(threads)
        if count in few:
            add_few_images(phases, step, slots, slot, count)
        else:
            add_blocks(phases, count)
        of_layers = list(step.of_layers(slots, count))
        phases.add_each(of_layers, [(0, count, 0)] * len(of_layers))
        return phases.program()

    def add_blocks(phases: Phases, count: int) -> None:
        full, left, pieces = shares(count)
        if full:
            phases.add_chains(
                each, [[block for block in full if block[2] == s] for s in dict.fromkeys(s for _, _, s in full)]
            )
        for stages_of_left in zip(*(block_stages(pieces) for _ in left), strict=True):
            phases.add_each(
                [piece for stage in stages_of_left for piece in stage],
                [share for stage, share in zip(stages_of_left, left, strict=True) for _ in stage],
            )

    return program
