"""The same derivative by measurement: move one number, run what follows, and see how L changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nnpg.explanation.addresses import Index
from nnpg.explanation.arithmetic import before
from nnpg.explanation.quantities import Quantity
from nnpg.explanation.results import Nudge
from nnpg.gradient_check.measurement import STEPS, Direction, Probe, extrapolated, kink_within, size_of
from nnpg.network import Network
from nnpg.trace import Trace

TOLERANCE = 1e-6  # relative, as in gradcheck
JUMP = 1e-3  # relative difference of the slopes on either side from which they are different
Continued = Callable[[float], Trace]  # the value of one number to the pass from there on


def nudge_unit(net: Network, trace: Trace, L: Quantity, name: str, index: Index) -> Nudge:
    """Move one unit up and down, and run the layers after it."""
    k, point = net.backend, np.array(net.backend.to_numpy(trace[name]))
    place = (0, *index)

    def continued(o: float) -> Trace:
        moved = point.copy()
        moved[place] = o
        return net.forward_unchecked(k.asarray(moved), start=name)

    return _nudge(net, continued, L, name, float(point[place]), size_of(point), net.names[net.names.index(name) + 1 :])


def nudge_weight(net: Network, trace: Trace, L: Quantity, layer: str, p: str, index: Index) -> Nudge:
    """Move one weight up and down, and run its layer and those after it."""
    k, start = net.backend, before(net, layer)
    point = np.array(k.to_numpy(net.parameters[layer][p]))

    def continued(w: float) -> Trace:
        moved = point.copy()
        moved[index] = w
        changed = net.with_parameters({layer: {p: k.asarray(moved)}})
        return changed.forward_unchecked(trace[start], start=start)

    later = net.names[net.names.index(layer) :]
    return _nudge(net, continued, L, f"{layer}.{p}", float(point[index]), size_of(point), later)


def _nudge(
    net: Network, continued: Continued, L: Quantity, array: str, point: float, size: float, later: list[str]
) -> Nudge:
    def outputs(a: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        passed = continued(float(a[0]))
        arrays = {name: net.backend.to_numpy(passed[name]) for name in later}
        return {**arrays, L.name: np.array([L.value(passed)])}

    at = np.array([point])
    probe = Probe(array, array, at, outputs, lambda a, d: d, (1,))
    along = Direction(np.array([size]), np.ones(1), np.zeros(1))
    tried = []
    with np.errstate(all="ignore"):
        here = outputs(at)
        for h in STEPS:
            found = kink_within(probe, at, here, along, h, TOLERANCE)
            kink = "" if found.startswith(f"the slope of {L.name} ") else found  # L is smooth: its slope is only small
            slope = extrapolated(h)(probe, at, along.v, along.d) / size
            low, middle, high = (float(probe.y(at + shift)[0]) for shift in (-h * size, 0, h * size))
            below, above = (middle - low) / (h * size), (high - middle) / (h * size)
            tried.append(Nudge(h * size, low, high, slope, below, above, kink))
            if not kink:
                break
        else:  # all steps seem to cross a kink, small ones perhaps by rounding: take the one with the least jump
            tried.append(min(tried, key=_jump))
    best = tried[-1]
    if _jump(best) > JUMP * max(abs(best.below), abs(best.above)):
        return best
    return replace(best, kink="", crossed=tried[0].kink)


def _jump(nudge: Nudge) -> float:
    return abs(nudge.above - nudge.below)
