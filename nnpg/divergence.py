"""The losses of a training that runs, and where its first number is that is not finite."""

from __future__ import annotations

import math
import time

import numpy as np

from nnpg.network import Network
from nnpg_kernels import Array, Backend


class TrainingDiverged(ArithmeticError):
    """The loss became infinite or NaN. The message names epoch, step, layer and the likely cause."""


class RunningLosses:
    """The losses of steps, added up on the host.

    A device's numbers come down together and at most every `seconds`, so that its steps do not wait for each other.

    Parameters
    ----------
    k : Backend
    seconds : float
        0: every step is added at once.

    Examples
    --------
    >>> import numpy as np, nnpg
    >>> losses = RunningLosses(nnpg.load_backend("numpy"), seconds=0)
    >>> losses.add(np.array([0.5, 1.0]), np.int64(1)), losses.settle()
    (True, True)
    >>> losses.total, losses.wrong
    (1.5, 1)
    """

    def __init__(self, k: Backend, seconds: float) -> None:
        self.k, self.seconds, self.total, self.wrong = k, seconds, 0.0, 0
        self._pending: list[Array] = []
        self._settled = time.perf_counter()

    def add(self, values: Array, wrong: Array | int) -> bool:
        """Take each image's loss (N,) and how many images were wrong, (); return whether it is time to settle."""
        if self.seconds == 0:
            self.total, self.wrong = self.total + float(values.sum()), self.wrong + int(wrong)
            return True
        self._pending += [a.sum().astype(np.float64) for a in map(self.k.asarray, (values, wrong))]
        return time.perf_counter() - self._settled >= self.seconds

    def settle(self) -> bool:
        """Add what is pending, and return whether all losses so far are finite."""
        if self._pending:
            numbers = self.k.to_numpy(self.k.xp.stack(self._pending)).tolist()
            for loss, wrong in zip(numbers[::2], numbers[1::2], strict=True):
                self.total, self.wrong = self.total + loss, self.wrong + int(wrong)
            self._pending = []
        self._settled = time.perf_counter()
        return math.isfinite(self.total)


def finite(net: Network) -> bool:
    """Return whether all weights are finite; of a device, one number is waited for."""
    xp = net.backend.xp
    finite = [xp.isfinite(w).all() for arrays in net.parameters.values() for w in arrays.values()]
    return not finite or bool(xp.stack(finite).all())


def diagnosis(net: Network, x: Array, lr: float, epoch: int, number: int) -> str:
    """Say where the first number that is not finite is, and the likely cause."""
    where = f"training diverged at epoch {epoch}, step {number}: "
    advice = f"Lower the learning rate (lr={lr:g}), or check the scale of the inputs and the initial weights."
    for name, arrays in net.parameters.items():
        for p, w in arrays.items():
            if not np.isfinite(net.backend.to_numpy(w)).all():
                return f"{where}{name}.{p} is no longer finite; the steps were too large for this layer. {advice}"
    trace = net.forward(x)
    for name in trace:
        if not np.isfinite(net.backend.to_numpy(trace[name])).all():
            return f"{where}the output of {name!r} overflowed. {advice}"
    return f"{where}the outputs are finite but the loss is not; a target has probability 0. {advice}"
