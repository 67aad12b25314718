"""The steps of TH-P for one network: filters cut, the rest trained on, the same size retrained; errors and time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.experiment import Context
from experiments.models.faces import FaceNet, face_training
from nnpg import Filter, Network, error_rate, knock_out, predict, prune
from nnpg.rankings.pruning import redraw


class Pruned(NamedTuple):
    """One net with filters cut."""

    before: float  # test error
    after: float  # after further training
    off: float  # largest difference from the outputs of the knocked-out net
    net: Network


def cut_and_train(face: FaceNet, gone: list[Filter], epochs: int) -> Pruned:
    """Cut filters and train the rest for more epochs."""
    small, dead, x = prune(face.net, gone), knock_out(face.net, gone), face.data.x
    after = face_training("pruned net", small, face.split.apply(face.data)[0], face.seed, epochs).run(None, False).net
    off = float(abs(predict(small, x) - predict(dead, x)).max())
    return Pruned(error_on_test(face, small), error_on_test(face, after), off, after)


def error_on_test(face: FaceNet, net: Network) -> float:
    """Share of the test images that a network misclassifies."""
    _, held_out = face.split.apply(face.data)
    return error_rate(net, held_out.x, held_out.labels)


def retrained(face: FaceNet, like: Network, epochs: int, context: Context) -> Network:
    """A net of that size from new weights, with all the epochs that the full net had; kept, like the full one."""
    seen, _ = face.split.apply(face.data)
    small = redraw(like, rng=face.seed)
    return face_training("retrained net of pruned size", small, seen, face.seed, epochs).run(context, False).net


def weights(net: Network) -> int:
    """Number of weights and biases."""
    return net.n_parameters


def seconds(net: Network, x: np.ndarray) -> float:
    """How long all images take, best of five."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        predict(net, x)
        times.append(time.perf_counter() - began)
    return min(times)


def epoch_seconds(face: FaceNet, nets: Sequence[Network], rounds: int) -> list[float]:
    """Return how long an epoch of training takes for each net, best of some rounds; the nets take turns."""
    seen, _ = face.split.apply(face.data)
    found = [
        [face_training("timed", net, seen, face.seed, 1).run(None, False).history[-1].seconds for net in nets]
        for _ in range(rounds)
    ]
    return [min(of_net) for of_net in zip(*found, strict=True)]
