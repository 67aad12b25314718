"""Several knock-out sweeps on a device in one launch, of as many as there is memory for their weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg.programs.cuda import knockout
from nnpg.programs.cuda.resident import programs
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import KnockOuts
from nnpg_kernels import Array

BYTES = 1 << 28  # of the weights of all sweeps of a launch: each sweep has its own order of them


def why_not(net: Network, plan: Plan, task: KnockOuts) -> str:
    """Return why there is no program for one of these sweeps, or ""."""
    return next(filter(None, (knockout.why_not(net, plan, sweep) for sweep in task.sweeps)), "")


def run(
    net: Network, plan: Plan, task: KnockOuts, x: Array, means: Mapping[str, Array] | None = None
) -> list[npt.NDArray[np.int64]]:
    """Return the predicted classes (T + 1, N) of each sweep."""
    many = max(1, BYTES // (programs(net, plan).made.weights_size * plan.dtype.itemsize))
    launches = [task.sweeps[first : first + many] for first in range(0, len(task.sweeps), many)]
    return [one for sweeps in launches for one in knockout.sweeps(net, plan, sweeps, x, means)]
