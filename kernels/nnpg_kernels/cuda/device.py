"""What launches a kernel, and what every kernel is told of its arrays."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window

THREADS = 256

SIZES = np.dtype(
    [
        ("images", np.int64),
        *((name, np.int32) for name in ("groups", "channels", "filters", "rows", "columns", "H", "W", "I", "J")),
        *((name, np.int32) for name in ("stride_h", "stride_w", "dilation_h", "dilation_w", "top", "left")),
    ],
    align=True,
)


class Device(Protocol):
    """Arrays, and the kernels of `sources` that run on them."""

    @property
    def xp(self) -> ModuleType: ...
    def launch(self, kernel: str, grid: int, block: int, args: Sequence[Any]) -> None:
        """Run a kernel on `grid` blocks of `block` threads each."""


def sizes(
    window: Window, images: int, shape: tuple[int, int], groups: int = 1, channels: int = 1, filters: int = 1
) -> Array:
    """Return the record `Sizes` of a window over images of these rows and columns.

    Parameters
    ----------
    window : Window
    images : int
        Or maps, where channels and filters are 1.
    shape : tuple of int
        Rows and columns of the input.
    groups, channels, filters : int
        Channels and filters of one group.

    Examples
    --------
    >>> sizes(Window(size=(5, 5)), 2, (60, 60))["H"]
    array([56], dtype=int32)
    """
    (top, _, left, _), (H, W) = window.padding, window.output_shape(*shape)
    record = (
        images,
        groups,
        channels,
        filters,
        *shape,
        H,
        W,
        *window.size,
        *window.stride,
        *window.dilation,
        top,
        left,
    )
    return np.array([record], SIZES)


def blocks(tasks: int, of: int = THREADS) -> int:
    """Return how many blocks do these tasks, `of` of them in each."""
    return -(-tasks // of)


def number_type(*arrays: Array | None) -> str:
    """Return the type of a kernel's numbers: that of the arrays together.

    Raises
    ------
    TypeError
        If it is neither float32 nor float64.
    """
    dtype = np.result_type(*(a.dtype for a in arrays if a is not None))
    if dtype not in (np.float32, np.float64):
        raise TypeError(f"a kernel on a device computes in float32 or float64, not in {dtype}: convert the arrays")
    return str(dtype)


def check_fit(fits: bool, names: str, *arrays: Array | None) -> None:
    """Refuse arrays that do not fit: kernels do not check bounds."""
    if not fits:
        shapes = ", ".join(str(a.shape) for a in arrays if a is not None)
        raise ValueError(f"{names} do not fit: {shapes}")
