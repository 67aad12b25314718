"""A device of the layer kernels: NumPy's arrays, and the emulator."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from emulator import SANITIZED, Function, compile_source, launch, unwritten

from nnpg_kernels.cuda.sources import kernels, source

ARRAYS = SimpleNamespace(empty=unwritten, zeros=np.zeros, ascontiguousarray=np.ascontiguousarray)


class EmulatedDevice:
    """The kernels of a source, which may be one with a fault; it keeps the names of what it has launched."""

    xp = ARRAYS

    def __init__(
        self, text: str | None = None, names: tuple[str, ...] | None = None, seconds: int = 60, races: bool = False
    ) -> None:
        self.seconds = seconds  # after which a kernel that has not ended is an error
        compile_it = compile_source if text is None else compile_source.__wrapped__  # a source with a fault is not kept
        self.functions: dict[str, Function] = compile_it(
            text or source(), names or kernels(), sanitize=SANITIZED and not races, races=races
        )
        self.launched: list[str] = []

    def launch(self, kernel: str, grid: int, block: int, args: Sequence[Any]) -> None:
        self.launched.append(kernel)
        launch(self.functions[kernel], (grid,), (block,), args, seconds=self.seconds)

    def discard(self) -> None:
        """End the process of the kernels, and delete their program."""
        next(iter(self.functions.values())).program.discard()
