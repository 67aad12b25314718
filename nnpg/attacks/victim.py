"""What an attack asks of a network: the loss, the margin of the target, and their gradients with respect to the image.

A matrix product may round differently when it has another number of rows. The network is therefore always run on blocks
of the same number of images, the last one filled up: then what it says of an image does not depend, in any bit, on
which other images are attacked, and no decision of a search can hang on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType

from nnpg.layers import Sigmoid, Softmax
from nnpg.losses import Loss, LossMaker, loss_for
from nnpg.network import INPUT, Network, Trace
from nnpg_kernels import Array

BLOCK = 64  # images in each run of the network
LEEWAY = 2e-5  # of the largest score: a target that leads by less may lose its lead to another order of summation


@dataclass(eq=False)
class Reading:
    """What the network says of N images.

    Parameters
    ----------
    loss : array (N,), float64
    gradient : array (N, m)
        d loss / d x.
    margin : array (N,), float64
        Score of the target less the largest other score; scores are what the loss reads, before any squashing.
    leeway : array (N,), float64
        An image counts as classified as its target when the margin is above this.
    slope : array (N,), float64
        d log(y / (1 - y)) / d loss for the target's probability y, which is close to d margin / d loss; NaN for losses
        that do not tell.
    """

    loss: Array
    gradient: Array
    margin: Array
    leeway: Array
    slope: Array


@dataclass(eq=False)
class Rivals:
    """The R classes with the largest scores but the target's: which (N, R), the margins over them, d margin / d x."""

    classes: Array
    margins: Array  # (N, R)
    gradients: Array  # (N, R, m)


@dataclass(frozen=True, eq=False)
class Victim:
    """A network under attack, and the loss that is to become small.

    Raises
    ------
    ValueError
        If the loss reads anything but the network's last output or what goes into its last layer.
    """

    net: Network
    loss: Loss

    @staticmethod
    def of(net: Network, loss: str | LossMaker) -> Victim:
        """Return the network with the loss of that name."""
        how, last = loss_for(net, loss), net.names[-1]
        squashed = last not in net.interventions and isinstance(net.layers.get(last), Softmax | Sigmoid)
        scores = net.names[-2:] if squashed else [last]
        if how.at not in scores:
            raise ValueError(
                f"the loss {how.name!r} reads {how.at!r}, but an attack needs one that reads the scores of the classes: "
                f"{' or '.join(map(repr, scores))}"
            )
        return Victim(net, how)

    @property
    def xp(self) -> ModuleType:
        """The array module of the network's backend."""
        return self.net.backend.xp

    def read(self, x: Array, target: Array) -> Reading:
        """Return loss, gradient and margin of the images x (N, m) for the targets (N,)."""
        k, xp = self.net.backend, self.xp

        def seed(z: Array, t: Array) -> Array:
            return self.loss.seed(k, z, t)

        z, gradient = self._run(x, target, seed)
        loss = self.loss.value(k, z, target)
        margin, _ = self._margins(z, target, 1)
        slope = xp.full(len(x), xp.nan)
        if self.loss.name == "softmax_cross_entropy":
            slope = -1 / xp.maximum(-xp.expm1(-loss), 1e-12)
        return Reading(loss, gradient, margin[:, 0], LEEWAY * (1 + abs(z).max(axis=1)), slope)

    def read_rivals(self, x: Array, target: Array, R: int) -> tuple[Reading, Rivals]:
        """Return a reading, and the margins over the R largest other scores with their gradients."""
        k, xp = self.net.backend, self.xp

        def seed(z: Array, t: Array) -> Array:  # (1 + R, N, K)
            _, others = self._margins(z, t, R)
            classes = xp.arange(z.shape[1])
            to = (t[:, None] == classes) * 1.0  # (N, K)
            away = (others.T[:, :, None] == classes) * 1.0  # (R, N, K)
            return xp.concatenate([self.loss.seed(k, z, t)[None], to - away])

        z, gradients = self._run(x, target, seed)
        margins, classes = self._margins(z, target, R)
        leeway, nothing = LEEWAY * (1 + abs(z).max(axis=1)), xp.full(len(x), xp.nan)
        reading = Reading(self.loss.value(k, z, target), gradients[0], margins[:, 0], leeway, nothing)
        return reading, Rivals(classes, margins, xp.ascontiguousarray(gradients[1:].swapaxes(0, 1)))

    def _margins(self, z: Array, target: Array, R: int) -> tuple[Array, Array]:
        """Score of the target less the R largest others (N, R), and which classes these are."""
        xp = self.xp
        mine = target[:, None] == xp.arange(z.shape[1])  # (N, K)
        others = xp.where(mine, -xp.inf, z)
        order = xp.argsort(-others, axis=1)[:, :R] if R > 1 else others.argmax(axis=1)[:, None]
        return z[mine][:, None] - xp.take_along_axis(others, order, axis=1), order

    def _run(self, x: Array, target: Array, seed: Callable[[Array, Array], Array]) -> tuple[Array, Array]:
        """Scores (N, K) in float64, and the delta of the images (..., N, m) for a seed."""
        xp, scores, deltas = self.xp, [], []
        for rows, block, t in self._blocks(x, target):
            trace: Trace = self.net.forward(block.reshape(-1, *self.net.input_shape), upto=self.loss.at)
            z = trace.y.astype(xp.float64)
            delta = self.net.backward(trace, seed(z, t), until=INPUT, keep=(INPUT,))[INPUT]
            scores.append(z[:rows])
            deltas.append(delta.reshape(*delta.shape[: delta.ndim - len(self.net.input_shape)], -1)[..., :rows, :])
        return xp.concatenate(scores), xp.concatenate(deltas, axis=-2)

    def _blocks(self, x: Array, target: Array) -> Iterator[tuple[int, Array, Array]]:
        """How many images of a block count, and the block, always of BLOCK images."""
        xp = self.xp
        for n in range(0, len(x), BLOCK):
            block, t = x[n : n + BLOCK], target[n : n + BLOCK]
            rows = len(block)
            if rows < BLOCK:
                filler = xp.zeros((BLOCK - rows, x.shape[1]), x.dtype)
                block, t = xp.concatenate([block, filler]), xp.concatenate([t, xp.zeros(BLOCK - rows, t.dtype)])
            yield rows, block, t
