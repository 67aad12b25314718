"""What an attack asks of a network: the loss, the margin of the target, and their gradients with respect to the image.

What the network says of an image must not depend on the other images, in no bit: a search would turn a last bit into
another path. A compiled program (`nnpg.programs.tasks.Reading`) promises that. Layer by layer it takes more: a matrix
product rounds a row differently when there are other numbers of rows, and even by where in the matrix the row stands.
So the network is always run on blocks of the same number of images, the empty places filled with zeros; which places of
a block give the same bits is tried out first, on this network and this machine; and an image always gets a place of the
same kind, its lane, which is drawn from its own pixels.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.layers import Conv, Sigmoid, Softmax
from nnpg.losses import Loss, LossMaker, loss_for
from nnpg.network import INPUT, Network
from nnpg.programs import find, tasks
from nnpg_kernels import Array, one_blas_thread

BLOCK = 48  # images in each run of the network: a multiple of the rows that matrix products take at a time;
CONV_BLOCK = 8  # where there are convolutions, which go image by image anyway;
DEVICE_BLOCK = 960  # and on a GPU
LEEWAY = 2e-5  # of the largest score: a target that leads by less may lose its lead to another order of summation
RIVALS = 4  # other classes, those with the largest scores, that are asked for one by one

Seed = Callable[[Array, Array], Array]


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


@dataclass(eq=False)
class Lead:
    """By how much a class leads, and what else.

    Parameters
    ----------
    margin : array (N,), float64
    leeway : array (N,), float64
        As in `Reading`.
    rival : array (N,), int
        The largest score of the other classes than the one that was named.
    gradient : array (N, m)
        d margin / d x.
    """

    margin: Array
    leeway: Array
    rival: Array
    gradient: Array


@dataclass(frozen=True, eq=False)
class Victim:
    """A network under attack, and the loss that is to become small; made by `victim_of`.

    Parameters
    ----------
    net : Network
    loss : Loss
    spots : tuple of arrays
        For each lane, the places of a block that belong to it.
    compiled : function or None
        What `nnpg.programs` has for this network: there an image's answer does not depend on its place.
    computed : str
        How it is read, in words.
    """

    net: Network
    loss: Loss
    spots: tuple[npt.NDArray[np.int64], ...]
    compiled: Callable[..., tuple[Array, Array]] | None = None
    computed: str = ""

    @property
    def block(self) -> int:
        """Images in each run of the network."""
        return sum(map(len, self.spots))

    @property
    def xp(self) -> ModuleType:
        """The array module of the network's backend."""
        return self.net.backend.xp

    def lanes(self, x: npt.NDArray[Any], target: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Draw the lanes of images (N, m) with their targets (N,), from nothing but these."""
        if len(self.spots) == 1:
            return np.zeros(len(x), np.int64)
        kind = np.empty(self.block, np.int64)
        for lane, spots in enumerate(self.spots):
            kind[spots] = lane
        return kind[[zlib.crc32(row.tobytes(), int(t)) % self.block for row, t in zip(x, target, strict=True)]]

    def read(self, x: Array, target: Array, lane: Array) -> Reading:
        """Return loss, gradient and margin of the images x (N, m) for the targets (N,)."""
        xp, k = self.xp, self.net.backend
        z, gradient = self._run(x, target, lane, lambda z, t: self.loss.seed(k, z, t))
        loss = self.loss.value(k, z, target)
        slope = xp.full(len(x), xp.nan)
        if self.loss.name == "softmax_cross_entropy":
            slope = -1 / xp.maximum(-xp.expm1(-loss), 1e-12)
        margin, _ = _margins(xp, z, target, 1)
        return Reading(loss, gradient, margin[:, 0], LEEWAY * (1 + abs(z).max(axis=1)), slope)

    def loss_of(self, x: npt.NDArray[Any], target: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the loss (N,) of images x (N, *shape) for the targets (N,), and its derivative by them."""
        k, flat = self.net.backend, x.reshape(len(x), -1)
        here = map(k.asarray, (flat, target, self.lanes(flat, target)))
        told = self.read(*here)
        return k.to_numpy(told.loss), k.to_numpy(told.gradient).reshape(x.shape)

    def read_rivals(self, x: Array, target: Array, lane: Array, R: int = RIVALS) -> tuple[Reading, Rivals]:
        """Return a reading, without slope, and the margins over the R largest other scores with their gradients."""
        xp, k = self.xp, self.net.backend
        R = min(R, self.net.K - 1)

        def seed(z: Array, t: Array) -> Array:  # (1 + R, N, K)
            classes, (_, others) = xp.arange(z.shape[1]), _margins(xp, z, t, R)
            to, away = t[:, None] == classes, others.T[:, :, None] == classes  # (N, K), (R, N, K)
            return xp.concatenate([self.loss.seed(k, z, t)[None], to.astype(z.dtype) - away])

        z, gradients = self._run(x, target, lane, seed)
        margins, classes = _margins(xp, z, target, R)
        nothing, leeway = xp.full(len(x), xp.nan), LEEWAY * (1 + abs(z).max(axis=1))
        reading = Reading(self.loss.value(k, z, target), gradients[0], margins[:, 0], leeway, nothing)
        return reading, Rivals(classes, margins, xp.ascontiguousarray(gradients[1:].swapaxes(0, 1)))

    def lead(self, x: Array, label: Array, lane: Array, *, away: bool = False) -> Lead:
        """Return the margin of each image's class over the others, or, away, of the largest other over it."""
        xp, sign = self.xp, -1.0 if away else 1.0

        def seed(z: Array, t: Array) -> Array:
            classes, (_, other) = xp.arange(z.shape[1]), _margins(xp, z, t, 1)
            return sign * ((t[:, None] == classes).astype(x.dtype) - (other == classes))

        z, gradient = self._run(x, label, lane, seed)
        margin, other = _margins(xp, z, label, 1)
        return Lead(sign * margin[:, 0], LEEWAY * (1 + abs(z).max(axis=1)), other[:, 0], gradient)

    def _run(self, x: Array, target: Array, lane: Array, seed: Seed) -> tuple[Array, Array]:
        """Scores (N, K) in float64, and the delta of the images (..., N, m) for a seed."""
        if self.compiled is not None:
            z, delta = self.compiled(x.reshape(-1, *self.net.input_shape), lambda z, rows: seed(z, target[rows]))
            return z, delta.reshape(*delta.shape[: delta.ndim - len(self.net.input_shape)], -1)
        xp, size, to = self.xp, self.block, self._places(lane)
        blocks = int(to.max()) // size + 1
        images, targets = xp.zeros((blocks * size, x.shape[1]), x.dtype), xp.zeros(blocks * size, target.dtype)
        images[to], targets[to] = x, target
        scores, deltas = [], []
        for n in range(0, len(images), size):
            block, t = images[n : n + size].reshape(-1, *self.net.input_shape), targets[n : n + size]
            trace = self.net.forward(block, stop=self.loss.layer)
            scores.append(trace.y.astype(xp.float64))
            delta = self.net.backward(trace, seed(scores[-1], t), stop=INPUT, keep=(INPUT,))[INPUT]
            deltas.append(delta.reshape(*delta.shape[: delta.ndim - block.ndim], size, -1))
        z, delta = (a[0] if len(a) == 1 else xp.concatenate(a, axis=-2) for a in (scores, deltas))
        return z[to], delta[..., to, :]

    def _places(self, lane: Array) -> Array:
        """Where each image goes in a row of blocks (N,)."""
        xp = self.xp
        to = xp.empty(len(lane), xp.int64)
        for number, spots in enumerate(self.spots):
            rows = xp.flatnonzero(lane == number)
            order = xp.arange(len(rows))
            to[rows] = order // len(spots) * self.block + xp.asarray(spots)[order % len(spots)]
        return to


def victim_of(net: Network, loss: str | LossMaker) -> Victim:
    """Return a network with the loss of that name, its compiled program, or the lanes that this machine needs.

    Raises
    ------
    nnpg.programs.NotCompiled
        If there is no program inside `nnpg.require_compiled`.
    ValueError
        If the loss reads anything but the network's last output or what goes into its last layer.
    """
    how, last = loss_for(net, loss), net.names[-1]
    squashed = last not in net.interventions and isinstance(net.layers.get(last), Softmax | Sigmoid)
    scores = net.names[-2:] if squashed else [last]
    if how.layer not in scores:
        raise ValueError(
            f"the loss {how.name!r} reads {how.layer!r}, but an attack needs one that reads the scores of the classes: "
            f"{' or '.join(map(repr, scores))}"
        )
    convolves = any(isinstance(layer, Conv) for layer in net.layers.values())
    block = DEVICE_BLOCK if net.backend.xp is not np else CONV_BLOCK if convolves else BLOCK
    program = find(net, tasks.Reading(how.layer))
    if program.run is not None:
        return Victim(net, how, (np.arange(block),), program.run(), program.computed)
    with one_blas_thread():
        return Victim(net, how, _spots(Victim(net, how, (np.arange(block),))), computed=program.computed)


def _spots(victim: Victim) -> tuple[npt.NDArray[np.int64], ...]:
    """Sort the places of a block by the bits that one image, without structure, gives in each of them."""
    net, xp, m = victim.net, victim.xp, math.prod(victim.net.input_shape)
    image = (np.arange(m) * 0.6180339887 % 1).astype(net.dtype)
    x, zeros = net.backend.asarray(np.tile(image, (victim.block, 1))), xp.zeros(victim.block, xp.int64)
    bits = [hashlib.sha256() for _ in range(victim.block)]

    def see(*answers: Array) -> None:
        for answer in map(net.backend.to_numpy, answers):
            for n, one in enumerate(bits):
                one.update(answer[n].tobytes())

    plain = victim.read(x, zeros, zeros)
    see(plain.loss, plain.gradient, plain.margin)
    reading, rivals = victim.read_rivals(x, zeros, zeros)
    see(reading.loss, reading.gradient, rivals.gradients)
    found = [one.digest() for one in bits]
    return tuple(np.flatnonzero([b == one for b in found]) for one in dict.fromkeys(found))


def _margins(xp: ModuleType, z: Array, target: Array, R: int) -> tuple[Array, Array]:
    """Score of the target less the R largest others (N, R), and which classes these are."""
    mine = target[:, None] == xp.arange(z.shape[1])  # (N, K)
    others = xp.where(mine, -xp.inf, z)
    order = xp.argsort(-others, axis=1)[:, :R] if R > 1 else others.argmax(axis=1)[:, None]
    return z[mine][:, None] - xp.take_along_axis(others, order, axis=1), order
