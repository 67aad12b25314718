"""Limits of the programs of a device, for all tasks."""

from __future__ import annotations

import math

import numpy as np

from nnpg.network import Network
from nnpg.programs.cuda.resident import numbers
from nnpg.programs.plan import Plan
from nnpg_kernels.cuda.resident.programs import shared_bytes_at_most
from nnpg_kernels.cuda.resident.ways import why_not as why_no_block

MOST = 1 << 30  # numbers of an image, or weights: places are counted with 32 bits


def why_not(net: Network, plan: Plan, *, backward: bool = False) -> str:
    """Return why no program can run this network, or ""; with `backward`, one that sends deltas back."""
    if plan.why_not:
        return plan.why_not
    if plan.dtype not in (np.float32, np.float64):
        return f"the weights are {plan.dtype}, not float32 or float64"
    if net.interventions:
        return f"the network has interventions on {next(iter(net.interventions))}"
    if not all(plan.input_shape):
        return "an image holds no numbers"
    if plan.head and no_row(plan):
        return no_row(plan)
    sizes = [math.prod(plan.input_shape), *(w.size for of in plan.weights.values() for w in of.values())]
    if max(sizes) > MOST:
        return f"{max(sizes)} numbers of an image or of weights are more than {MOST}"
    return why_no_block(plan.blocks) or _too_big(net, plan, backward)


def no_row(plan: Plan) -> str:
    """Return why the last output is no row of classes, or ""."""
    return "" if len(plan.blocks[-1].y_shape) == 1 else f"{plan.last} is not one row per image"


def _too_big(net: Network, plan: Plan, backward: bool) -> str:
    made, most = numbers(net, plan), shared_bytes_at_most(net.backend.xp)
    needed = made.backward_bytes if backward else made.forward_bytes
    if needed <= most:
        return ""
    return f"an image needs {needed} bytes of shared memory, and a block of this device has {most}"
