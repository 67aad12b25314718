"""What has been found so far, and the file that an interrupted attack goes on from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.attacks.results import Distorted, Outcome
from nnpg.files import ModelFileError, read_tensors, tensors_of, write_tensors
from nnpg.network import Network
from nnpg_kernels import Array

FORMAT = "nnpg-attack-1"
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

    def save(self, path: Path, run: Mapping[str, Any]) -> None:
        """Write everything that is known to a file, whole or not at all."""
        changed = np.flatnonzero(np.isfinite(self.size).any(axis=1))
        tensors: dict[str, Array] = {name: getattr(self, name) for name in NUMBERS}
        write_tensors(path, tensors | {"changed": changed, "best": self.best[changed]}, {"format": FORMAT, "run": run})

    def load(self, path: Path, run: Mapping[str, Any]) -> None:
        """Take over what a file holds; refuse that of another run."""
        tensors, header = read_tensors(path)
        if header.get("format") != FORMAT:
            raise ModelFileError(f"{path}: expected the format {FORMAT!r}, found {header.get('format')!r}")
        for key, mine in run.items():
            if header["run"].get(key) != mine:
                raise ValueError(
                    f"{path} is the checkpoint of another attack: its {key} is {header['run'].get(key)}, this one's "
                    f"{mine}. Use the same network, images, targets and settings, or another file"
                )
        for name in NUMBERS:
            getattr(self, name)[:] = tensors[name]
        self.best[tensors["changed"]] = tensors["best"]


def fingerprint(net: Network, *data: Array) -> dict[str, Any]:
    """Return what tells one attack from another: check sums of the network and of the data."""
    own = tensors_of(net)
    weights = zlib.crc32(b"".join(name.encode() + np.ascontiguousarray(a).tobytes() for name, a in sorted(own.items())))
    sums = [[list(a.shape), zlib.crc32(np.ascontiguousarray(a).tobytes())] for a in data]
    return {"network": [repr(net), sorted(map(str, net.interventions)), weights], "data": sums}
