"""The activations: Tanh, ReLU, Sigmoid, Step and Softmax. Each saves only its output y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnpg.support.arguments import as_count
from nnpg_kernels import Array, Backend


@dataclass(frozen=True, eq=False)
class Tanh:
    """Hyperbolic tangent: y = tanh x.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> Tanh().forward(nnpg.load_backend("numpy"), np.array([[0.0, 1.0]]))[0].round(4)
    array([[0.    , 0.7616]])
    """

    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
        """y = tanh x."""
        y = k.xp.tanh(x)
        return y, y

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """dL/dx = delta (1 - y^2)."""
        y = saved
        return delta * (1 - y * y)

    def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
        """No parameters."""
        return {}


@dataclass(frozen=True, eq=False)
class ReLU:
    """Rectifier: y = max(0, x), with relu'(0) = 0.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> ReLU().forward(nnpg.load_backend("numpy"), np.array([[-2.0, 3.0]]))[0]
    array([[0., 3.]])
    """

    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
        """y = max(0, x)."""
        y = k.xp.maximum(x, 0)
        return y, y

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """dL/dx = delta where y > 0, 0 elsewhere."""
        y = saved
        return k.xp.where(y <= 0, 0, delta)

    def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
        """No parameters."""
        return {}


@dataclass(frozen=True, eq=False)
class Sigmoid:
    """Logistic function: y = 1 / (1 + exp(-x)).

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> Sigmoid().forward(nnpg.load_backend("numpy"), np.array([[0.0, -1e4]]))[0]
    array([[0.5, 0. ]])
    """

    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
        """y = 1 / (1 + e^-x).

        Written so that no exponential overflows: y = e^min(x, 0) / (1 + e^-|x|).
        """
        e = k.xp.exp(k.xp.minimum(x, -x))  # e^-|x|; abs(x) would lose a complex step
        y = k.xp.exp(k.xp.minimum(x, 0)) / (1 + e)
        return y, y

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """dL/dx = delta y (1 - y)."""
        y = saved
        return delta * y * (1 - y)

    def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
        """No parameters."""
        return {}


@dataclass(frozen=True, eq=False)
class Step:
    """Step function of the perceptron: y = 1 for x > 0, 0 for x < 0; its derivative is 0 wherever it exists.

    Parameters
    ----------
    at_zero : 0 or 1
        y for x = 0: 0 in Lo's thesis (2.1), 1 in Hinthorn.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> Step().forward(nnpg.load_backend("numpy"), np.array([[-1.0, 0.0, 2.0]]))[0]
    array([[0., 0., 1.]])
    """

    at_zero: int = 0
    parameters: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        at_zero = int(self.at_zero) if isinstance(self.at_zero, bool | np.bool_) else self.at_zero
        object.__setattr__(self, "at_zero", as_count(at_zero, "Step: at_zero", least=0, most=1))

    def forward(self, k: Backend, x: Array) -> tuple[Array, None]:
        """y = [x > 0], or [x >= 0] with at_zero=1."""
        return (x >= 0 if self.at_zero else x > 0).astype(x.dtype), None

    def backward(self, k: Backend, delta: Array, saved: None) -> Array:
        """dL/dx = 0: nothing is learned through a step."""
        return k.xp.zeros_like(delta)

    def gradients(self, k: Backend, delta: Array, saved: None) -> dict[str, Array]:
        """No parameters."""
        return {}


@dataclass(frozen=True, eq=False)
class Softmax:
    """Probabilities of K classes: y_k = exp(x_k) / sum_j exp(x_j).

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> Softmax().forward(nnpg.load_backend("numpy"), np.array([[0.0, 0.0, 1e4]]))[0]
    array([[0., 0., 1.]])
    """

    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k: Backend, x: Array) -> tuple[Array, Array]:
        """y_k = e^(x_k - m) / sum_j e^(x_j - m) with m = max_j x_j.

        Without m an exponential could overflow.
        """
        e = k.xp.exp(x - x.max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)  # (N, K)
        return y, y

    def backward(self, k: Backend, delta: Array, saved: Array) -> Array:
        """dL/dx_k = y_k (delta_k - sum_j y_j delta_j).

        A constant added to delta does not change the result, so the delta of the largest y is subtracted first. Then
        the sum has only the other y, and 1 - y_t never rounds to 0 where y_t is close to 1.
        """
        y = saved
        winner = k.xp.broadcast_to(y.argmax(axis=-1)[..., None], (*delta.shape[:-1], 1))
        delta = delta - k.xp.take_along_axis(delta, winner, axis=-1)  # (..., N, K)
        return y * (delta - (y * delta).sum(axis=-1, keepdims=True))

    def gradients(self, k: Backend, delta: Array, saved: Array) -> dict[str, Array]:
        """No parameters."""
        return {}
