"""Devices of the layer kernels for tests, with arrays of NumPy: the emulator, and a device by way of CuPy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from emulator import SANITIZED, Function, compile_source, launch, unwritten

from nnpg_kernels.cuda.device import SIZES
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

    def restart(self) -> None:
        """End the process of the kernels; the next launch starts another."""
        next(iter(self.functions.values())).program.close()

    def discard(self) -> None:
        """End the process of the kernels, and delete their program."""
        next(iter(self.functions.values())).program.discard()


class CupyDevice:
    """A device by way of CuPy: arrays go up for each launch, and what it wrote comes down."""

    xp = ARRAYS

    def __init__(self) -> None:
        self.launched: list[str] = []

    def launch(self, kernel: str, grid: int, block: int, args: Sequence[Any]) -> None:
        import cupy

        self.launched.append(kernel)
        moved = [cupy.asarray(a) if isinstance(a, np.ndarray) and a.dtype != SIZES else a for a in args]
        _module().get_function(kernel)((grid,), (block,), tuple(moved))
        for here, there in zip(args, moved, strict=True):
            if there is not here:
                here[...] = there.get()


@cache
def _module() -> Any:
    import cupy

    return cupy.RawModule(code=source(), options=("--std=c++17",), name_expressions=kernels())


def layer_device() -> EmulatedDevice | CupyDevice:
    """Return the device that NNPG_CUDA names."""
    return CupyDevice() if os.environ.get("NNPG_CUDA") == "device" else EmulatedDevice()
