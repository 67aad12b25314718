"""Training by a plan: whole epochs in compiled kernels, with the weights of one network changed in place.

phase 1    for each block of images: forward, loss, backward, and the gradients of convolutions into the block's slot
phase 2    for each layer: its gradient (slots summed in order; a dense layer's from all images), and the step
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg.programs import guards, planned_steps
from nnpg.programs.numba import limits
from nnpg.programs.numba.blocks import Slots, backward_ops, delta_workspace, forward_ops, forward_workspace
from nnpg.programs.overrides import fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Train
from nnpg.support.read_only import frozen
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.kernels.losses import LOSSES
from nnpg_kernels.numba.planes import SLACK
from nnpg_kernels.numba.program import Op, Program, Task
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes
from nnpg_kernels.threads import threads_for

SLOTS = 16  # gradients in memory: if there are more blocks of images, several add to one slot in turn
PIECES = 4  # pieces of a dense layer's gradient, for as many threads
A_WHILE = 0.1  # seconds of a call of kernels; Python handles interrupts and the progress bar between calls


@dataclass(frozen=True, eq=False)
class Session:
    """The state of one training: copies of the weights and velocities, and the programs of a step."""

    weights: dict[str, dict[str, Array]]
    velocity: dict[str, dict[str, Array]]
    order: Array  # (N,), of the images of an epoch
    losses: Array  # (N,)
    wrong: Array  # (N,)
    rates: Array  # (steps of an epoch,)
    images: Array  # (1,): in the current batch
    whole: Program
    rest: Program | None  # the last step of an epoch, where it has fewer images
    batch: int

    def epoch(self, order: Array, optimiser: SGD, t: int) -> Iterator[int]:
        """Take the steps of one epoch in this order, from step t on; after each call of kernels, yield the number done.

        Afterwards `losses` and `wrong` hold one number per image, in the same order.
        """
        N, steps = len(order), -(-len(order) // self.batch)
        self.order[:] = guards.indices("the order", order, len(self.order), len(self.order))
        self.rates[:] = optimiser.lr / (1 + (t + np.arange(steps)) * optimiser.lr_decay)
        whole = N // self.batch
        self.images[0], done, steps = self.batch, 0, 1
        while done < whole:
            began = time.perf_counter()
            self.whole(min(steps, whole - done), done)
            done += min(steps, whole - done)
            steps = max(1, int(steps * min(8.0, A_WHILE / max(1e-9, time.perf_counter() - began))))
            yield done
        if self.rest is not None:
            self.images[0] = N % self.batch
            self.rest(1, whole)
            yield steps

    def finite(self) -> bool:
        """Return whether all weights are finite."""
        return all(np.isfinite(w).all() for arrays in self.weights.values() for w in arrays.values())

    def network(self, net: Network) -> Network:
        """Return the network with the current weights."""
        return net.with_parameters(
            {n: {p: frozen(a.copy()) for p, a in parameters.items()} for n, parameters in self.weights.items()}
        )

    def state(self, t: int, optimiser: SGD) -> SGDState:
        """Return the optimiser's state after t steps."""
        if not optimiser.momentum or not t:
            return SGDState(t)
        return SGDState(t, {n: {p: a.copy() for p, a in parameters.items()} for n, parameters in self.velocity.items()})


def why_not(net: Network, plan: Plan, task: Train) -> str:
    """Return why there is no program for this training, or ""."""
    if task.own_steps:
        return "take_step takes the steps"
    why = limits.why_not(net, plan) or limits.too_few(plan, task.images)
    return why or planned_steps.why_not(net, plan, task, LOSSES)


def run(net: Network, plan: Plan, task: Train, x: Array, t: Array, batch: int, state: SGDState) -> Session:
    """Make the programs that train `net` on these images, for labels or values of outputs t, (N,) or (N, K)."""
    optimiser, dtype, N, K = task.optimiser, plan.dtype, len(x), plan.blocks[-1].y_shape[0]
    batch = min(batch, N)
    x = guards.images(net.as_input(x), plan.input_shape, dtype)
    labels = guards.indices("labels", t, N, K) if t.ndim == 1 else None
    targets = None if t.ndim == 1 else guards.parameter("targets", t, (N, K), dtype)
    of, fixed = planned_steps.loss_of(plan, task.loss), fixed_units(net, plan)
    weights = {n: {p: _copied(w) for p, w in parameters.items()} for n, parameters in plan.weights.items()}
    velocity = {n: {p: _velocity(state, n, p, w) for p, w in parameters.items()} for n, parameters in weights.items()}
    steps = -(-N // batch)
    order, losses, wrong = np.zeros(N, np.int64), np.zeros(N), np.zeros(N, np.int64)
    rates, images = np.zeros(steps), np.zeros(1, np.int64)

    at_once = plan.at_once(batch, lanes(dtype))
    slots = _slots(plan, weights, min(SLOTS, -(-batch // at_once)), batch)
    threads = threads_for(-(-batch // at_once))

    def block_ops() -> list[Op]:
        space, derivatives = forward_workspace(plan, at_once), delta_workspace(plan, at_once)
        z, delta = space.y[-1], derivatives.delta[-1]
        back = backward_ops(plan, space, derivatives, weights, len(plan.blocks) - 1, -1, slots, fixed)
        return [
            ops.pack(space.enter, x, order=order, mean=plan.mean, per_step=batch),
            *(o for block in forward_ops(plan, space, weights, fixed) for o in block.all),
            ops.cross_entropy(z, delta, labels, order, losses, wrong, images, batch)
            if labels is not None and of == "softmax"
            else ops.loss_of_each(z, delta, of, labels, targets, order, losses, wrong, images, batch),
            *(o for i in sorted(back, reverse=True) for o in back[i]),
        ]

    each = [block_ops() for _ in range(threads)]

    def program(count: int) -> Program:
        shared, second = [], []
        first = len(each[0])
        for of_layer in _layer_ops(plan, weights, velocity, slots, count, rates, optimiser):
            second.append([Task(first, first + len(of_layer), 0, count)])
            shared += of_layer
            first += len(of_layer)
        chains: list[list[Task]] = [[] for _ in range(min(SLOTS, -(-count // at_once)))]
        for i, n in enumerate(range(0, count, at_once)):
            s = i % len(chains)
            chains[s].append(Task(0, len(each[0]), n, min(at_once, count - n), s))
        return Program([of_thread + shared for of_thread in each], [chains, second])

    remainder = N % batch
    return Session(
        weights,
        velocity,
        order,
        losses,
        wrong,
        rates,
        images,
        program(batch),
        program(remainder) if remainder else None,
        batch,
    )


def _copied(a: Array) -> Array:
    copy = aligned(a.shape, a.dtype)
    copy[...] = a
    return copy


def _velocity(state: SGDState, name: str, parameter: str, w: Array) -> Array:
    if not state.velocity:
        return aligned(w.shape, w.dtype)
    return _copied(guards.like(f"the velocity of {name}.{parameter}", state.velocity[name][parameter], w))


def _slots(plan: Plan, weights: dict[str, dict[str, Array]], number: int, batch: int) -> Slots:
    slots = Slots({}, {}, {}, {})
    for block in plan.blocks:
        W = weights[block.weights]["W"]
        if block.kind == "conv":
            slots.dW[block.weights] = aligned((number, *W.shape), W.dtype)
            slots.db[block.weights] = aligned((number, len(W)), W.dtype)
        else:
            F, D = W.shape
            slots.x[block.weights] = _with_slack(batch, D, W)
            slots.delta[block.weights] = _with_slack(batch, F, W)
    return slots


def _with_slack(rows: int, columns: int, like: Array) -> Array:
    """Return zeros (rows, columns) with slack after them that a tile may read."""
    return aligned((rows, columns), like.dtype, SLACK * lanes(like.dtype))


def _layer_ops(
    plan: Plan,
    weights: dict[str, dict[str, Array]],
    velocity: dict[str, dict[str, Array]],
    slots: Slots,
    batch: int,
    rates: Array,
    optimiser: SGD,
) -> Iterator[list[Op]]:
    """Yield for each piece of each parameter the ops of its gradient, if it is not in the slots, and of its step."""
    momentum = np.array([optimiser.momentum])
    for block in plan.blocks:
        name = block.weights
        parameters, v = weights[name], velocity[name]
        decay = {p: np.array([planned_steps.decay_of(optimiser.decay, name, p, w)]) for p, w in parameters.items()}
        if block.kind == "conv":
            yield [ops.momentum_step(parameters["W"], slots.dW[name], v["W"], rates, momentum, decay["W"])]
            if "b" in parameters:
                yield [ops.momentum_step(parameters["b"], slots.db[name], v["b"], rates, momentum, decay["b"])]
            continue
        g = aligned((1, *parameters["W"].shape), parameters["W"].dtype)
        for rows in _pieces(len(parameters["W"])):
            yield [
                ops.dense_gradient(slots.x[name], slots.delta[name], batch, rows, g[0]),
                ops.momentum_step(parameters["W"][rows], g[:, rows], v["W"][rows], rates, momentum, decay["W"]),
            ]
        if "b" in parameters:
            g_b = aligned((1, len(parameters["b"])), parameters["b"].dtype)
            yield [
                ops.bias_gradient(slots.delta[name], batch, g_b[0]),
                ops.momentum_step(parameters["b"], g_b, v["b"], rates, momentum, decay["b"]),
            ]


def _pieces(F: int) -> Sequence[slice]:
    each = -(-F // PIECES // 4) * 4 or 4
    return [slice(f, min(f + each, F)) for f in range(0, F, each)]
