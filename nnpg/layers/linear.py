"""The linear layers: Dense, Conv, Flatten and Center. Squashing functions are separate layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from nnpg.support.arguments import Padding, as_count, as_numbers, as_parameter, pair, sides
from nnpg_kernels import Array, Backend, Window


@dataclass(frozen=True, eq=False)
class Dense:
    """Weighted sums: y = W x + b.

    Parameters
    ----------
    W : array (F, D)
        Weight of input d in unit f.
    b : array (F,), optional

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> k = nnpg.load_backend("numpy")
    >>> y, saved = Dense(np.array([[1.0, 2.0]]), np.array([0.5])).forward(k, np.array([[3.0, 4.0]]))
    >>> y
    array([[11.5]])
    """

    W: Array
    b: Array | None = None
    parameters: ClassVar[tuple[str, ...]] = ("W", "b")

    def __post_init__(self) -> None:
        _check_shapes(self, "F, D")

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
        """y[n,f] = sum_d W[f,d] x[n,d] + b[f]."""
        y = x @ self.W.T  # (N, F)
        return (y if self.b is None else y + self.b), x

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """dL/dx[n,d] = sum_f delta[n,f] W[f,d]."""
        return delta @ self.W  # (..., N, D)

    def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
        """dL/dW[f,d] = sum_n delta[n,f] x[n,d];  dL/db[f] = sum_n delta[n,f]."""
        x = saved
        dW = {"W": delta.swapaxes(-1, -2) @ x}  # (..., F, D)
        return dW if self.b is None else dW | {"b": delta.sum(axis=-2)}


@dataclass(frozen=True, eq=False)
class Conv:
    """Convolution, which here is cross-correlation: the filter is not flipped (thesis eq. 2.6).

    Parameters
    ----------
    W : array (F, C / groups, I, J)
        F filters of I x J pixels.
    b : array (F,), optional
    stride, dilation : int or (rows, columns), in pixels
    padding : int, (rows, columns) or (top, bottom, left, right), in pixels of zeros
    groups : int
        Filters and channels are split into this many separate groups.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> k = nnpg.load_backend("numpy")
    >>> sobel = Conv(np.array([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]]))
    >>> y, saved = sobel.forward(k, np.arange(9.0).reshape(1, 1, 3, 3))
    >>> y
    array([[[[8.]]]])
    """

    W: Array
    b: Array | None = None
    stride: int | tuple[int, int] = 1
    padding: Padding = 0
    dilation: int | tuple[int, int] = 1
    groups: int = 1
    parameters: ClassVar[tuple[str, ...]] = ("W", "b")

    def __post_init__(self) -> None:
        pair(self, "stride")
        pair(self, "dilation")
        sides(self, "padding")
        object.__setattr__(self, "groups", as_count(self.groups, "Conv: groups"))
        _check_shapes(self, "F, C / groups, I, J")
        if self.W.shape[0] % self.groups:
            raise ValueError(f"Conv: {self.W.shape[0]} filters cannot be split into {self.groups} groups")

    @property
    def window(self) -> Window:
        """The input pixels of one output pixel."""
        return Window(self.W.shape[-2:], self.stride, self.padding, self.dilation)  # type: ignore[arg-type]

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
        """y[n,f,h,w] = sum_{c,i,j} W[f,c,i,j] x[n,c,h+i,w+j] + b[f]   (stride 1, no padding)."""
        C = self.W.shape[1] * self.groups
        if x.ndim != 4 or x.shape[1] != C:
            raise ValueError(f"its W {self.W.shape} takes images (N, {C}, H, W), not {x.shape}")
        return k.conv_forward(x, self.W, self.b, self.window, self.groups), x  # (N, F, H', W')

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """dL/dx[n,c,h,w] = sum_{f,i,j} W[f,c,i,j] delta[n,f,h-i,w-j]."""
        x = saved
        return k.conv_delta(delta, self.W, self.window, self.groups, x.shape[-2:])  # (..., N, C, H, W)

    def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
        """dL/dW[f,c,i,j] = sum_{n,h,w} delta[n,f,h,w] x[n,c,h+i,w+j];  dL/db[f] = sum_{n,h,w} delta[n,f,h,w]."""
        x = saved
        dW = {"W": k.conv_gradient(delta, x, self.window, self.groups)}  # (..., F, C / groups, I, J)
        return dW if self.b is None else dW | {"b": delta.sum(axis=(-4, -2, -1))}


@dataclass(frozen=True, eq=False)
class Flatten:
    """Feature maps to one vector per image, row-major: (N, C, H, W) to (N, C H W).

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> Flatten().forward(nnpg.load_backend("numpy"), np.zeros((2, 3, 4, 4)))[0].shape
    (2, 48)
    """

    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Backend, x: Array) -> tuple[Array, tuple[int, ...]]:
        """y[n,:] = x[n] in one row."""
        return x.reshape(len(x), math.prod(x.shape[1:])), x.shape[1:]

    def backward(self, k: Backend, delta: Array, saved: tuple[int, ...]) -> Array:
        """dL/dx[n] = delta[n,:] back in its shape."""
        return delta.reshape(*delta.shape[:-1], *saved)

    def gradients(self, k: Backend, delta: Array, saved: tuple[int, ...]) -> dict[str, Array]:
        """No parameters."""
        return {}


@dataclass(frozen=True, eq=False)
class Center:
    """Subtract a fixed mean, such as that of the training images: y = x - mean.

    As a layer it is saved with the network, and `deltas["input"]` is the derivative with respect to the pixels.

    Parameters
    ----------
    mean : array
        One number (), one per channel (C, 1, 1), or one per pixel (C, H, W). Not learned.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> Center(np.array(0.5)).forward(nnpg.load_backend("numpy"), np.array([[0.5, 1.0]]))[0]
    array([[0. , 0.5]])
    """

    mean: Array
    parameters: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        expected = "an array that broadcasts to an image"
        object.__setattr__(self, "mean", as_numbers(self.mean, "Center: mean", expected, stays=True))

    def forward(self, k: Backend, x: Array) -> tuple[Array, None]:
        """y = x - mean."""
        return x - self.mean.astype(x.dtype), None

    def backward(self, k: Backend, delta: Array, saved: None) -> Array:
        """dL/dx = delta."""
        return delta

    def gradients(self, k: Backend, delta: Array, saved: None) -> dict[str, Array]:
        """No parameters."""
        return {}


def _check_shapes(layer: Dense | Conv, axes: str) -> None:
    kind = type(layer).__name__
    W = as_parameter(layer.W, f"{kind}: W", f"an array ({axes})")
    b = None if layer.b is None else as_parameter(layer.b, f"{kind}: b", "an array (F,)")
    object.__setattr__(layer, "W", W)
    object.__setattr__(layer, "b", b)
    if 0 in W.shape or W.ndim != axes.count(",") + 1 or (b is not None and b.shape != W.shape[:1]):
        shapes = f"W {W.shape}" + ("" if b is None else f" and b {b.shape}")
        raise ValueError(f"{kind}: W must be ({axes}) and b (F,), not {shapes}")
