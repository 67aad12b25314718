"""What an attack asks of a network: the loss and the margin of a target, and their gradients with respect to the image.

The answer for an image must have the same bits whatever the other images of its batch are: a search would follow
another path from a difference in the last bit. Compiled programs promise that: `nnpg.programs.attack_tasks.Victim`, all
of an answer in one launch of a device, and `Reading`, to which Python gives the seeds. Layer by layer it takes more: a
matrix product rounds a row differently when the number of rows differs, and even by the position of the row in the
matrix. So the network always runs on blocks of the same number of images, with zeros in the empty positions. Which
positions of a block give the same bits is measured first, on this network and this machine; they form a group. An image
always gets a position of the same group, which is chosen by a hash of its own pixels.

On a device, `image_by_image` gives a network without such products where it can. Then nothing is padded, once it has
been measured that one image gives the same bits in batches of several sizes.
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

from nnpg.attacks.answers import Evaluation, Margin, Rivals
from nnpg.attacks.by_image import image_by_image
from nnpg.layers import Conv, Sigmoid, Softmax
from nnpg.losses import Loss, LossMaker, loss_for
from nnpg.network import INPUT, Network
from nnpg.programs import find, look
from nnpg.programs.attack_tasks import Answers, Asked, Victim
from nnpg.programs.tasks import Reading
from nnpg_kernels import Array, one_blas_thread

BLOCK = 48  # images in each run of the network: a multiple of the rows that matrix products take at a time
CONV_BLOCK = 8  # with convolutions, which go image by image anyway
DEVICE_BLOCK = 960  # on a GPU
BATCHES = (1, 3, 40, 130)  # images; the first is an image alone
ROUNDING = 2e-5  # of the largest score: a smaller lead may be lost in another order of summation
RIVALS = 4  # classes with the largest scores but the target's, each of which gets a gradient of its own

Seed = Callable[[Array, Array], Array]


@dataclass(frozen=True, eq=False)
class Objective:
    """The network that is attacked, and the loss that is minimised; made by `objective_of`.

    Parameters
    ----------
    net : Network
    loss : Loss
    groups : tuple of arrays
        For each group, its positions in a block.
    compiled : function or None
        What `nnpg.programs` has for this network: there the answer for an image does not depend on its position.
    computed : str
        How it is computed, in words.
    kappa : float
        By how much a score must exceed the others, which all margins are measured from.
    alone : bool
        Whether the answer for an image depends on nothing else, so that no block is filled up with zeros.
    victim : function or None
        The program of `attack_tasks.Victim`; then `compiled` is not asked.
    """

    net: Network
    loss: Loss
    groups: tuple[npt.NDArray[np.int64], ...]
    compiled: Callable[..., tuple[Array, Array]] | None = None
    computed: str = ""
    kappa: float = 0.0
    alone: bool = False
    victim: Callable[[Array, Array, Asked], Answers] | None = None

    @property
    def block(self) -> int:
        """Images in each run of the network."""
        return sum(map(len, self.groups))

    @property
    def xp(self) -> ModuleType:
        """The array module of the network's backend."""
        return self.net.backend.xp

    def group_of(self, x: npt.NDArray[Any], targets: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Choose the groups (N,) of images (N, m) with their targets (N,), from nothing but these."""
        if len(self.groups) == 1:
            return np.zeros(len(x), np.int64)
        group = np.empty(self.block, np.int64)
        for number, positions in enumerate(self.groups):
            group[positions] = number
        return group[[zlib.crc32(row.tobytes(), int(t)) % self.block for row, t in zip(x, targets, strict=True)]]

    def evaluate(self, x: Array, targets: Array, group: Array) -> Evaluation:
        """Return loss, gradient and margin of the images x (N, m) for the targets (N,); `group` is on the host."""
        xp, k, of_softmax = self.xp, self.net.backend, self.loss.name == "softmax_cross_entropy"
        if self.victim is not None:
            told = self._ask(x, targets, Asked(True, 1, False, False, self.kappa, ROUNDING))
            slope = told.slope if of_softmax else xp.full(len(x), xp.nan)
            return Evaluation(told.loss, told.gradient, told.margins[:, 0], told.threshold, slope)
        z, gradient = self._run(x, targets, group, lambda z, t: self.loss.seed(k, z, t))
        loss = self.loss.value(k, z, targets)
        margin_per_loss = -1 / xp.maximum(-xp.expm1(-loss), 1e-12) if of_softmax else xp.full(len(x), xp.nan)
        margin, _ = _margins(xp, z, targets, 1)
        return Evaluation(loss, gradient, margin[:, 0] - self.kappa, _threshold(z), margin_per_loss)

    def loss_and_gradient(self, x: Array, targets: npt.NDArray[Any], placed: Array) -> tuple[Array, Array]:
        """Return the loss (N,) of images x (N, *shape) for the targets (N,), and its derivative with respect to x.

        The images are the backend's, and the targets are on the host and, `placed`, in the memory of the backend. The
        answers stay in that memory.
        """
        flat = x.reshape(len(x), -1)
        alone = len(self.groups) == 1  # then nothing of the images has to come down
        group = np.zeros(len(x), np.int64) if alone else self.group_of(self.net.backend.to_numpy(flat), targets)
        evaluation = self.evaluate(flat, placed, group)
        return evaluation.loss, evaluation.gradient.reshape(x.shape)

    def evaluate_rivals(self, x: Array, targets: Array, group: Array, R: int = RIVALS) -> tuple[Evaluation, Rivals]:
        """Return loss and margin, and the margins over the R largest other scores with their gradients."""
        xp, k, unknown = self.xp, self.net.backend, self.xp.full(len(x), self.xp.nan)
        R = min(R, self.net.K - 1)
        if self.victim is not None:
            told = self._ask(x, targets, Asked(True, max(1, R), True, False, self.kappa, ROUNDING))
            evaluation = Evaluation(told.loss, told.gradient, told.margins[:, 0], told.threshold, unknown)
            return evaluation, Rivals(told.rivals, told.margins, told.gradients)

        def seed(z: Array, t: Array) -> Array:  # (1 + R, N, K)
            classes, (_, others) = xp.arange(z.shape[1]), _margins(xp, z, t, R)
            plus, minus = t[:, None] == classes, others.T[:, :, None] == classes  # (N, K), (R, N, K)
            return xp.concatenate([self.loss.seed(k, z, t)[None], plus.astype(z.dtype) - minus])

        z, gradients = self._run(x, targets, group, seed)
        margins, classes = _margins(xp, z, targets, R)
        margins -= self.kappa
        evaluation = Evaluation(self.loss.value(k, z, targets), gradients[0], margins[:, 0], _threshold(z), unknown)
        return evaluation, Rivals(classes, margins, xp.ascontiguousarray(gradients[1:].swapaxes(0, 1)))

    def margin(self, x: Array, labels: Array, group: Array, *, away: bool = False) -> Margin:
        """Return the margin of the class of each image over the others; `away`, of the largest other one over it."""
        xp, sign = self.xp, -1.0 if away else 1.0
        if self.victim is not None:
            told = self._ask(x, labels, Asked(False, 1, True, away, self.kappa, ROUNDING))
            return Margin(told.margins[:, 0], told.threshold, told.rivals[:, 0], told.gradients[:, 0])

        def seed(z: Array, t: Array) -> Array:
            classes, (_, other) = xp.arange(z.shape[1]), _margins(xp, z, t, 1)
            return sign * ((t[:, None] == classes).astype(x.dtype) - (other == classes))

        z, gradient = self._run(x, labels, group, seed)
        margin, other = _margins(xp, z, labels, 1)
        return Margin(sign * margin[:, 0] - self.kappa, _threshold(z), other[:, 0], gradient)

    def _ask(self, x: Array, targets: Array, asked: Asked) -> Answers:
        """The answers of the victim's program for images x (N, m), with gradients (N, m) and (N, R, m)."""
        assert self.victim is not None
        told = self.victim(x.reshape(-1, *self.net.input_shape), targets, asked)
        gradients = told.gradients.reshape(*told.gradients.shape[:2], x.shape[1])
        return told._replace(gradient=told.gradient.reshape(-1, x.shape[1]), gradients=gradients)

    def _run(self, x: Array, targets: Array, group: npt.NDArray[np.int64], seed: Seed) -> tuple[Array, Array]:
        """Scores (N, K) in float64, and the delta of the images (..., N, m) for a seed."""
        if self.compiled is not None:
            images = x.reshape(-1, *self.net.input_shape)
            z, delta = self.compiled(images, lambda z, rows: seed(z, targets[rows]))
            return z, delta.reshape(*delta.shape[: delta.ndim - len(self.net.input_shape)], -1)
        xp, size, rows = self.xp, self.block, self._rows(group)
        if self.alone:
            padded, padded_targets = x, targets
        else:
            blocks = -(-(len(x) if isinstance(rows, slice) else int(rows.max()) + 1) // size)
            padded = xp.zeros((blocks * size, x.shape[1]), x.dtype)
            padded_targets = xp.zeros(blocks * size, targets.dtype)
            rows = rows if isinstance(rows, slice) else self.net.backend.asarray(rows)
            padded[rows], padded_targets[rows] = x, targets
        scores, deltas = [], []
        for n in range(0, len(padded), size):
            block, t = padded[n : n + size].reshape(-1, *self.net.input_shape), padded_targets[n : n + size]
            trace = self.net.forward(block, stop=self.loss.layer)
            scores.append(trace.y.astype(xp.float64))
            delta = self.net.backward(trace, seed(scores[-1], t), stop=INPUT, keep=(INPUT,))[INPUT]
            deltas.append(delta.reshape(*delta.shape[: delta.ndim - block.ndim], len(block), -1))
        z, delta = (a[0] if len(a) == 1 else xp.concatenate(a, axis=-2) for a in (scores, deltas))
        return (z, delta) if self.alone else (z[rows], delta[..., rows, :])

    def _rows(self, group: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | slice:
        """Return the row of each image (N,) in a sequence of blocks: the next position of its group."""
        if len(self.groups) == 1:
            return slice(len(group))
        rows = np.empty(len(group), np.int64)
        for number, positions in enumerate(self.groups):
            members = np.flatnonzero(group == number)
            order = np.arange(len(members))
            rows[members] = order // len(positions) * self.block + positions[order % len(positions)]
        return rows


def objective_of(net: Network, loss: str | LossMaker, kappa: float = 0.0) -> Objective:
    """Return a network with the loss of that name, and its compiled program, or the groups that this machine needs.

    Raises
    ------
    nnpg.programs.NotCompiled
        If there is no program inside `nnpg.require_compiled`.
    ValueError
        If the loss reads anything but the network's last output or the input of its last layer.
    """
    objective, last = loss_for(net, loss), net.names[-1]
    squashed = last not in net.interventions and isinstance(net.layers.get(last), Softmax | Sigmoid)
    scores = net.names[-2:] if squashed else [last]
    if objective.layer not in scores:
        raise ValueError(
            f"the loss {objective.name!r} reads {objective.layer!r}, but an attack needs one that reads the scores of "
            f"the classes: {' or '.join(map(repr, scores))}"
        )
    convolves = any(isinstance(layer, Conv) for layer in net.layers.values())
    block = DEVICE_BLOCK if net.backend.xp is not np else CONV_BLOCK if convolves else BLOCK
    program, one_group = find(net, Reading(objective.layer)), (np.arange(block),)
    if program.run is not None:
        victim = look(net, Victim(objective))
        compiled: dict[str, Any] = {"victim": victim.run()} if victim.run else {"compiled": program.run()}
        return Objective(net, objective, one_group, computed=program.computed, kappa=kappa, **compiled)
    by_image = image_by_image(net)
    if by_image is not None:
        alone = Objective(by_image, objective, one_group, computed=program.computed, kappa=kappa, alone=True)
        if _same_in_all_batches(alone):
            return alone
    with one_blas_thread():
        groups = _groups(Objective(net, objective, one_group))
    return Objective(net, objective, groups, computed=program.computed, kappa=kappa)


def _test_image(net: Network) -> npt.NDArray[Any]:
    """Return an image (m,) without structure."""
    return (np.arange(math.prod(net.input_shape)) * 0.6180339887 % 1).astype(net.dtype)


def _same_in_all_batches(objective: Objective) -> bool:
    """Whether an image gives the same bits alone and in each place of some batches; the host waits for this once."""
    xp, image = objective.xp, objective.net.backend.asarray(_test_image(objective.net))
    answers = []
    for N in BATCHES:
        x, zeros, group = xp.broadcast_to(image, (N, image.size)).copy(), xp.zeros(N, xp.int64), np.zeros(N, np.int64)
        evaluation, rivals = objective.evaluate_rivals(x, zeros, group)
        rows = (evaluation.loss, evaluation.gradient, rivals.margins, rivals.gradients.reshape(N, -1))
        answers.append([a.reshape(N, -1) for a in rows])
    alone, *together = answers
    same = [(a == b).all() for of_batch in together for a, b in zip(of_batch, alone, strict=True)]
    return bool(xp.stack(same).all())


def _groups(objective: Objective) -> tuple[npt.NDArray[np.int64], ...]:
    """Sort the positions of a block by the bits that the same image, without structure, gives in each of them."""
    net, xp = objective.net, objective.xp
    x = net.backend.asarray(np.tile(_test_image(net), (objective.block, 1)))
    zeros = xp.zeros(objective.block, xp.int64)
    group = np.zeros(objective.block, np.int64)
    hashes = [hashlib.sha256() for _ in range(objective.block)]

    def add(*answers: Array) -> None:
        for answer in map(net.backend.to_numpy, answers):
            for position, bits in enumerate(hashes):
                bits.update(answer[position].tobytes())

    evaluation = objective.evaluate(x, zeros, group)
    add(evaluation.loss, evaluation.gradient, evaluation.margin)
    evaluation, rivals = objective.evaluate_rivals(x, zeros, group)
    add(evaluation.loss, evaluation.gradient, rivals.gradients)
    digests = [bits.digest() for bits in hashes]
    return tuple(np.flatnonzero([d == digest for d in digests]) for digest in dict.fromkeys(digests))


def _threshold(z: Array) -> Array:
    """The margin (N,) above which another order of summation does not change the class."""
    return ROUNDING * (1 + abs(z).max(axis=1))


def _margins(xp: ModuleType, z: Array, targets: Array, R: int) -> tuple[Array, Array]:
    """Score of the target minus the R largest others (N, R), and their classes; the first of equal ones is first."""
    of_target, others = (xp.arange(len(z)), targets), z.copy()
    others[of_target] = -xp.inf
    order = xp.argsort(-others, axis=1, kind="stable")[:, :R] if R > 1 else others.argmax(axis=1)[:, None]
    return z[of_target][:, None] - xp.take_along_axis(others, order, axis=1), order
