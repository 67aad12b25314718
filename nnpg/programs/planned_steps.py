"""What the programs of all backends take from a training: its loss, by name, and its penalty, as one factor.

Attacks have the same losses.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from nnpg.losses import Loss, binary, binary_seed, cross_entropy, cross_entropy_seed, squares, squares_seed
from nnpg.network import Network
from nnpg.optimisers import SGD, Decay, DecayPerUnit, PlainDecay
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Train, TrainPooled, TrainSelected
from nnpg_kernels import Array

# losses with kernels, recognised by their functions and not by their names
KERNELS: dict[tuple[Any, Any], str] = {
    (cross_entropy, cross_entropy_seed): "softmax",
    (binary, binary_seed): "binary",
    (squares, squares_seed): "squares",
}


def why_not(net: Network, plan: Plan, task: Train | TrainSelected | TrainPooled, losses: Container[str]) -> str:
    """Return why a backend with kernels of these losses has no program for this training, or ""."""
    loss, optimiser = task.loss, task.optimiser
    drawn = [name for name, layer in net.layers.items() if hasattr(layer, "drawn")]
    if drawn:
        return f"{drawn[0]} is drawn anew for each step"
    if why := why_no_kernel(plan, loss, losses):
        return why
    if type(optimiser) is not SGD:
        return f"the optimiser {type(optimiser).__name__} has no kernel"
    if type(optimiser.decay) not in (PlainDecay, DecayPerUnit, type(None)):
        return f"the decay {type(optimiser.decay).__name__} has no kernel"
    return ""


def why_no_kernel(plan: Plan, loss: Loss, losses: Container[str]) -> str:
    """Return why no kernel of these losses computes this one, or ""."""
    if type(loss) is not Loss or (loss.value, loss.seed) not in KERNELS:
        return f"the loss {loss.name!r} has no kernel"
    if loss_of(plan, loss) not in losses or len(plan.blocks[-1].y_shape) != 1:
        return f"the loss {loss.name!r} reads {loss.layer}, and has no kernel for that"
    return ""


def loss_of(plan: Plan, loss: Loss) -> str:
    """Return the loss of the output of the last block: "softmax", "squares of a sigmoid" ..., or "".

    Examples
    --------
    >>> import nnpg
    >>> from nnpg.programs.plan import plan_of
    >>> net = nnpg.build([nnpg.dense(2), nnpg.Sigmoid()], input_shape=(3,), rng=0)
    >>> loss_of(plan_of(net), nnpg.losses.squared_error(net))
    'squares of a sigmoid'
    """
    kind = KERNELS[loss.value, loss.seed]
    if plan.index(loss.layer) == len(plan.blocks) - 1:
        return kind
    return f"{kind} of a {plan.head}" if plan.rest and loss.layer == plan.rest[0] else ""


def decay_of(decay: Decay | None, name: str, parameter: str, w: Array) -> float:
    """Return the factor of w in the gradient of the penalty."""
    if decay is None:
        return 0.0
    return float(decay.gradient(name, parameter, np.ones((len(w), 1))).flat[0])
