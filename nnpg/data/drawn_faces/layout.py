"""Where each part of one face lies in one picture: coordinates, proportions and tones."""

from __future__ import annotations

import numpy as np

from nnpg.data.drawn_faces.people import Condition, Face, Shot

ZOOM = 1.12  # magnification of the head


class Layout:
    """Coordinates of each pixel, proportions and tones, for one face in one shot."""

    def __init__(self, face: Face, condition: Condition, shot: Shot, n: int) -> None:
        self.face, self.condition = face, condition
        axis = ((np.arange(n, dtype=np.float32) + 0.5) * (2 / n) - 1) / ZOOM
        self.u0, self.v0 = np.meshgrid(axis - shot.right / 30 / ZOOM, axis - shot.down / 30 / ZOOM + 0.04)  # the body's
        self.u = self.u0 + shot.tilt * self.v0  # the head's
        self.v = self.v0 - shot.tilt * self.u0
        self.s = np.abs(self.u)
        self.smile, self.gape = shot.expression * condition.smile, shot.expression * condition.gape
        self.glad, self.brows = max(self.smile, 0.0), shot.expression * condition.brows
        self.eyes = [1 + shot.expression * (opening - 1) for opening in (condition.left_eye, condition.right_eye)]
        big_nose = self.has("big nose")
        self.half = 0.50 + 0.03 * face.width  # half the head's width
        self.chin = 0.74 + 0.03 * face.chin + 0.05 * self.gape
        self.swell = 0.06 + 0.025 * face.hair_volume  # thickness of the hair
        self.eye = (0.205 + 0.018 * face.eye_distance, -0.03)
        self.eye_w, self.eye_h = 0.09 + 0.008 * face.eye_size, 0.042 + 0.006 * face.eye_size
        self.brow = -0.17 - 0.02 * face.brow_height - 0.06 * self.brows
        self.nose = 0.225 + 0.025 * face.nose_length + 0.03 * big_nose  # its tip
        self.nose_w = 0.085 + 0.012 * face.nose_width + 0.085 * big_nose
        self.mouth = 0.43 + 0.025 * face.mouth_height + 0.03 * self.gape
        pursed = 0.05 * self.gape if self.smile == 0 else 0.0
        self.mouth_w = 0.17 + 0.02 * face.mouth_width + 0.05 * self.glad - pursed
        self.skin, self.hair = 0.68 + 0.15 * face.skin_tone, 0.17 + 0.10 * face.hair_tone
        self.dark = min(self.hair, 0.5 * self.skin)  # brows and beard

    def has(self, feature: str) -> bool:
        """Return whether this is the planted feature."""
        return self.face.feature == feature
