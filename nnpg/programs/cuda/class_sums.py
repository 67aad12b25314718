"""Sums over the images of each class on a device, in float64."""

from __future__ import annotations

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.cuda import limits
from nnpg.programs.cuda.resident import programs
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import ClassSums
from nnpg_kernels import Array
from nnpg_kernels.cuda.resident.programs import OTHERS


def why_not(net: Network, plan: Plan, task: ClassSums) -> str:
    """Return why there is no program for the sums, or ""."""
    return limits.why_not(net, plan)


def run(net: Network, plan: Plan, task: ClassSums, delta: Array, labels: Array, K: int) -> Array:
    """Return the sums (S, K, units) of delta (S, N, units), on the device."""
    k, (S, N, units) = net.backend, delta.shape
    delta, labels = guards.ordered(k.asarray(delta), plan.dtype), guards.indices("labels", labels, N, K)
    order, firsts = np.argsort(labels, kind="stable"), np.cumsum([0, *np.bincount(labels, minlength=K)])
    places = k.asarray(np.concatenate([firsts, order]).astype(np.int32))  # goes up once
    sums: Array = k.xp.empty((S, K, units), np.float64)
    args = (delta, places[K + 1 :], places[: K + 1], sums, np.int64(units), *map(np.int32, (N, S, K)))
    programs(net, plan).launch("class_sums", -(-sums.size // OTHERS), args)
    return sums
