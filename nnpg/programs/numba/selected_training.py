"""Selective dropout by a plan: pairs of steps in compiled kernels, on a batch and then on its originals.

select     both images of each pair up to the layer's output, the change of its units, and the choice of some
step       on the batch: forward, loss, backward; then each layer's gradient, and the step of the chosen units
step       on the originals, likewise

If all images of a batch are in one block, the first step goes on from the outputs that the selection has computed.
Otherwise, and where other images decide, the selection is a program of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg.programs import guards, planned_steps
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import backward_ops, delta_workspace, forward_ops, forward_workspace
from nnpg.programs.numba.steps import SLOTS, Pace, Running, copied, layer_ops, loss_op, slots_of, velocity_of
from nnpg.programs.overrides import fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import TrainSelected
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.kernels.losses import LOSSES
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

SELECT, ALL, SAME = range(3)  # at a pair of steps: units are chosen, all units learn, or the same as before
TOGETHER = {SELECT: {SELECT}, ALL: {ALL, SAME}, SAME: {SAME}}  # what may follow in one call of kernels

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The arrays that programs read and write: images, their order in an epoch, and which units learn."""

    x: Array  # (N, ...)
    originals: Array
    labels: Array | None
    targets: Array | None
    order: Whole  # (N,), of the images of an epoch
    of_originals: tuple[Array, Array]  # losses and errors of the originals, which nobody reads
    rates: tuple[Array, Array]  # (pairs of an epoch,), of the first and of the second step
    images: Whole  # (1,): in the current batch
    members: Whole  # (N,): images that decide, where they are not those of the batch
    member_images: Array  # (N, ...)
    changes: Array  # (N, F), or of a batch
    retained: Whole  # (pairs of an epoch,)
    chosen: Whole  # (F,)
    times: Whole  # (F,): how often each unit was chosen since the last call of `watch`


@dataclass(frozen=True, eq=False)
class Session(Running):
    """The state of one training, and the programs of its pairs of steps."""

    steps_per_batch: ClassVar[int] = 2
    net: Network
    plan: Plan
    task: TrainSelected
    arrays: Pairs
    batch: int
    programs: dict[tuple[str, int], Program] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)  # of pairs of steps

    def epoch(self, order: Array, optimiser: SGD, t: int) -> Iterator[int]:
        """Take the pairs of steps of one epoch in this order; after each call of kernels, yield the number done."""
        a, N, first = self.arrays, len(order), t // 2
        pairs = -(-N // self.batch)
        a.order[:] = guards.indices("the order", order, len(a.order), len(a.order))
        for i, rates in enumerate(a.rates):
            rates[:] = optimiser.lr / (1 + (t + i + 2 * np.arange(pairs)) * optimiser.lr_decay)
        choices, due = self._choices(first, pairs), self._due(first, pairs)
        done, whole = 0, N // self.batch
        while done < pairs:
            began, until = time.perf_counter(), done + 1
            most = min(done + self.pace.steps, whole)
            while until < most and not due[until - 1] and choices[until] in TOGETHER[choices[done]]:
                until += 1
            self._take(choices[done:until], done, min(self.batch, N - done * self.batch))
            self.pace.took(until - done, time.perf_counter() - began)
            done = until
            if due[done - 1]:
                self._show(2 * (first + done))
            yield done

    def _choices(self, first: int, pairs: int) -> list[int]:
        """Return what is done about the choice of units at each pair of steps of an epoch."""
        a, choices = self.arrays, []
        for pair in range(pairs):
            if (first + pair) % self.task.every:
                choices.append(SAME)
                continue
            a.retained[pair] = self.task.retained(first + pair)
            choices.append(ALL if a.retained[pair] == len(a.chosen) else SELECT)
        return choices

    def _due(self, first: int, pairs: int) -> list[bool]:
        """Return after which pairs of steps `watch` is called."""
        if self.task.watch is None:
            return [False] * pairs
        after = self.task.watch_after
        return [after is None or bool(after(2 * (first + pair + 1))) for pair in range(pairs)]

    def _take(self, choices: list[int], pair: int, count: int) -> None:
        """Take pairs of steps from this one on, of `count` images each."""
        a = self.arrays
        a.images[0] = count
        if choices[0] == SELECT:
            if self._in_one_block(count):
                self._program("select", count)(len(choices), pair)
                return
            for p in range(pair, pair + len(choices)):
                members = self._members(p, count)
                a.members[: len(members)] = members
                self._program("choose", len(members))(1, p)
                self._program("steps", count)(1, p)
            return
        if choices[0] == ALL:
            a.chosen[:] = 1
        self._program("steps", count)(len(choices), pair)
        a.times[:] += len(choices) * a.chosen

    def _members(self, pair: int, count: int) -> Array:
        """Return the images that decide at a pair of steps."""
        rows = self.arrays.order[pair * self.batch : pair * self.batch + count]
        return rows if self.task.members is None else self.task.members(rows)

    def _show(self, steps: int) -> None:
        times = self.arrays.times.copy()
        self.arrays.times[:] = 0
        assert self.task.watch is not None
        self.task.watch(steps, self.network(self.net), times if self.task.watch_after else times > 0)

    def _in_one_block(self, count: int) -> bool:
        return self.task.members is None and count <= self.plan.at_once(self.batch, lanes(self.plan.dtype))

    def _program(self, kind: str, count: int) -> Program:
        """Return a program for a batch of `count` images, or for a choice by as many: "select", "steps" or "choose"."""
        if (kind, count) not in self.programs:
            made = self._choose(count) if kind == "choose" else self._steps(count, select=kind == "select")
            self.programs[kind, count] = made
        return self.programs[kind, count]

    def _steps(self, count: int, *, select: bool) -> Program:
        """Return the program of a pair of steps, with the choice of units before them or without."""
        plan, task, a = self.plan, self.task, self.arrays
        at_once = plan.at_once(self.batch, lanes(plan.dtype))
        slots = slots_of(plan, self.weights, min(SLOTS, -(-count // at_once)), count)
        fixed, of, i = fixed_units(self.net, plan), planned_steps.loss_of(plan, task.loss), plan.index(task.output)

        def thread_ops() -> list[list[Op]]:
            space, derivatives = forward_workspace(plan, at_once), delta_workspace(plan, at_once)
            forward = forward_ops(plan, space, self.weights, fixed)
            back = backward_ops(plan, space, derivatives, self.weights, len(plan.blocks) - 1, -1, slots, fixed)
            if task.silent:
                back[i] = [ops.silence(derivatives.delta[i], a.chosen), *back[i]]
            to_units = [o for block in forward[: i + 1] for o in block.all]
            beyond = [ops.silence(space.y[i], a.chosen)] if task.silent else []
            beyond += [o for block in forward[i + 1 :] for o in block.all]
            behind = [o for block in sorted(back, reverse=True) for o in back[block]]
            z, delta = space.y[-1], derivatives.delta[-1]

            def enter(images: Array) -> Op:
                return ops.pack(space.enter, images, order=a.order, mean=plan.mean, per_step=self.batch)

            def loss(found: tuple[Array, Array]) -> Op:
                return loss_op(z, delta, of, a.labels, a.targets, a.order, found, a.images, self.batch)

            selection = []
            if select:
                before = forward_workspace(plan, at_once)
                selection = [
                    ops.pack(before.enter, a.originals, order=a.order, mean=plan.mean, per_step=self.batch),
                    *(o for block in forward_ops(plan, before, self.weights, fixed)[: i + 1] for o in block.all),
                    ops.unit_changes(before.y[i], space.y[i], a.changes, shift=task.shift),
                    ops.choose_units(a.changes, count, task.clusters, a.retained, a.chosen, a.times),
                ]
            return [
                [enter(a.x), *to_units, *selection, *beyond, loss((self.losses, self.wrong)), *behind],
                [enter(a.originals), *to_units, *beyond, loss(a.of_originals), *behind],
            ]

        each = [thread_ops() for _ in range(threads_for(-(-count // at_once)))]
        shared: list[Op] = []
        phases: list[list[list[Task]]] = []
        first = 0
        for number in range(len(a.rates)):
            last = first + len(each[0][number])
            chains: list[list[Task]] = [[] for _ in range(min(SLOTS, -(-count // at_once)))]
            for block, n in enumerate(range(0, count, at_once)):
                s = block % len(chains)
                chains[s].append(Task(first, last, n, min(at_once, count - n), s))
            phases, first = [*phases, chains, []], last
        for number, rates in enumerate(a.rates):
            of_pair = slots, dict.fromkeys(self.weights, count), rates, task.optimiser, {task.layer: a.chosen}
            for of_layer in layer_ops(plan, self.weights, self.velocity, *of_pair):
                phases[2 * number + 1].append([Task(first, first + len(of_layer), 0, count)])
                shared, first = [*shared, *of_layer], first + len(of_layer)
        return Program([[*steps[0], *steps[1], *shared] for steps in each], phases)

    def _choose(self, count: int) -> Program:
        """Return the program of a choice by the change of `count` members."""
        plan, task, a = self.plan, self.task, self.arrays
        at_once, i = plan.at_once(count, lanes(plan.dtype)), plan.index(task.output)
        fixed = fixed_units(self.net, plan)

        def thread_ops() -> list[Op]:
            made: list[Op] = []
            spaces = []
            for images in (a.originals, a.member_images):
                space = forward_workspace(plan, at_once)
                made.append(ops.pack(space.enter, images, order=a.members, mean=plan.mean))
                made += [o for block in forward_ops(plan, space, self.weights, fixed)[: i + 1] for o in block.all]
                spaces.append(space)
            before, after = spaces
            return [*made, ops.unit_changes(before.y[i], after.y[i], a.changes, shift=task.shift)]

        each = [thread_ops() for _ in range(threads_for(-(-count // at_once)))]
        last = len(each[0])
        choose = ops.choose_units(a.changes, count, task.clusters, a.retained, a.chosen, a.times)
        chains = [[Task(0, last, n, min(at_once, count - n))] for n in range(0, count, at_once)]
        return Program([[*of_thread, choose] for of_thread in each], [chains, [[Task(last, last + 1, 0, count)]]])


def why_not(net: Network, plan: Plan, task: TrainSelected) -> str:
    """Return why there is no program for this training, or ""."""
    why = limits.why_not(net, plan) or limits.too_few(plan, task.images)
    why = why or planned_steps.why_not(net, plan, task, LOSSES)
    if why:
        return why
    i = plan.index(task.output)
    if i < 0 or plan.blocks[i].weights != task.layer:
        return f"{task.output} is not the output of the block of {task.layer}"
    return ""


def run(net: Network, plan: Plan, task: TrainSelected, x: Array, t: Array, batch: int, state: SGDState) -> Session:
    """Return the session of a training on pairs of images, for labels or values of outputs t, (N,) or (N, K)."""
    dtype, N, K = plan.dtype, len(x), plan.blocks[-1].y_shape[0]
    batch = min(batch, N)

    def images(a: Array, name: str) -> Array:
        if len(a) < N:
            raise ValueError(f"{name} must be {N}, one for each image, not {len(a)}")
        return guards.images(net.as_input(a), plan.input_shape, dtype)

    x, originals = images(x, "x"), images(task.originals, "originals")
    members = x if task.adversarial is None else images(task.adversarial, "adversarial")
    weights = {n: {p: copied(w) for p, w in parameters.items()} for n, parameters in plan.weights.items()}
    velocity = {n: {p: velocity_of(state, n, p, w) for p, w in of.items()} for n, of in weights.items()}
    pairs, F = -(-N // batch), len(weights[task.layer]["W"])
    arrays = Pairs(
        x=x,
        originals=originals,
        labels=guards.indices("labels", t, N, K) if t.ndim == 1 else None,
        targets=None if t.ndim == 1 else guards.parameter("targets", t, (N, K), dtype),
        order=np.zeros(N, np.int64),
        of_originals=(np.zeros(N), np.zeros(N, np.int64)),
        rates=(np.zeros(pairs), np.zeros(pairs)),
        images=np.zeros(1, np.int64),
        members=np.zeros(len(originals), np.int64),
        member_images=members,
        changes=aligned((batch if task.members is None else len(originals), F), np.float64),
        retained=np.zeros(pairs, np.int64),
        chosen=aligned(F, np.int64),
        times=aligned(F, np.int64),
    )
    return Session(weights, velocity, np.zeros(N), np.zeros(N, np.int64), net, plan, task, arrays, batch)
