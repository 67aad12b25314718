"""Interventions in a plan: units of a block's output that are set to the same values for all images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.interventions import Override
from nnpg.network import Network
from nnpg.programs.plan import Plan
from nnpg_kernels import Array

LARGE = 1e9  # the square of a smaller value is finite, so a delta of 0 stays 0


@dataclass(frozen=True, eq=False)
class Fixed:
    """Units of an output (F, H, W) or (F,) that are set: y' = values where units, y elsewhere."""

    units: npt.NDArray[np.bool_]
    values: Array


def fixed_units(net: Network, plan: Plan) -> dict[int, Fixed]:
    """Return the units that the network's interventions set, by block.

    Raises
    ------
    ValueError
        If an intervention does anything else, or is on another output. The message names the output.
    """
    result: dict[int, Fixed] = {}
    for name, changes in net.interventions.items():
        for change in changes:
            i = plan.index(name)
            first = next((n for n, place in plan.places.items() if place.block == i and not place.inner), "")
            if type(change) is not Override or i < 0 or name != first:
                raise ValueError(f"the network has interventions on {name}")
            shape = plan.blocks[i].y_shape
            units = _of_one_image(name, change.units, shape)
            values = _of_one_image(name, change.value, shape)
            if units.dtype != np.bool_ or values.dtype.kind not in "fiub" or not (abs(values[units]) < LARGE).all():
                raise ValueError(f"the intervention on {name} sets other values than numbers below {LARGE:g}")
            before = result.get(i, Fixed(np.zeros(shape, np.bool_), np.zeros(shape, plan.dtype)))
            result[i] = Fixed(before.units | units, np.where(units, values.astype(plan.dtype), before.values))
    return result


def _of_one_image(name: str, a: Any, shape: tuple[int, ...]) -> Array:
    """Return the array for each unit, if it is the same for all images."""
    a = np.asarray(a)
    if a.ndim == len(shape) + 1 and len(a) == 1:
        a = a[0]
    try:
        return np.broadcast_to(a, shape)
    except ValueError:
        raise ValueError(f"the intervention on {name} differs from image to image") from None
