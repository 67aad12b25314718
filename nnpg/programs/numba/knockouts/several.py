"""Several knock-out sweeps of the same images: what they have in common is computed once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.numba.knockouts import one
from nnpg.programs.numba.knockouts.steps import outputs_of_sweeps
from nnpg.programs.overrides import fixed_units
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import KnockOuts
from nnpg_kernels import Array


def why_not(net: Network, plan: Plan, task: KnockOuts) -> str:
    """Return why there is no program for one of these sweeps, or for all at once, or ""."""
    if fixed_units(net, plan) or any(sweep.to != "zero" for sweep in task.sweeps):
        return "filters are not set to 0, or units are fixed: each sweep runs alone"
    return next(filter(None, (one.why_not(net, plan, sweep) for sweep in task.sweeps)), "")


def run(
    net: Network, plan: Plan, task: KnockOuts, x: Array, means: Mapping[str, Array] | None = None
) -> list[npt.NDArray[np.int64]]:
    """Return the predicted classes (T + 1, N) of each sweep."""
    x = guards.images(net.as_input(x), plan.input_shape, plan.dtype)
    results = outputs_of_sweeps(plan, [sweep.filters for sweep in task.sweeps], x)
    return [one.surest(net, plan, y) for y in results]
