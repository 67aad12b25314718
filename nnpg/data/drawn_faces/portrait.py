"""One grey portrait, drawn from numbers.

A face is a height map (head, nose, brows, lips ...) and a reflectance map (skin, hair, eyes ...) over the
picture plane, lit by one lamp. Coordinates u (right) and v (down) run over about -1 .. 1; left and right are
the viewer's. Edges are ramps about a pixel wide, so that the picture changes smoothly when a face moves by a part
of a pixel.
"""

from __future__ import annotations

import numpy as np

from nnpg.data.drawn_faces.brushes import Picture, light
from nnpg.data.drawn_faces.layout import ZOOM, Layout
from nnpg.data.drawn_faces.parts import paint_body, paint_eyes, paint_hair, paint_head, paint_mouth, paint_skin
from nnpg.data.drawn_faces.people import NEUTRAL, STILL, Condition, Face, Shot

OVERSAMPLE = 2  # pixels drawn, a side, for each pixel of the result


def draw(face: Face, condition: Condition = NEUTRAL, shot: Shot = STILL, size: int = 60) -> Picture:
    """Draw one face, without sensor noise.

    Parameters
    ----------
    face, condition, shot : Face, Condition, Shot
    size : int
        Height and width in pixels.

    Returns
    -------
    array (size, size), float32
        Grey levels in [0, 1].

    Examples
    --------
    >>> bearded = draw(Face(feature="beard")) < draw(Face()) - 0.1
    >>> bool(bearded[48, 30]), bool(bearded[25, 30])  # the chin is darker, the bridge of the nose is not
    (True, False)
    """
    p = Layout(face, condition, shot, size * OVERSAMPLE)
    tone, z = np.full_like(p.u, 0.92), np.full_like(p.u, -0.35)  # the wall: reflectance and depth
    paint_body(p, tone, z)
    head = paint_head(p, tone, z)
    paint_skin(p, tone, head)
    paint_mouth(p, tone)
    paint_eyes(p, tone)
    paint_hair(p, tone, z)
    right, down, out = condition.lamp
    lamp = (right + shot.lamp, down, out)
    shade = light(z, 2 / ZOOM / len(z), lamp, condition.ambient, condition.diffuse, condition.cast)
    bright = shot.exposure * tone * shade
    small: Picture = bright.reshape(size, OVERSAMPLE, size, OVERSAMPLE).mean((1, 3))
    return np.clip(small, 0, 1)
