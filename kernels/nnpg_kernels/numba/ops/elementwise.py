"""Ops that change each number of planes separately: activations, their slopes, and numbers that are set."""

from __future__ import annotations

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.numba.kernels import activations, overrides
from nnpg_kernels.numba.planes import Planes
from nnpg_kernels.numba.program import Op, op
from nnpg_kernels.numba.runtime.memory import address, aligned


def activation(y: Planes, act: int, part: range | None = None) -> Op:
    """y = act(y), in the rows `part` or in all."""
    rows = range(y.H) if part is None else part
    joined = not any(y.margin)  # then the rows of a map are one, with the unused numbers at their ends
    return op(
        "activate",
        activations.activate(y.memory.dtype),
        activations.ACTIVATE,
        (y,),
        **{"y": y.at(rows.start), "plane": y.plane, "row": y.pitch, "C": y.C, "H": len(rows)},
        **{"W": y.W * y.per_pixel, "joined": int(joined), "activation": act},
    )


def activation_delta(delta: Planes, y: Planes, act: int) -> Op:
    """delta = delta act'(y), for planes of one pixel."""
    size = y.C * y.plane
    return op(
        "multiply by slope",
        activations.multiply_by_slope(y.memory.dtype),
        activations.SLOPE,
        (delta, y),
        **{"delta": delta.at(), "y": y.at(), "size": size, "activation": act},
    )


def activation_delta_of_one(delta: Planes, y: Planes, images: int, act: int) -> Op:
    """delta = delta act'(y), where the lanes of delta are classes of one image, and those of y are `images` images."""
    return op(
        "multiply by slope",
        activations.multiply_by_slope_of_one(y.memory.dtype),
        activations.SLOPE_OF_ONE,
        (delta, y),
        **{"delta": delta.at(), "y": y.at(), "units": y.C, "lanes": images, "activation": act},
    )


def set_units(planes: Planes, units: Array, values: Array | None) -> Op:
    """Set the units that the mask `units` (C, H, W) or (C,) marks to `values` of that shape, or to 0."""
    c, h, w = np.nonzero(units.reshape(planes.C, planes.H, planes.W))
    places = c * planes.plane + h * planes.pitch + w * planes.per_pixel
    numbers = aligned(max(1, len(places)), planes.memory.dtype)
    if values is not None:
        numbers[: len(places)] = values[units]
    return op(
        "set units",
        overrides.set_units(planes.memory.dtype),
        overrides.UNITS,
        (planes, places, numbers),
        **{"planes": planes.at(), "places": address(places), "values": address(numbers)},
        **{"size": len(places), "lanes": planes.per_pixel},
    )


def set_maps(planes: Planes, filters: Array, values: Array, counts: Array) -> Op:
    """At step s, set the maps filters[k] of planes to values[k], for the first counts[s] of them."""
    return op(
        "set maps",
        overrides.set_maps(planes.memory.dtype),
        overrides.MAPS,
        (planes, filters, values, counts),
        **{"planes": planes.at(), "plane": planes.plane, "row": planes.pitch, "H": planes.H, "W": planes.W},
        **{"lanes": planes.per_pixel, "filters": address(filters), "values": address(values)},
        **{"counts": address(counts)},
    )


def set_field(target: Op, field: str, values: Array) -> Op:
    """Set a field of another op's record to values[s] at step s."""
    fields = target.record.dtype.fields
    assert fields is not None
    place = address(target.record) + fields[field][1]
    return op(
        "set field", overrides.set_field(), overrides.FIELD, (target, values), place=place, values=address(values)
    )
