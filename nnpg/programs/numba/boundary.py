"""A step of many descents along a decision boundary, for any network: its margins and their gradients are given."""

from __future__ import annotations

import numpy as np

from nnpg.network import Network
from nnpg.programs import guards
from nnpg.programs.plan import Plan
from nnpg.programs.tasks import BoundaryStep
from nnpg_kernels import Array
from nnpg_kernels.numba.boundary_steps import boundary_steps


def why_not(net: Network, plan: Plan, task: BoundaryStep) -> str:
    """Return "": there is always a program."""
    return ""


def run(
    net: Network,
    plan: Plan,
    task: BoundaryStep,
    pixels: tuple[Array, ...],
    kept: tuple[Array, ...],
    margins: tuple[Array, ...],
    multiplier: Array,
    numbers: tuple[float, float, float, float],
    newton_steps: int,
) -> None:
    """Step in place."""
    x0, x, mean, gradient = pixels
    best, size, best_rival = kept
    value, threshold, rival = margins
    (M, m), dtype = x.shape, x.dtype
    for name, a in (("x", x), ("mean", mean), ("best", best)):
        guards.written(name, a, (M, m), dtype)
    for name, a, kind in (("lambda", multiplier, "f8"), ("size", size, "f8"), ("best rival", best_rival, "i8")):
        guards.written(name, a, (M,), kind)
    x0, gradient = (guards.parameter(n, a, (M, m), dtype) for n, a in (("x0", x0), ("gradient", gradient)))
    value, threshold = (guards.parameter("a margin", a, (M,), np.dtype(np.float64)) for a in (value, threshold))
    rival = guards.parameter("a rival", rival, (M,), np.dtype(np.int64))
    at_x = (value, threshold, rival)
    boundary_steps((x0, x, mean, gradient), kept, at_x, multiplier, numbers, newton_steps)
