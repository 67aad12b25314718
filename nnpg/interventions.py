"""Interventions: changes of a named output during forward, and their derivatives in backward.

Each has two methods, like a layer after the output: `forward(k, y) -> (y', saved)` and
`backward(k, delta, saved) -> delta`. `trace[name]` is y', after the intervention, and `deltas[name]` is the derivative
with respect to y'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from nnpg.support.arguments import as_count, as_number, as_numbers, as_units, described
from nnpg_kernels import Array, Backend


class Intervention(Protocol):
    """A change of one output."""

    def forward(self, k: Backend, y: Array) -> tuple[Array, Any]: ...
    def backward(self, k: Backend, delta: Array, saved: Any) -> Array: ...
    def to(self, move: Callable[[Array], Array]) -> Intervention: ...


def as_intervention(change: Any, name: str = "intervention") -> Intervention:
    """Return an intervention: any object with forward, backward and to."""
    if isinstance(change, type) or not all(hasattr(change, method) for method in ("forward", "backward", "to")):
        raise TypeError(
            f"{name} must be an intervention, an object with forward, backward and to, such as Override(...), not "
            f"{described(change)}"
        )
    return change


@dataclass(frozen=True, eq=False)
class Override:
    """Units that are set for every input: y' = value where `units`, y elsewhere.

    With value 0 this is Lo & Ding's knock-out (V.C); a mean or another image's activations change the network less.

    Parameters
    ----------
    units : bool array
        Broadcasts against y (N, ...): (F, 1, 1) overrides whole feature maps.
    value : array
        Broadcasts against y: 0, one mean per output (F, H, W), or one value per image (N, F, H, W).

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> k = nnpg.load_backend("numpy")
    >>> y, saved = Override(np.array([False, True]), np.array(0.0)).forward(k, np.array([[3.0, 4.0]]))
    >>> y
    array([[3., 0.]])
    """

    units: Array
    value: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", as_units(self.units, "Override: units", stays=True))
        object.__setattr__(
            self, "value", as_numbers(self.value, "Override: value", "an array that fits the output", stays=True)
        )

    def forward(self, k: Backend, y: Array) -> tuple[Array, None]:
        """y' = value where units, y elsewhere."""
        return k.xp.where(self.units, self.value.astype(y.dtype), y), None

    def backward(self, k: Backend, delta: Array, saved: None) -> Array:
        """dL/dy = 0 where units, delta elsewhere."""
        return k.xp.where(self.units, delta.dtype.type(0), delta)

    def to(self, move: Callable[[Array], Array]) -> Override:
        """Return this intervention with its arrays on another backend."""
        return Override(move(self.units), move(self.value))


@dataclass(frozen=True, eq=False)
class Resample:
    """Units that take their values for another image: y'[n] = pool[m] where `units`, m random for each image n.

    Parameters
    ----------
    units : bool array
        Broadcasts against y (N, ...).
    pool : array (M, ...)
        The output for M other images.
    key : int
        Seed of the draw.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> k, pool = nnpg.load_backend("numpy"), np.array([[5.0, 6.0]])
    >>> Resample(np.array([False, True]), pool, key=0).forward(k, np.array([[3.0, 4.0]]))[0]
    array([[3., 6.]])
    """

    units: Array
    pool: Array
    key: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", as_units(self.units, "Resample: units", stays=True))
        object.__setattr__(self, "pool", as_numbers(self.pool, "Resample: pool", "an array (M, ...)", stays=True))
        object.__setattr__(self, "key", as_count(self.key, "Resample: key", least=0))
        if self.pool.ndim == 0 or len(self.pool) == 0:
            raise ValueError(f"Resample: pool must hold the output of at least one image, not {described(self.pool)}")

    def forward(self, k: Backend, y: Array) -> tuple[Array, None]:
        """y'[n] = pool[m_n] where units, y[n] elsewhere."""
        m = k.asarray(np.random.default_rng(self.key).integers(len(self.pool), size=len(y)))
        return k.xp.where(self.units, self.pool[m].astype(y.dtype), y), None

    def backward(self, k: Backend, delta: Array, saved: None) -> Array:
        """dL/dy = 0 where units, delta elsewhere."""
        return k.xp.where(self.units, delta.dtype.type(0), delta)

    def to(self, move: Callable[[Array], Array]) -> Resample:
        """Return this intervention with its arrays on another backend."""
        return Resample(move(self.units), move(self.pool), self.key)


@dataclass(frozen=True, eq=False)
class Clamp:
    """Units held in a range: y' = min(max(y, low), high).

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> Clamp(0.0, 1.0).forward(nnpg.load_backend("numpy"), np.array([[-1.0, 0.5, 3.0]]))[0]
    array([[0. , 0.5, 1. ]])
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            object.__setattr__(self, name, as_number(getattr(self, name), f"Clamp: {name}", finite=False))
        if not self.low <= self.high:
            raise ValueError(f"Clamp: low {self.low} must not be above high {self.high}")

    def forward(self, k: Backend, y: Array) -> tuple[Array, Array]:
        """y' = min(max(y, low), high)."""
        return k.xp.clip(y, self.low, self.high), (self.low < y) & (y < self.high)

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """dL/dy = delta where low < y < high, 0 elsewhere."""
        return delta * saved

    def to(self, move: Callable[[Array], Array]) -> Clamp:
        """Return this intervention: it has no arrays."""
        return self


@dataclass(frozen=True, eq=False)
class Perturb:
    """A constant added: y' = y + r.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> Perturb(np.array([0.5])).forward(nnpg.load_backend("numpy"), np.array([[1.0]]))[0]
    array([[1.5]])
    """

    r: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "r", as_numbers(self.r, "Perturb: r", "an array that fits the output", stays=True))

    def forward(self, k: Backend, y: Array) -> tuple[Array, None]:
        """y' = y + r."""
        return y + self.r.astype(y.dtype), None

    def backward(self, k: Backend, delta: Array, saved: None) -> Array:
        """dL/dy = delta."""
        return delta

    def to(self, move: Callable[[Array], Array]) -> Perturb:
        """Return this intervention with its array on another backend."""
        return replace(self, r=move(self.r))
