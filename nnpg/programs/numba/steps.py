"""What the programs of trainings share: copies of the weights, memory for gradients, losses, steps of the layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg.optimisers import SGD, SGDState
from nnpg.programs import guards, planned_steps
from nnpg.programs.numba.blocks import Slots
from nnpg.programs.plan import Plan
from nnpg.support.read_only import frozen
from nnpg_kernels import Array
from nnpg_kernels.numba import ops
from nnpg_kernels.numba.planes import SLACK, Planes
from nnpg_kernels.numba.program import Op
from nnpg_kernels.numba.runtime.memory import aligned
from nnpg_kernels.numba.simd import lanes

SLOTS = 16  # gradients in memory: if there are more blocks of images, several add to one slot in turn
PIECES = 4  # pieces of a dense layer's gradient, for as many threads
EVERY: Mapping[str, Array] = MappingProxyType({})  # all units of all layers learn
A_WHILE = 0.1  # seconds of a call of kernels; Python handles interrupts and the progress bar between calls

Weights = dict[str, dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Running:
    """Copies of the weights and velocities, which the kernels of a training change, and what they find.

    `losses` and `wrong` are of each place of the order of an epoch, before the first step of its batch.
    """

    weights: Weights
    velocity: Weights
    losses: Array  # (N,)
    wrong: npt.NDArray[np.int64]  # (N,), 1 where the prediction was not the label
    steps_per_batch: ClassVar[int] = 1  # of the optimiser

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


@dataclass
class Pace:
    """How many steps one call of kernels takes: as many as take `A_WHILE`, by the calls before, of all epochs."""

    steps: int = 1

    def took(self, steps: int, seconds: float) -> None:
        """Note how long a call took."""
        self.steps = max(1, int(min(8 * self.steps, steps * A_WHILE / max(1e-9, seconds))))


@dataclass(frozen=True, eq=False)
class Step:
    """What the programs of a step need.

    Parameters
    ----------
    pack : pack(planes) is the op that brings images into planes
    loss : loss(z, delta) is the op of the loss and its seed
    """

    plan: Plan
    weights: Weights
    velocity: Weights
    pack: Callable[[Planes], Op]
    loss: Callable[[Planes, Planes], Op]
    rates: Array
    optimiser: SGD

    def of_layers(self, slots: Slots, count: int) -> Iterator[list[Op]]:
        """Yield the ops of each piece of each parameter, for a batch of `count` images."""
        rows = dict.fromkeys(self.weights, count)
        return layer_ops(self.plan, self.weights, self.velocity, slots, rows, self.rates, self.optimiser)


def copied(a: Array) -> Array:
    """Return a copy that kernels may change."""
    copy = aligned(a.shape, a.dtype)
    copy[...] = a
    return copy


def velocity_of(state: SGDState, name: str, parameter: str, w: Array) -> Array:
    """Return a copy of the velocity of a parameter w, or zeros where there is none yet."""
    if not state.velocity:
        return aligned(w.shape, w.dtype)
    return copied(guards.like(f"the velocity of {name}.{parameter}", state.velocity[name][parameter], w))


def slots_of(plan: Plan, weights: Weights, number: int, batch: int, few: int = 0) -> Slots:
    """Return memory for the gradients of so many blocks of images at once, and of a few single images beside them."""
    slots = Slots({}, {}, {}, {})
    for block in plan.blocks:
        W = weights[block.weights]["W"]
        if block.kind == "conv":
            slots.dW[block.weights] = aligned((number + bool(few), *W.shape), W.dtype)
            slots.db[block.weights] = aligned((number + few, len(W)), W.dtype)
        else:
            F, D = W.shape
            slots.x[block.weights] = _with_slack(batch, D, W)
            slots.delta[block.weights] = _with_slack(batch, F, W)
    return slots


def _with_slack(rows: int, columns: int, like: Array) -> Array:
    """Return zeros (rows, columns) with slack after them that a tile may read."""
    return aligned((rows, columns), like.dtype, SLACK * lanes(like.dtype))


def loss_op(
    z: Planes,
    delta: Planes,
    of: str,
    labels: Array | None,
    targets: Array | None,
    order: Array,
    found: tuple[Array, Array],
    images: Array,
    batch: int,
) -> Op:
    """Return the op of a loss of `losses.LOSSES` and its seed; `found` are the losses and the errors of each place."""
    if labels is not None and of == "softmax":
        return ops.cross_entropy(z, delta, labels, order, *found, images, batch)
    return ops.loss_of_each(z, delta, of, labels, targets, order, *found, images, batch)


def layer_ops(
    plan: Plan,
    weights: Weights,
    velocity: Weights,
    slots: Slots,
    rows_of: Mapping[str, int],
    rates: Array,
    optimiser: SGD,
    units: Mapping[str, Array] = EVERY,
) -> Iterator[list[Op]]:
    """Yield for each piece of each parameter the ops of its gradient, if it is not in the slots, and of its step.

    The gradient of a dense layer is a sum over the first rows_of[name] rows of its slots. In a layer that `units`
    names, only the units learn where units[name] (F,) is 1.
    """
    momentum = np.array([optimiser.momentum])
    for block in plan.blocks:
        name = block.weights
        parameters = weights[name]
        decay = {p: np.array([planned_steps.decay_of(optimiser.decay, name, p, w)]) for p, w in parameters.items()}

        def step(p: str, g: Array, rows: slice = slice(None), name: str = name, decay: dict[str, Array] = decay) -> Op:
            arrays = weights[name][p][rows], g, velocity[name][p][rows], rates, momentum, decay[p]
            return ops.step_of_units(*arrays, units[name][rows]) if name in units else ops.momentum_step(*arrays)

        if block.kind == "conv":
            yield [step("W", slots.dW[name])]
            if "b" in parameters:
                yield [step("b", slots.db[name])]
            continue
        g = aligned((1, *parameters["W"].shape), parameters["W"].dtype)
        for rows in _pieces(len(parameters["W"])):
            gradient = ops.dense_gradient(slots.x[name], slots.delta[name], rows_of[name], rows, g[0])
            yield [gradient, step("W", g[:, rows], rows)]
        if "b" in parameters:
            g_b = aligned((1, len(parameters["b"])), parameters["b"].dtype)
            yield [ops.bias_gradient(slots.delta[name], rows_of[name], g_b[0]), step("b", g_b)]


def _pieces(F: int) -> Sequence[slice]:
    each = -(-F // PIECES // 4) * 4 or 4
    return [slice(f, min(f + each, F)) for f in range(0, F, each)]
