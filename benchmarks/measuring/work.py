"""The least that a kernel must do: the bytes of its arrays, each moved once, and the operations of its equation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda.device import SIZES


class Work(NamedTuple):
    """What one launch must do.

    Parameters
    ----------
    kernel : str
    blocks, threads : int
        Of the grid, and of each block.
    bytes : int
        Of all arrays together: each is read or written at least once.
    operations : int
        Multiplications, additions and comparisons of its equation; what tiles compute beside it is not counted.

    Examples
    --------
    >>> Work("avg_pool_forward<float>", 1, 256, 3000, 500).floor(1e9, 1e9)
    3e-06
    """

    kernel: str
    blocks: int
    threads: int
    bytes: int
    operations: int

    def floor(self, bytes_a_second: float, operations_a_second: float) -> float:
        """Return the seconds below which no device with these rates can be."""
        return max(self.bytes / bytes_a_second, self.operations / operations_a_second)


class Ledger:
    """A `Device` that computes nothing: it notes what each launch must do.

    Examples
    --------
    >>> from nnpg_kernels import Window
    >>> from nnpg_kernels.cuda import pooling
    >>> ledger = Ledger()
    >>> y = pooling.avg_pool_forward(ledger, np.empty((1, 1, 4, 4)), Window((2, 2), (2, 2)))
    >>> ledger.works
    [Work(kernel='avg_pool_forward<double>', blocks=1, threads=256, bytes=160, operations=16)]
    """

    xp = np

    def __init__(self) -> None:
        self.works: list[Work] = []

    def launch(self, kernel: str, grid: int, block: int, args: Sequence[Any]) -> None:
        moved = sum(a.nbytes for a in args if isinstance(a, np.ndarray) and a.dtype != SIZES)
        self.works.append(Work(kernel, grid, block, moved, operations(kernel, args)))


def operations(kernel: str, args: Sequence[Any]) -> int:
    """Return the operations of a launch's equation.

    Parameters
    ----------
    kernel : str
        One of `sources.kernels`.
    args : sequence
        Of the launch.
    """
    if kernel.startswith("sum_of_parts"):
        return int(args[0].size)
    (sizes,) = (a[0] for a in args if isinstance(a, np.ndarray) and a.dtype == SIZES)
    pairs = int(sizes["images"]) * pairs_of(sizes)
    if not kernel.startswith("conv"):
        return pairs
    seeds = int(args[-2]) if kernel.startswith("conv_gradient") else 1
    return 2 * seeds * pairs * int(sizes["groups"]) * int(sizes["channels"]) * int(sizes["filters"])


def pairs_of(sizes: Array) -> int:
    """Return how many pairs of an output pixel and a place of its window lie in the image, in one map."""
    pairs = 1
    axes = (
        ("H", "I", "stride_h", "dilation_h", "top", "rows"),
        ("W", "J", "stride_w", "dilation_w", "left", "columns"),
    )
    for names in axes:
        out, places, stride, dilation, before, size = (int(sizes[name]) for name in names)
        read = np.arange(out)[:, None] * stride + np.arange(places) * dilation - before
        pairs *= int(((read >= 0) & (read < size)).sum())
    return pairs
