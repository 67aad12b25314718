"""What launches a kernel, and what every kernel is told of its arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.geometry import Window

THREADS = 256
PIXELS_AT_MOST = 1 << 30  # of a launch: half of what 32 bits count, so that the last block may go on after the end

OF_SIZES = """
    images groups channels filters rows columns H W I J stride_h stride_w dilation_h dilation_w top left
"""
SIZES = np.dtype([(name, np.int32) for name in OF_SIZES.split()])


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


def launches(images: int, pixels: int, blocks_of_a_pixel: int = 1) -> Iterator[slice]:
    """Yield the images of each launch: a kernel counts pixels, and a grid its blocks, with 32 bits.

    Parameters
    ----------
    images : int
        Or maps.
    pixels : int
        Of one image, in the larger one of its input and its output.
    blocks_of_a_pixel : int
        That compute different maps at it.

    Examples
    --------
    >>> list(launches(3, 20_000 * 20_000))
    [slice(0, 2, None), slice(2, 3, None)]

    Raises
    ------
    ValueError
        If one image has too many pixels.
    """
    at_once = PIXELS_AT_MOST // (pixels * blocks(blocks_of_a_pixel, 64))
    if images and not at_once:
        raise ValueError(f"a map of {pixels} pixels is too large for a kernel, which counts {PIXELS_AT_MOST} at most")
    for first in range(0, images, at_once or 1):
        yield slice(first, min(images, first + at_once))


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
