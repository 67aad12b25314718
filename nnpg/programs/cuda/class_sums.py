"""Sums over the images of each class on a device, in float64."""

from __future__ import annotations

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.cuda import limits
from nnpg.programs.cuda.resident import programs
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import ClassSums
from nnpg.support.arguments import is_on_device
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.programs import OTHERS


def why_not(net: Network, plan: Plan, task: ClassSums) -> str:
    """Return why there is no program for the sums, or ""."""
    return limits.why_not(net, plan)


def run(net: Network, plan: Plan, task: ClassSums, delta: Array, labels: Array, K: int) -> Array:
    """Return the sums (S, K, units) of delta (S, N, units), on the device.

    Labels of the host go up; those of the device have been checked.
    """
    k, xp, (S, N, units) = net.backend, net.backend.xp, delta.shape
    if not is_on_device(labels):
        labels = k.asarray(guards.indices("labels", labels, N, K))
    delta, order = guards.ordered(k.asarray(delta), plan.dtype), xp.argsort(labels, kind="stable")
    firsts = xp.searchsorted(labels[order], xp.arange(K + 1, dtype=labels.dtype))
    sums: Array = xp.empty((S, K, units), np.float64)
    args = (delta, order.astype(np.int32), firsts.astype(np.int32), sums)
    args = (*args, np.int64(units), *map(np.int32, (N, S, K)))
    programs(net, plan).launch("class_sums", -(-sums.size // OTHERS), args)
    return sums
