"""Sums over the images of each class, for any network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import ClassSums
from nnpg_kernels import Array
from nnpg_kernels.numba.kernels.class_sums import sum_by_class


def why_not(net: Network, plan: Plan, task: ClassSums) -> str:
    """Return "": there is always a program."""
    return ""


def run(net: Network, plan: Plan, task: ClassSums, delta: Array, labels: Array, K: int) -> npt.NDArray[np.float64]:
    """Return the sums (S, K, units) of delta (S, N, units)."""
    return sum_by_class(delta, guards.indices("labels", labels, delta.shape[1], K), K)
