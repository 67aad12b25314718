"""How a block of images is laid out for the kernels: planes of rows, with 1 image or a vector of images per pixel.

In a block of as many images as a vector has lanes, pixel (c, h, w) of all images is one vector: a kernel is the scalar
formula, for sixteen images at once. In a block of one image, neighbouring pixels of a row are the lanes. Around each
plane is a margin of zeros as wide as the filters need, so that no kernel tests for the edge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes

SLACK = 16  # vectors after the last plane: a tile wider than its row may read them and does not use them


@dataclass(frozen=True, eq=False)
class Planes:
    """Feature maps (C, H, W) of a block of images.

    Parameters
    ----------
    C, H, W : int
    per_pixel : int
        Images of a block at each pixel: the lanes of a vector, or 1.
    margin : (top, bottom, left, right), in pixels
    """

    memory: npt.NDArray[Any]  # flat
    C: int
    H: int
    W: int
    per_pixel: int
    margin: tuple[int, int, int, int]

    @staticmethod
    def make(
        C: int, H: int, W: int, per_pixel: int, dtype: npt.DTypeLike, margin: tuple[int, int, int, int] = (0, 0, 0, 0)
    ) -> Planes:
        """Return planes of zeros."""
        empty = Planes(np.empty(0, dtype), C, H, W, per_pixel, margin)
        return Planes(aligned(C * empty.plane, dtype, SLACK * lanes(dtype)), C, H, W, per_pixel, margin)

    @property
    def pitch(self) -> int:
        """Numbers from one row to the next; the pixels without the margin are rounded up to whole vectors."""
        vector, numbers = lanes(self.memory.dtype), self.W * self.per_pixel
        return self.per_pixel * (self.margin[2] + self.margin[3]) + -(-numbers // vector) * vector

    @property
    def plane(self) -> int:
        """Numbers from one map to the next."""
        return self.pitch * (self.H + self.margin[0] + self.margin[1])

    def at(self, h: int = 0, w: int = 0) -> int:
        """Return the address of pixel (h, w) of the first map; pixels of the margin have negative h or w."""
        numbers = (self.margin[0] + h) * self.pitch + (self.margin[2] + w) * self.per_pixel
        return address(self.memory) + numbers * self.memory.itemsize

    def maps(self, part: range) -> Planes:
        """Return the maps of a range, in the same memory."""
        return replace(self, memory=self.memory[part.start * self.plane :], C=len(part))

    def flat(self) -> Planes:
        """Return the same memory as C H W maps of one pixel; there must be no margin."""
        if any(self.margin) or (self.per_pixel == 1 and self.W > 1):
            raise ValueError("planes with a margin, or of a single image, have gaps between pixels")
        return Planes(self.memory, self.C * self.H * self.W, 1, 1, self.per_pixel, (0, 0, 0, 0))
