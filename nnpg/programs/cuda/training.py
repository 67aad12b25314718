"""Training on a device: one launch for many steps of small batches, or two launches a step.

`why_two_launches` says why small batches of a network have no such launch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg.programs import guards, planned_steps
from nnpg.programs.cuda import limits
from nnpg.programs.cuda.resident import all_parameters, many_steps, training_step
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Train
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.programs import shared_bytes_at_most
from nnpg_kernels.cuda.resident.training.launches import Settings
from nnpg_kernels.cuda.resident.training.many import IMAGES_AT_MOST
from nnpg_kernels.cuda.resident.training.running import RunningTraining

LOSSES = {"softmax": 0, "binary": 1, "squares": 2, "squares of a sigmoid": 3}  # as in loss.cuh


@dataclass(frozen=True, eq=False)
class Session:
    """A training: which part of its arrays is which weight."""

    plan: Plan
    running: RunningTraining

    @property
    def batch(self) -> int:
        """The images of a step."""
        return self.running.settings.batch

    @property
    def losses(self) -> Array:
        """The loss of each image of the last epoch, in its order."""
        return self.running.losses

    @property
    def wrong(self) -> Array:
        """Which images were wrong."""
        return self.running.wrong

    def epoch(self, order: Array, optimiser: SGD, t: int) -> Iterator[int]:
        """Take the steps of one epoch in this order, from step t on; from time to time, yield the number done."""
        N = self.running.N
        yield from self.running.epoch(guards.indices("the order", order, N, N), t)

    @property
    def steps_per_batch(self) -> int:
        """Steps of the optimiser."""
        return 1

    def finite(self) -> bool:
        """Return whether all weights were finite after the last step."""
        return self.running.finite()

    def network(self, net: Network) -> Network:
        """Return the network with the current weights."""
        return net.with_parameters(_by_name(self.plan, self.running.parameters))

    def state(self, t: int, optimiser: SGD) -> SGDState:
        """Return the optimiser's state after t steps."""
        if not optimiser.momentum or not t:
            return SGDState(t)
        return SGDState(t, _by_name(self.plan, self.running.velocity))


def _by_name(plan: Plan, parameters: Array) -> dict[str, dict[str, Array]]:
    """Return copies of the weights and biases, or of what else there is for each of them, by name."""
    found: dict[str, dict[str, Array]] = {}
    at = 0
    for block in plan.blocks:
        weights = plan.weights[block.weights]
        F = len(weights["W"])
        for p, shape in (("W", weights["W"].shape), ("b", (F,))):
            size = math.prod(shape)
            if p in weights:
                found.setdefault(block.weights, {})[p] = parameters[at : at + size].reshape(shape).copy()
            at += size
    return found


def why_not(net: Network, plan: Plan, task: Train) -> str:
    """Return why there is no program for this training, or ""."""
    if task.own_steps:
        return "take_step takes the steps"
    if why := limits.why_not(net, plan, backward=True) or planned_steps.why_not(net, plan, task, LOSSES):
        return why
    needed, most = training_step(net, plan).shared_bytes, shared_bytes_at_most(net.backend.xp)
    if needed > most:
        return f"an image of a training needs {needed} bytes of shared memory, and a block of this device has {most}"
    return ""


def why_two_launches(net: Network, plan: Plan, batch: int) -> str:
    """Return why each step of batches of so many images is two launches, or ""."""
    if batch > IMAGES_AT_MOST:
        return f"a batch has {batch} images, more than {IMAGES_AT_MOST}"
    return many_steps(net, plan, batch).why_not(shared_bytes_at_most(net.backend.xp))


def run(net: Network, plan: Plan, task: Train, x: Array, t: Array, batch: int, state: SGDState) -> Session:
    """Return the session of a training on these images, for labels or values of outputs t, (N,) or (N, K)."""
    xp, optimiser, N, (K,) = net.backend.xp, task.optimiser, len(x), plan.blocks[-1].y_shape
    x = guards.images(net.as_input(x), plan.input_shape, plan.dtype)
    t = guards.indices("labels", t, N, K) if t.ndim == 1 else guards.parameter("targets", t, (N, K), plan.dtype)
    step, parameters = training_step(net, plan), all_parameters(net, plan)
    names = {(i, p): plan.blocks[i].weights for i, p in dict.fromkeys(step.owners)}
    decays = {
        (i, p): planned_steps.decay_of(optimiser.decay, name, p, plan.weights[name][p])
        for (i, p), name in names.items()
    }
    rates = optimiser.lr, optimiser.lr_decay, optimiser.momentum
    loss = LOSSES[planned_steps.loss_of(plan, task.loss)]
    batch = min(batch, N)
    settings, many = Settings(batch, loss, rates, decays), None
    if not why_two_launches(net, plan, batch):
        many = many_steps(net, plan, batch)
    velocity = [_velocity(net, state, plan, i, part) for i, part in enumerate(parameters)]
    flat, flat_velocity = (xp.concatenate([part.ravel() for part in parts]) for parts in (parameters, velocity))
    return Session(plan, RunningTraining(xp, step, many, x, xp.asarray(t), flat, flat_velocity, settings))


def _velocity(net: Network, state: SGDState, plan: Plan, i: int, part: Array) -> Array:
    """Return the velocity of the i-th of all parameters: of W and b of each block in turn, then of the mean."""
    name, p = plan.blocks[i // 2].weights if i < 2 * len(plan.blocks) else "", "Wb"[i % 2]
    if name not in state.velocity or p not in state.velocity[name]:
        return net.backend.xp.zeros_like(part)
    return guards.like(f"the velocity of {name}.{p}", state.velocity[name][p], part)
