"""A device of the layer kernels: NumPy's arrays, and the emulator."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from emulator import Function, compile_source, launch, unwritten

from nnpg_kernels.cuda.sources import kernels, source

ARRAYS = SimpleNamespace(empty=unwritten, zeros=np.zeros, ascontiguousarray=np.ascontiguousarray)


class EmulatedDevice:
    """The kernels of a source, which may be one with a fault; it keeps the names of what it has launched."""

    xp = ARRAYS

    def __init__(self, text: str | None = None, names: tuple[str, ...] | None = None) -> None:
        self.functions: dict[str, Function] = compile_source(text or source(), names or kernels())
        self.launched: list[str] = []

    def launch(self, kernel: str, grid: int, block: int, args: Sequence[Any]) -> None:
        self.launched.append(kernel)
        launch(self.functions[kernel], (grid,), (block,), args)
