"""The range of an image, |r| as a function that L-BFGS can minimise, and the bounds of its variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, Protocol, TypeAlias

from nnpg.attacks.least_distortion.curvature import dot
from nnpg_kernels import Array

NormName: TypeAlias = Literal["squared_l2", "l2", "l1"]


@dataclass(frozen=True)
class Box:
    """The range of all pixels, and the largest change of any of them, None for any change."""

    low: float
    high: float
    epsilon: float | None = None

    def around(self, xp: ModuleType, x0: Array) -> tuple[Any, Any]:
        """Return the lowest and the highest value of each pixel of images x0 (N, m); two numbers without epsilon."""
        if self.epsilon is None:
            return self.low, self.high
        return xp.maximum(x0 - self.epsilon, self.low), xp.minimum(x0 + self.epsilon, self.high)


class Norm(Protocol):
    """The penalty of variables v (N, n), from which an image x = x0 + r (N, m) is made."""

    @property
    def curvature(self) -> float: ...  # d2 penalty / dv2, a multiple of the identity
    def start(self, x0: Array) -> Array: ...  # v of x0
    def bounds(self, x0: Array, low: Any, high: Any) -> tuple[Any, Any]: ...  # on v, for x from low to high
    def image(self, v: Array, x0: Array, low: Any, high: Any) -> Array: ...  # x, exactly from low to high
    def penalty(self, v: Array, x0: Array) -> Array: ...  # (N,) float64
    def gradient(self, v: Array, x0: Array) -> Array: ...  # of the penalty
    def size(self, penalty: Array) -> Array: ...  # (N,): |r| from the penalty
    def pullback(self, delta: Array) -> Array: ...  # d/dv from d/dx
    def length(self, d: Array) -> Array: ...  # (N,): |d| of a change d of v
    def dual(self, g: Array) -> Array: ...  # (N,): the dual norm, the largest g'd with |d| = 1
    def first_c(self, steepness: Array, gap: Array) -> Array: ...  # (N,): the first c to try
    def reported(self, c: Array, size: Array) -> Array: ...  # (N,): c as the caller means it


@dataclass(frozen=True)
class SquaredL2:
    """sum r^2, with v = x."""

    xp: ModuleType
    curvature: float = 2.0

    def start(self, x0: Array) -> Array:
        """v = x0."""
        return x0.copy()

    def bounds(self, x0: Array, low: Any, high: Any) -> tuple[Any, Any]:
        """The box itself."""
        return low, high

    def image(self, v: Array, x0: Array, low: Any, high: Any) -> Array:
        """x = v."""
        return v

    def penalty(self, v: Array, x0: Array) -> Array:
        """sum (v - x0)^2."""
        return dot(self.xp, v - x0, v - x0)

    def gradient(self, v: Array, x0: Array) -> Array:
        """2 (v - x0)."""
        return 2 * (v - x0)

    def size(self, penalty: Array) -> Array:
        """|r|_2."""
        return self.xp.sqrt(penalty)

    def pullback(self, delta: Array) -> Array:
        """dL/dv = dL/dx."""
        return delta

    def length(self, d: Array) -> Array:
        """|d|_2."""
        return self.xp.sqrt(dot(self.xp, d, d))

    def dual(self, g: Array) -> Array:
        """|g|_2."""
        return self.length(g)

    def first_c(self, steepness: Array, gap: Array) -> Array:
        """At a flat boundary |r| = gap / steepness; c so that 2 c |r| = steepness / 2, half of the first gradient."""
        return steepness**2 / (4 * gap)

    def reported(self, c: Array, size: Array) -> Array:
        """c itself."""
        return c


@dataclass(frozen=True)
class L2(SquaredL2):
    """|r|_2, solved as its square: c |r|_2 and c' |r|_2^2 have the same gradient where c = 2 c' |r|_2."""

    def reported(self, c: Array, size: Array) -> Array:
        """2 c' |r|_2."""
        return 2 * c * size


@dataclass(frozen=True)
class L1:
    """sum |r|, smooth in v = (p, q) with r = p - q and p, q >= 0: the penalty is the sum of v."""

    xp: ModuleType
    curvature: float = 0.0

    def start(self, x0: Array) -> Array:
        """v = 0."""
        return self.xp.zeros((len(x0), 2 * x0.shape[1]), x0.dtype)

    def bounds(self, x0: Array, low: Any, high: Any) -> tuple[Any, Any]:
        """0 <= p <= high - x0 and 0 <= q <= x0 - low."""
        return 0.0, self.xp.concatenate([high - x0, x0 - low], axis=1)

    def image(self, v: Array, x0: Array, low: Any, high: Any) -> Array:
        """x = x0 + p - q, clipped, since rounding may leave the box."""
        p, q = self.xp.split(v, 2, axis=1)
        return self.xp.minimum(self.xp.maximum(x0 + (p - q), low), high)

    def penalty(self, v: Array, x0: Array) -> Array:
        """sum p + sum q."""
        return v.astype(self.xp.float64).sum(axis=1)

    def gradient(self, v: Array, x0: Array) -> Array:
        """1 everywhere."""
        return self.xp.ones_like(v)

    def size(self, penalty: Array) -> Array:
        """|r|_1 itself."""
        return penalty

    def pullback(self, delta: Array) -> Array:
        """dL/dp = dL/dx, dL/dq = -dL/dx."""
        return self.xp.concatenate([delta, -delta], axis=1)

    def length(self, d: Array) -> Array:
        """|d|_1."""
        return abs(d).astype(self.xp.float64).sum(axis=1)

    def dual(self, g: Array) -> Array:
        """|g|_inf."""
        return abs(g).max(axis=1).astype(self.xp.float64)

    def first_c(self, steepness: Array, gap: Array) -> Array:
        """Below half of the first gradient, so that more than one pixel moves."""
        return steepness / 4

    def reported(self, c: Array, size: Array) -> Array:
        """c itself."""
        return c


@dataclass(frozen=True)
class Settings:
    """The settings of `minimal_distortion`."""

    norm: Norm
    box: Box
    tolerance: float
    history: int
    evaluations: int


NORMS: dict[str, Callable[[ModuleType], Norm]] = {"squared_l2": SquaredL2, "l2": L2, "l1": L1}
