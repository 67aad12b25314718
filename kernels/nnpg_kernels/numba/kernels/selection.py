"""Selective dropout: how much each unit changes between two images, which units learn, and steps of these alone.

The selection is as in `nnpg.training_methods.selective_dropout`; norms and means are sums in float64.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.compilation import kernel
from nnpg_kernels.numba.runtime.memory import array, record, record_type
from nnpg_kernels.numba.runtime.together import factory

CHANGE = record_type("a b plane row F H W lanes shift changes")
CHOOSE = record_type("changes images F clusters cluster_sizes means retained chosen times")
SILENCE = record_type("planes plane row F H W chosen")
STEP_OF_UNITS = record_type("w g v slots slot_size units unit_size chosen rates momentum decay")


@factory
def unit_changes(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of changes[n, f] = | ||b_f|| - ||a_f|| | of images n to n + count; for a shift ||b_f - a_f||.

    a and b are the maps (F, H, W) of the two images of a pair, in planes of the same form.
    """
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, CHANGE)
        a, b, changes = array(s.a, kind), array(s.b, kind), array(s.changes, np.float64)
        for f in range(s.F):
            for lane in range(count):
                before, after, apart = 0.0, 0.0, 0.0
                for h in range(s.H):
                    first = f * s.plane + h * s.row + lane
                    for w in range(s.W):
                        u, v = float(a[first + w * s.lanes]), float(b[first + w * s.lanes])
                        before += u * u
                        after += v * v
                        apart += (v - u) * (v - u)
                change = math.sqrt(apart) if s.shift else abs(math.sqrt(after) - math.sqrt(before))
                changes[(n + lane) * s.F + f] = change

    return kernel(run)


@factory
def choose_units() -> Any:
    """Return the kernel that chooses the retained[t] units of the largest mean change, the first of equals.

    With `clusters` (F,), a unit's change is the mean over its cluster. chosen (F,) becomes 1 or 0, and is added to
    times (F,).
    """

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, CHOOSE)
        changes, means = array(s.changes, np.float64), array(s.means, np.float64)
        chosen, times = array(s.chosen, np.int64), array(s.times, np.int64)
        retained, F = array(s.retained, np.int64)[t], s.F
        for f in range(F):
            means[f] = 0
        for i in range(s.images):
            for f in range(F):
                means[f] += changes[i * F + f]
        for f in range(F):
            means[f] /= s.images
        if s.clusters:
            clusters, sizes = array(s.clusters, np.int64), array(s.cluster_sizes, np.int64)
            sums = array(s.means + F * 8, np.float64)
            for f in range(F):
                sums[f] = 0
            for f in range(F):
                sums[clusters[f]] += means[f]
            for f in range(F):
                means[f] = sums[clusters[f]] / sizes[clusters[f]]
        for f in range(F):
            before, mean = 0, means[f]
            for other in range(f):
                before += means[other] >= mean
            for other in range(f + 1, F):
                before += means[other] > mean
            chosen[f] = before < retained
            times[f] += chosen[f]

    return kernel(run)


@factory
def silence(dtype: npt.DTypeLike) -> Any:
    """Return the kernel that sets the maps of planes to 0 where chosen (F,) is 0; W counts the numbers of a row."""
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, SILENCE)
        planes, chosen = array(s.planes, kind), array(s.chosen, np.int64)
        for f in range(s.F):
            if chosen[f] == 0:
                for h in range(s.H):
                    first = f * s.plane + h * s.row
                    for w in range(s.W):
                        planes[first + w] = 0

    return kernel(run)


@factory
def step_of_units(dtype: npt.DTypeLike) -> Any:
    """Return the kernel of `updates.momentum_step` for the rows of w where chosen (units,) is 1; no other changes.

    The slots are 0 afterwards.
    """
    kind = np.dtype(dtype).type

    def run(address: int, n: int, count: int, slot: int, t: int) -> None:
        s = record(address, STEP_OF_UNITS)
        w, g, v, rates = array(s.w, kind), array(s.g, kind), array(s.v, kind), array(s.rates, np.float64)
        chosen, factors, size = array(s.chosen, np.int64), array(s.momentum, np.float64), s.unit_size
        momentum, decay, rate = kind(factors[0]), kind(array(s.decay, np.float64)[0]), kind(rates[t])
        for k in range(1, s.slots):
            part = array(s.g + k * s.slot_size, kind)
            for i in range(s.units * size):
                g[i] += part[i]
                part[i] = 0
        for unit in range(s.units):
            if chosen[unit]:
                if momentum == 0:
                    for i in range(unit * size, (unit + 1) * size):
                        w[i] -= rate * (g[i] + decay * w[i])
                else:
                    for i in range(unit * size, (unit + 1) * size):
                        v[i] = momentum * v[i] + (g[i] + decay * w[i])
                        w[i] -= rate * v[i]
        for i in range(s.units * size):
            g[i] = 0

    return kernel(run)
