"""Dropout and local response normalisation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from nnpg.support.arguments import as_count, as_number
from nnpg_kernels import Array, Backend


@dataclass(frozen=True, eq=False)
class Dropout:
    """Set a random share of the units to 0 in training and scale up the others; the identity otherwise.

    A layer is pure, so its mask comes from a key. The training loop calls `drawn(rng)` before each step, which returns
    the same layer with a new key. Without a key nothing is dropped.

    Parameters
    ----------
    rate : float in [0, 1)
        Share of units that is dropped.
    key : int, optional
        Seed of the mask.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> k, x = nnpg.load_backend("numpy"), np.ones((1, 6))
    >>> Dropout(0.5).forward(k, x)[0]
    array([[1., 1., 1., 1., 1., 1.]])
    >>> Dropout(0.5, key=1).forward(k, x)[0]
    array([[2., 2., 0., 2., 0., 0.]])
    """

    rate: float
    key: int | None = None
    parameters: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", as_number(self.rate, "Dropout: rate", least=0, below=1))
        if self.key is not None:
            object.__setattr__(self, "key", as_count(self.key, "Dropout: key", least=0))

    def drawn(self, rng: np.random.Generator) -> Dropout:
        """Return this layer with a new mask."""
        return replace(self, key=int(rng.integers(2**63)))

    def undrawn(self) -> Dropout:
        """Return this layer without a mask, as it is outside training."""
        return replace(self, key=None)

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array | None]:
        """y = m x / (1 - rate), m a random 0/1 mask."""
        if self.key is None:
            return x, None
        units = np.random.default_rng(self.key).random(x.shape) >= self.rate
        mask = k.asarray((units / (1 - self.rate)).astype(x.dtype))
        return x * mask, mask

    def backward(self, k: Backend, delta: Array, saved: Array | None) -> Array:
        """dL/dx = delta m / (1 - rate)."""
        mask = saved
        return delta if mask is None else delta * mask

    def gradients(self, k: Backend, delta: Array, saved: Array | None) -> dict[str, Array]:
        """No parameters."""
        return {}


@dataclass(frozen=True, eq=False)
class LocalResponseNorm:
    """AlexNet's normalisation across neighbouring maps: y_c = x_c / z_c^beta.

    z_c = bias + alpha / size * sum of x_d^2 over the `size` maps d around c (Krizhevsky et al. 2012, 3.3; alpha
    is divided by size, as in Caffe and PyTorch).

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> x = np.full((1, 3, 1, 1), 2.0)
    >>> LocalResponseNorm(size=3, alpha=3.0, beta=1.0).forward(nnpg.load_backend("numpy"), x)[0].ravel().round(4)
    array([0.2222, 0.1538, 0.2222])
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0
    parameters: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_count(self.size, "LocalResponseNorm: size"))
        for name in ("alpha", "beta", "bias"):
            object.__setattr__(self, name, as_number(getattr(self, name), f"LocalResponseNorm: {name}"))

    def forward(self, k: Backend, x: Array) -> tuple[Array, tuple[Array, Array]]:
        """y_c = x_c z_c^-beta,  z_c = bias + alpha / size sum_{d near c} x_d^2."""
        z = self.bias + self.alpha / self.size * _over_maps(self._near(k, x), x * x)  # (N, C, H, W)
        return x * z**-self.beta, (x, z)

    def backward(self, k: Backend, delta: Array, saved: tuple[Array, Array]) -> Array:
        """dL/dx_d = delta_d z_d^-beta - 2 alpha beta / size x_d sum_{c: d near c} delta_c x_c z_c^(-beta-1)."""
        x, z = saved
        shared = _over_maps(self._near(k, x).T, delta * x * z ** (-self.beta - 1))  # (..., N, C, H, W)
        return delta * z**-self.beta - 2 * self.alpha * self.beta / self.size * x * shared

    def gradients(self, k: Backend, delta: Array, saved: tuple[Array, Array]) -> dict[str, Array]:
        """No parameters."""
        return {}

    def _near(self, k: Backend, x: Array) -> Array:
        """near[c, d] = 1 where map d is one of the `size` maps around c."""
        C, half = x.shape[-3], self.size // 2
        distance = np.arange(C) - np.arange(C)[:, None]
        return k.asarray(((-half <= distance) & (distance < self.size - half)).astype(x.dtype))


def _over_maps(near: Array, a: Array) -> Array:
    """sum_d near[c, d] a[..., d, h, w]."""
    return (near @ a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1])).reshape(a.shape)
