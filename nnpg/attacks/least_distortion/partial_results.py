"""What has been found so far, and the file that an interrupted attack goes on from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnpg.attacks.least_distortion.results import Distorted, Outcome
from nnpg.files.checkpoints import Contents, State
from nnpg_kernels import Array

PENDING = -1
NUMBERS = ("outcome", "size", "c", "evaluations")  # what is known of each attack


@dataclass(eq=False)
class Tally:
    """Outcomes of N images by T targets; attack p is on image p // T with target p % T.

    Parameters
    ----------
    x0, best : arrays (N, m)
        The images, and the least changed success of each.
    targets : array (N, T)
    outcome, size, c, evaluations : arrays (N, T)
        Outcome -1 where the attack is not over.
    """

    x0: Array
    best: Array
    targets: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.int8]
    size: npt.NDArray[np.float64]
    c: npt.NDArray[np.float64]
    evaluations: npt.NDArray[np.int64]

    @staticmethod
    def start(x0: Array, targets: npt.NDArray[np.int64]) -> Tally:
        """Return the tally of an attack that has not begun."""
        nothing, none = np.full(targets.shape, np.nan), np.zeros(targets.shape, np.int64)
        return Tally(x0, x0.copy(), targets, np.full(targets.shape, PENDING, np.int8), nothing, nothing.copy(), none)

    @property
    def pending(self) -> npt.NDArray[np.int64]:
        """Attacks that are not over."""
        return np.flatnonzero(self.outcome.ravel() == PENDING)

    @property
    def images_done(self) -> int:
        """Images whose attacks are all over."""
        return int((self.outcome != PENDING).all(axis=1).sum())

    def record(self, p: int, outcome: int, x: Array, size: float, c: float, evaluations: int) -> bool:
        """Enter the outcome of attack p; return whether its image is done by it."""
        n, t = divmod(p, self.targets.shape[1])
        if outcome != Outcome.NOT_FOUND:
            self.size[n, t], self.c[n, t] = size, c
            if t == self._least(self.size[n]):  # the first one where two tie, in whatever order they come
                self.best[n] = x
        self.outcome[n, t], self.evaluations[n, t] = outcome, evaluations
        return bool((self.outcome[n] != PENDING).all())

    def result(self, shape: tuple[int, ...]) -> Distorted:
        """Return the least over the targets of each image."""
        n = np.arange(len(self.x0))
        t = self._least(self.size)
        r = self.best.astype(np.float64) - self.x0
        distortion = np.where(np.isnan(self.size[n, t]), np.nan, np.sqrt((r * r).mean(axis=1)))
        return Distorted(
            self.best.reshape(-1, *shape), self.targets[n, t], self.outcome[n, t],
            distortion, self.size[n, t], self.c[n, t], self.evaluations.sum(axis=1),
        )  # fmt: skip

    @staticmethod
    def _least(size: Array) -> Array:
        """Which target took least (...,); the first one where none succeeded."""
        return np.where(np.isnan(size), np.inf, size).argmin(axis=-1)

    def contents(self) -> Contents:
        """Return everything that is known, for a checkpoint."""
        changed = np.flatnonzero(np.isfinite(self.size).any(axis=1))
        tensors: dict[str, Array] = {name: getattr(self, name) for name in NUMBERS}
        return tensors | {"changed": changed, "best": self.best[changed]}, {}

    def load(self, saved: State) -> None:
        """Take over what a file holds."""
        numbers = {name: saved.array(name, self.targets.shape, getattr(self, name).dtype) for name in NUMBERS}
        changed = saved.array("changed", (-1,), np.int64)
        best = saved.array("best", (len(changed), self.best.shape[1]), self.best.dtype)
        if not np.isin(numbers["outcome"], [PENDING, *map(int, Outcome)]).all():
            raise saved.damaged("it holds an outcome that is none")
        if not np.array_equal(changed, np.flatnonzero(np.isfinite(numbers["size"]).any(axis=1))):
            raise saved.damaged("its changed images are not those that have a size")
        for name, a in numbers.items():
            getattr(self, name)[:] = a
        self.best[changed] = best

    @property
    def nbytes(self) -> int:
        """How many bytes a file of it may take."""
        return self.best.nbytes + sum(getattr(self, name).nbytes for name in NUMBERS) + 100_000
