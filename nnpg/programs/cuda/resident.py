"""From a plan to the programs of a network on its device."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from nnpg.network import Network
from nnpg.programs.plan import Plan
from nnpg.programs.planned_blocks import Block
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.numbers import Numbers, numbers_of
from nnpg_kernels.cuda.resident.programs import Programs, has_clusters, shared_bytes_at_most
from nnpg_kernels.cuda.resident.training.many import ManySteps, many_steps_of
from nnpg_kernels.cuda.resident.training.numbers import Step, step_of


def programs(net: Network, plan: Plan) -> Programs:
    """Return the programs of a network."""
    return Programs(numbers(net, plan), net.backend.xp)


def numbers(net: Network, plan: Plan) -> Numbers:
    """Return the network as the numbers for which its programs are compiled."""
    most = shared_bytes_at_most(net.backend.xp)
    return _numbers(plan.blocks, plan.dtype, plan.mean is not None, plan.head, most)


@lru_cache(maxsize=256)
def _numbers(blocks: tuple[Block, ...], dtype: np.dtype[Any], centred: bool, head: str, most: int) -> Numbers:
    return numbers_of(blocks, dtype, centred=centred, head=head, bytes_at_most=most)


def training_step(net: Network, plan: Plan) -> Step:
    """Return a training of the network as the numbers for which its program is compiled."""
    most = shared_bytes_at_most(net.backend.xp)
    return _step(plan.blocks, _biases(plan), plan.dtype, plan.mean is not None, plan.head, most)


def _biases(plan: Plan) -> tuple[bool, ...]:
    """Return whether each block has a bias."""
    return tuple("b" in plan.weights[block.weights] for block in plan.blocks)


@lru_cache(maxsize=256)
def _step(
    blocks: tuple[Block, ...], biases: tuple[bool, ...], dtype: np.dtype[Any], centred: bool, head: str, most: int
) -> Step:
    return step_of(blocks, biases, dtype, centred=centred, head=head, bytes_at_most=most)


def many_steps(net: Network, plan: Plan, images: int) -> ManySteps:
    """Return a training in batches of so many images as the numbers with which one cluster takes its steps."""
    step, clusters = training_step(net, plan), has_clusters(net.backend.xp)
    return _many(step, plan.blocks, _biases(plan), images, plan.mean is not None, plan.head, clusters)


@lru_cache(maxsize=256)
def _many(
    step: Step,
    blocks: tuple[Block, ...],
    biases: tuple[bool, ...],
    images: int,
    centred: bool,
    head: str,
    clusters: bool,
) -> ManySteps:
    return many_steps_of(step, blocks, biases, images, centred=centred, head=head, clusters=clusters)


def all_parameters(net: Network, plan: Plan) -> list[Array]:
    """Return all parameters in their order, with zeros for a bias that is missing: W and b of each block, the mean."""
    xp, parts = net.backend.xp, []
    for block in plan.blocks:
        weights = plan.weights[block.weights]
        parts += [weights["W"], weights["b"] if "b" in weights else xp.zeros(len(weights["W"]), plan.dtype)]
    return parts if plan.mean is None else [*parts, plan.mean]


def arranged(net: Network, plan: Plan, orders: Array | None = None, count: int = 1) -> Array:
    """Return all weights as the programs read them; they are read anew for each call, as a user may change them."""
    return programs(net, plan).arranged(all_parameters(net, plan), orders, count)
