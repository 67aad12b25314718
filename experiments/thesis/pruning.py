"""The steps of TH-P: filters cut, the rest trained on, the same size retrained; what each net then costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.experiment import Context
from experiments.models.faces import FaceNet, face_training
from nnpg import Filter, Network, error_rate, knock_out, predict, prune
from nnpg.rankings.pruning import multiplications, redraw

ROUNDS = 3  # of which the shortest time counts


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


class Costs(NamedTuple):
    """What nets of half the filters cost beside the full ones, an array over nets for each."""

    full_error: np.ndarray  # test error
    retrained_error: np.ndarray  # of nets of the pruned size from new weights
    images: np.ndarray  # seconds for all images, full and pruned, (nets, 2)
    epoch: np.ndarray  # seconds of an epoch of training, full and pruned, (nets, 2)
    multiplications: list[float]  # share that is left
    weights: list[float]


def costs(nets: Sequence[FaceNet], pruned: Sequence[Network], epochs: int, context: Context) -> Costs:
    """Compare full nets with pruned ones, and with nets of the pruned size that had all the epochs themselves."""
    pairs = list(zip(nets, pruned, strict=True))
    return Costs(
        np.array([error_on_test(face, face.net) for face in nets]),
        np.array([error_on_test(face, retrained(face, small, epochs, context)) for face, small in pairs]),
        np.array([[seconds(net, face.data.x) for net in (face.net, small)] for face, small in pairs]),
        np.array([epoch_seconds(face, (face.net, small), ROUNDS) for face, small in pairs]),
        [multiplications(small) / multiplications(face.net) for face, small in pairs],
        [small.n_parameters / face.net.n_parameters for face, small in pairs],
    )


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
