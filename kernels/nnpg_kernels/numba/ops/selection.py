"""Ops of selective dropout: changes of units, the choice of those that learn, and what the choice does to a step."""

from __future__ import annotations

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.numba.kernels import selection
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address, aligned


def unit_changes(a: Planes, b: Planes, changes: Array, *, shift: bool) -> Op:
    """changes[n, f] = | ||b_f|| - ||a_f|| |, for a shift ||b_f - a_f||, of maps a and b in planes of the same form."""
    return op(
        "unit changes",
        selection.unit_changes(a.memory.dtype),
        selection.CHANGE,
        (a, b, changes),
        **{"a": a.at(), "b": b.at(), "plane": a.plane, "row": a.pitch, "F": a.C, "H": a.H, "W": a.W},
        **{"lanes": a.per_pixel, "shift": int(shift), "changes": address(changes)},
    )


def choose_units(
    changes: Array, images: int, clusters: Array | None, retained: Array, chosen: Array, times: Array
) -> Op:
    """At step t, choose the retained[t] units of the largest mean of changes[:images], and count each choice.

    Parameters
    ----------
    changes : array (images or more, F), float64
    clusters : array (F,), int64, optional
        Numbers from 0 on.
    retained : array (steps,), int64
    chosen, times : arrays (F,), int64
        Written: 1 for a chosen unit, and how often each was chosen.
    """
    F = len(chosen)
    means = aligned(2 * F, np.float64)
    sizes = None if clusters is None else np.bincount(clusters, minlength=F).astype(np.int64)
    return op(
        "choose units",
        selection.choose_units(),
        selection.CHOOSE,
        (changes, clusters, sizes, means, retained, chosen, times),
        **{"changes": address(changes), "images": images, "F": F, "means": address(means)},
        **{"clusters": 0 if clusters is None else address(clusters)},
        **{"cluster_sizes": 0 if sizes is None else address(sizes)},
        **{"retained": address(retained), "chosen": address(chosen), "times": address(times)},
    )


def silence(planes: Planes, chosen: Array) -> Op:
    """Set the maps of planes to 0 where chosen (C,) is 0."""
    return op(
        "silence",
        selection.silence(planes.memory.dtype),
        selection.SILENCE,
        (planes, chosen),
        **{"planes": planes.at(), "plane": planes.plane, "row": planes.pitch, "F": planes.C, "H": planes.H},
        **{"W": planes.W * planes.per_pixel, "chosen": address(chosen)},
    )


def step_of_units(w: Array, g: Array, v: Array, rates: Array, momentum: Array, decay: Array, chosen: Array) -> Op:
    """`momentum_step` for the rows of w where chosen (len(w),) is 1."""
    return op(
        "step of units",
        selection.step_of_units(w.dtype),
        selection.STEP_OF_UNITS,
        (w, g, v, rates, momentum, decay, chosen),
        **{"w": address(w), "g": address(g), "v": address(v), "slots": len(g), "slot_size": g[0].nbytes},
        **{"units": len(w), "unit_size": w[0].size, "chosen": address(chosen)},
        **{"rates": address(rates), "momentum": address(momentum), "decay": address(decay)},
    )
