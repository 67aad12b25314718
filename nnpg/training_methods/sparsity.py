"""Sparse units: a penalty on the mean outputs of the units of a layer over all images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnpg.support.arguments import as_number, as_text

Rates = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sparsity:
    """beta sum_j KL(rho || r_j), with r_j the mean output of unit j of a sigmoid layer over all images (Ng 2011).

    KL(rho || r) = rho log(rho / r) + (1 - rho) log((1 - rho) / (1 - r)) is 0 where the rate r is rho.

    Parameters
    ----------
    layer : str
        Name of the output, whose units lie in (0, 1).
    rate : float in (0, 1)
        rho: the mean output of each unit at which the penalty is 0.
    strength : float
        beta.

    Raises
    ------
    ValueError
        If the rate lies outside (0, 1) or the strength is negative.

    Examples
    --------
    >>> sparse = Sparsity("sigmoid1", rate=0.05, strength=3.0)
    >>> round(sparse.value(np.array([0.05, 0.5])), 3), sparse.gradient(np.array([0.05, 0.5])).round(3)
    (1.484, array([0. , 5.4]))
    """

    layer: str
    rate: float = 0.05
    strength: float = 3.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "layer", as_text(self.layer, "Sparsity: layer"))
        object.__setattr__(self, "rate", as_number(self.rate, "Sparsity: rate", above=0, below=1))
        object.__setattr__(self, "strength", as_number(self.strength, "Sparsity: strength", least=0))

    def value(self, rates: Rates) -> float:
        """Return beta sum_j KL(rho || r_j) for rates (F,)."""
        p, r = self.rate, _inside(rates)
        return self.strength * float((p * np.log(p / r) + (1 - p) * np.log((1 - p) / (1 - r))).sum())

    def gradient(self, rates: Rates) -> Rates:
        """Return d value / d r_j = beta (-rho / r_j + (1 - rho) / (1 - r_j))."""
        p, r = self.rate, _inside(rates)
        return self.strength * ((1 - p) / (1 - r) - p / r)


def _inside(rates: Rates) -> Rates:
    """Return rates at which the logarithms are finite."""
    return np.clip(np.asarray(rates, np.float64), 1e-12, 1 - 1e-12)  # float32 sigmoids round to 0 and 1
