"""The pooling layers: MaxPool and AvgPool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nnpg.support.arguments import Padding, pair, sides
from nnpg_kernels import Array, Backend, Window


@dataclass(frozen=True, eq=False)
class MaxPool:
    """Largest value of each window; a tie goes to the first maximum, row-major.

    Parameters
    ----------
    size : int or (rows, columns), in pixels
    stride : int or (rows, columns), optional
        By default, `size`; a smaller stride makes the windows overlap.
    padding : int, (rows, columns) or (top, bottom, left, right)
        The padding is never the maximum.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> MaxPool(2).forward(nnpg.load_backend("numpy"), np.arange(16.0).reshape(1, 1, 4, 4))[0]
    array([[[[ 5.,  7.], [13., 15.]]]])
    """

    size: int | tuple[int, int]
    stride: int | tuple[int, int] | None = None
    padding: Padding = 0
    parameters: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        _canonical(self)

    @property
    def window(self) -> Window:
        """The input pixels of one output pixel."""
        return Window(self.size, self.stride, self.padding)  # type: ignore[arg-type]

    def forward(self, k: Backend, x: Array) -> tuple[Array, tuple[Array, tuple[int, ...]]]:
        """y[n,f,h,w] = max_{i,j} x[n,f,h s+i,w s+j]."""
        y, winner = k.max_pool_forward(x, self.window)  # (N, F, H', W')
        return y, (winner, x.shape[-2:])

    def backward(self, k: Backend, delta: Array, saved: tuple[Array, tuple[int, int]]) -> Array:
        """dL/dx = delta at the winner of each window, 0 elsewhere."""
        winner, shape = saved
        return k.max_pool_delta(delta, winner, self.window, shape)  # (..., N, F, H, W)

    def gradients(self, k: Backend, delta: Array, saved: tuple[Array, tuple[int, int]]) -> dict[str, Array]:
        """No parameters."""
        return {}


@dataclass(frozen=True, eq=False)
class AvgPool:
    """Mean of each window, in which the zeros of the padding are included.

    Parameters
    ----------
    size, stride, padding
        As in `MaxPool`.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> AvgPool(2).forward(nnpg.load_backend("numpy"), np.arange(16.0).reshape(1, 1, 4, 4))[0]
    array([[[[ 2.5,  4.5], [10.5, 12.5]]]])
    """

    size: int | tuple[int, int]
    stride: int | tuple[int, int] | None = None
    padding: Padding = 0
    parameters: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        _canonical(self)

    @property
    def window(self) -> Window:
        """The input pixels of one output pixel."""
        return Window(self.size, self.stride, self.padding)  # type: ignore[arg-type]

    def forward(self, k: Backend, x: Array) -> tuple[Array, tuple[int, ...]]:
        """y[n,f,h,w] = 1/(IJ) sum_{i,j} x[n,f,h s+i,w s+j]."""
        return k.avg_pool_forward(x, self.window), x.shape[-2:]  # (N, F, H', W')

    def backward(self, k: Backend, delta: Array, saved: tuple[int, int]) -> Array:
        """dL/dx = 1/(IJ) sum of delta over the windows that contain the pixel."""
        return k.avg_pool_delta(delta, self.window, saved)  # (..., N, F, H, W)

    def gradients(self, k: Backend, delta: Array, saved: tuple[int, int]) -> dict[str, Array]:
        """No parameters."""
        return {}


def _canonical(pool: MaxPool | AvgPool) -> None:
    pair(pool, "size")
    if pool.stride is None:
        object.__setattr__(pool, "stride", pool.size)
    pair(pool, "stride")
    sides(pool, "padding")
    (I, J), (top, bottom, left, right) = pool.window.size, pool.window.padding
    if max(top, bottom) >= I or max(left, right) >= J:
        raise ValueError(
            f"{type(pool).__name__}: padding {pool.padding} must be smaller than the window {I} x {J}, "
            "or some windows would contain nothing but padding"
        )
