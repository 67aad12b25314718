"""A layer of a class that is not nnpg's own, with a field of every kind that a file can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True, eq=False)
class Scaled:
    """y = scale x + shift."""

    scale: np.ndarray  # (C, 1, 1)
    shift: float = 0.0
    label: str = "scaled"
    limits: tuple[Any, ...] = (0, (1.5, None))
    is_named: bool = True

    parameters: ClassVar[tuple[str, ...]] = ("scale",)

    def forward(self, k, x):
        return self.scale * x + self.shift, x

    def backward(self, k, delta, saved):
        return self.scale * delta

    def gradients(self, k, delta, saved):
        return {"scale": (delta * saved).sum(axis=(-4, -2, -1))[..., None, None]}
