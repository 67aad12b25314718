"""The results so far, and the checkpoint from which an interrupted attack continues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nnpg.attacks.least_distortion.results import Distorted, Outcome
from nnpg.files.checkpoints import Contents, State
from nnpg_kernels import Array

PENDING = -1
PER_SUBPROBLEM = ("outcome", "size", "c", "evaluations")  # the arrays (N, T)


@dataclass(eq=False)
class PartialResults:
    """Results of N images by T targets; subproblem p is image p // T with target p % T.

    Parameters
    ----------
    x0, best : arrays (N, m)
        The images, and the success with the smallest |r| of each.
    targets : array (N, T)
    outcome, size, c, evaluations : arrays (N, T)
        The outcome is -1 where the subproblem is pending.
    """

    x0: Array
    best: Array
    targets: npt.NDArray[np.int64]
    outcome: npt.NDArray[np.int8]
    size: npt.NDArray[np.float64]
    c: npt.NDArray[np.float64]
    evaluations: npt.NDArray[np.int64]

    @staticmethod
    def start(x0: Array, targets: npt.NDArray[np.int64]) -> PartialResults:
        """Return the results before the first subproblem is solved."""
        unknown, evaluations = np.full(targets.shape, np.nan), np.zeros(targets.shape, np.int64)
        outcome = np.full(targets.shape, PENDING, np.int8)
        return PartialResults(x0, x0.copy(), targets, outcome, unknown, unknown.copy(), evaluations)

    @property
    def pending(self) -> npt.NDArray[np.int64]:
        """Subproblems that are not solved."""
        return np.flatnonzero(self.outcome.ravel() == PENDING)

    @property
    def images_done(self) -> int:
        """Images whose subproblems are all solved."""
        return int((self.outcome != PENDING).all(axis=1).sum())

    def record(self, p: int, outcome: int, x: Array, size: float, c: float, evaluations: int) -> bool:
        """Record the outcome of subproblem p; return whether its image is then done."""
        n, t = divmod(p, self.targets.shape[1])
        if outcome != Outcome.NOT_FOUND:
            self.size[n, t], self.c[n, t] = size, c
            if t == self._least(self.size[n]):  # the first of equal sizes, whatever the order of the calls
                self.best[n] = x
        self.outcome[n, t], self.evaluations[n, t] = outcome, evaluations
        return bool((self.outcome[n] != PENDING).all())

    def result(self, shape: tuple[int, ...]) -> Distorted:
        """Return for each image the result of the target with the smallest |r|."""
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
        """Return the target with the smallest |r| (...,); the first where none succeeded."""
        return np.where(np.isnan(size), np.inf, size).argmin(axis=-1)

    def contents(self) -> Contents:
        """Return the content of a checkpoint."""
        rows = np.flatnonzero(np.isfinite(self.size).any(axis=1))
        tensors: dict[str, Array] = {name: getattr(self, name) for name in PER_SUBPROBLEM}
        return tensors | {"rows": rows, "adversarial": self.best[rows]}, {}

    def load(self, saved: State) -> None:
        """Take over the content of a checkpoint."""
        numbers = {name: saved.array(name, self.targets.shape, getattr(self, name).dtype) for name in PER_SUBPROBLEM}
        rows = saved.array("rows", (-1,), np.int64)
        best = saved.array("adversarial", (len(rows), self.best.shape[1]), self.best.dtype)
        if not np.isin(numbers["outcome"], [PENDING, *map(int, Outcome)]).all():
            raise saved.damaged("it holds an unknown outcome")
        if not np.array_equal(rows, np.flatnonzero(np.isfinite(numbers["size"]).any(axis=1))):
            raise saved.damaged("its adversarial images are not those that have a size")
        for name, a in numbers.items():
            getattr(self, name)[:] = a
        self.best[rows] = best

    @property
    def nbytes(self) -> int:
        """The size of a checkpoint in bytes, at most."""
        return self.best.nbytes + sum(getattr(self, name).nbytes for name in PER_SUBPROBLEM) + 100_000
