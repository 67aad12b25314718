"""How a block of images lies in memory while kernels work on it: planes of rows, 1 image or a vector of images wide.

A block of one vector's lanes of images keeps pixel (c, h, w) of all of them side by side, one in each lane: a kernel is
the scalar formula, sixteen times at once. A single image has its pixels side by side, and lanes run along a row.
Round each plane there is a margin of zeros as wide as the filters need, so that no kernel tests for the edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.numba.runtime.memory import address, aligned
from nnpg_kernels.numba.simd import lanes

SLACK = 16  # vectors behind the last plane, which a tile wider than its row may read and never uses


@dataclass(frozen=True, eq=False)
class Planes:
    """Feature maps (C, H, W) of a block of images.

    Parameters
    ----------
    C, H, W : int
    per_pixel : int
        Images in a block, side by side at each pixel: the lanes of a vector, or 1.
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
        """Numbers from one row to the next; a row's own pixels are filled up to whole vectors."""
        vector, own = lanes(self.memory.dtype), self.W * self.per_pixel
        return self.per_pixel * (self.margin[2] + self.margin[3]) + -(-own // vector) * vector

    @property
    def plane(self) -> int:
        """Numbers from one map to the next."""
        return self.pitch * (self.H + self.margin[0] + self.margin[1])

    def at(self, h: int = 0, w: int = 0) -> int:
        """Return the address of pixel (h, w) of the first map; the margin has negative ones."""
        numbers = (self.margin[0] + h) * self.pitch + (self.margin[2] + w) * self.per_pixel
        return address(self.memory) + numbers * self.memory.itemsize

    def flat(self) -> Planes:
        """Return the same memory as C H W maps of one pixel; there must be no margin."""
        if any(self.margin) or (self.per_pixel == 1 and self.W > 1):
            raise ValueError("planes with a margin, or of a single image, do not lie pixel after pixel")
        return Planes(self.memory, self.C * self.H * self.W, 1, 1, self.per_pixel, (0, 0, 0, 0))
