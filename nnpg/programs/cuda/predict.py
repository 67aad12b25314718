"""Predictions on a device: one launch, a block of threads for each image."""

from __future__ import annotations

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.cuda import limits
from nnpg.programs.cuda.resident import arranged, programs
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import Predict
from nnpg_kernels import Array


def why_not(net: Network, plan: Plan, task: Predict) -> str:
    """Return why there is no program for predictions, or ""."""
    return limits.why_not(net, plan)


def run(net: Network, plan: Plan, task: Predict, x: Array) -> Array:
    """Return the last output, (N, ...), on the device."""
    x = guards.images(net.as_input(x), plan.input_shape, plan.dtype)
    y: Array = net.backend.xp.empty((len(x), *net.shapes[net.names[-1]]), plan.dtype)
    if len(x):
        programs(net, plan).launch("predict", len(x), (x, arranged(net, plan), y))
    return y
