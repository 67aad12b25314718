"""Soft brushes and one lamp, with which the built-in faces are painted.

A brush is a picture of coverage in [0, 1]. Its edge is a ramp about a pixel wide, so that a picture changes smoothly
when a face moves by a part of a pixel.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.float32]
Point: TypeAlias = tuple[float, float]


def inside(distance: NDArray[Any], soft: float = 0.035) -> Picture:
    """Return 1 where a signed distance is positive, 0 where it is negative, with a ramp between."""
    t: Picture = np.clip(distance / soft + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def hill(u: Picture, v: Picture, centre: Point, su: float, sv: float) -> Picture:
    """Return a Gaussian of height 1."""
    height: Picture = np.exp(-(((u - centre[0]) / su) ** 2) - ((v - centre[1]) / sv) ** 2)
    return height


def ellipse(u: Picture, v: Picture, centre: Point, su: float, sv: float, soft: float = 0.035) -> Picture:
    """Return a filled ellipse with half axes su and sv."""
    return inside((1 - np.hypot((u - centre[0]) / su, (v - centre[1]) / sv)) * min(su, sv), soft)


def stroke(u: Picture, v: Picture, start: Point, end: Point, width: float, bend: float = 0.0) -> Picture:
    """Return a line from start to end, thinner at its ends; `bend` moves its middle to the right of its direction."""
    du, dv = end[0] - start[0], end[1] - start[1]
    along = ((u - start[0]) * du + (v - start[1]) * dv) / (du**2 + dv**2)  # 0 at start, 1 at end
    arch = np.clip(4 * along * (1 - along), 0, 1)
    across = ((v - start[1]) * du - (u - start[0]) * dv) / math.hypot(du, dv) - bend * arch
    return inside(width * np.sqrt(arch) - np.abs(across), 0.03) * (arch > 0)


def paint(canvas: Picture, tone: Picture | float, where: Picture) -> None:
    """Blend a tone (or a height) into the canvas, in place."""
    canvas += where * (tone - canvas)


def light(
    z: Picture, step: float, lamp: tuple[float, float, float], ambient: float, diffuse: float, cast: bool = False
) -> Picture:
    """Light a height map with one lamp: Lambert's law, a little gloss, and optionally shadows cast along the rows.

    Parameters
    ----------
    z : array (n, n)
        Heights; `step` is the distance from pixel to pixel in the same unit.
    lamp : three floats
        Direction towards the lamp, which is far away: right, down, out of the picture. Its length does not matter.
    ambient, diffuse : float
        Brightness where the lamp does not shine, and what it adds where it shines at a right angle.

    Examples
    --------
    >>> ramp = np.tile(np.arange(4, dtype=np.float32), (4, 1))  # rises to the right, so it faces left
    >>> float(light(ramp, 1.0, (-1, 0, 1), 0.2, 1.0)[2, 2]) > float(light(ramp, 1.0, (1, 0, 1), 0.2, 1.0)[2, 2])
    True
    """
    slope_v, slope_u = np.gradient(z, step)
    steep = slope_u**2 + slope_v**2
    norm = np.sqrt(1 + steep)
    lu, lv, lz = _unit(*lamp)
    lit = np.clip((lz - lu * slope_u - lv * slope_v) / norm, 0, None)
    if cast and lu:
        # A point is in shadow if it lies below the ray over a point nearer to the lamp: a running maximum in its row.
        direction = 1 if lu < 0 else -1
        height = z[:, ::direction] + np.arange(len(z), dtype=np.float32) * (step * lz / abs(lu))
        depth = (np.maximum.accumulate(height, axis=1) - height)[:, ::direction]
        lit *= 1 - inside(depth - 0.04, 0.08)
    lit /= 1 + steep / 16  # outlines, where the surface turns away, remain dark
    hu, hv, hz = _unit(lu, lv, lz + 1)  # halfway between lamp and viewer
    gloss = np.clip((hz - hu * slope_u - hv * slope_v) / norm, 0, None) ** 24
    shade: Picture = ambient + diffuse * lit * (1 + 0.10 * gloss)
    return shade


def _unit(*vector: float) -> tuple[float, ...]:
    return tuple(c / math.hypot(*vector) for c in vector)
