"""Exercise: the class gradient as a stream, image by image."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnpg.class_gradients import class_gradient, class_means
from nnpg.exercises.exercise import Arguments, Exercise, Function, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import numbers, shown
from nnpg.layers import Softmax, Tanh
from nnpg.prediction import prediction_gradient
from nnpg.recipes.networks import build, dense


def _stream(labels: Values, gradients: Values) -> Iterator[tuple[int, Values]]:
    """Yield label and gradient of each image; all gradients in one array, which cannot be written into."""
    room = np.empty(gradients.shape[1:])
    gradient = room.view()
    gradient.flags.writeable = False
    for label, values in zip(labels, gradients, strict=True):
        room[...] = values
        yield int(label), gradient


def _of_stream(function: Any) -> Function:
    return lambda labels, gradients, K: function(_stream(labels, gradients), K)


def _questions(rng: np.random.Generator) -> list[Arguments]:
    return [
        {"labels": np.array([0, 1, 0, 2, 1, 0, 2]), "gradients": numbers(rng, 7, 4), "K": 3},
        {"labels": np.array([3, 0, 0, 1, 3]), "gradients": numbers(rng, 5, 2), "K": 4},  # a class without images
    ]


def _sums(labels: Values, gradients: Values, K: int) -> Values:
    return np.stack([gradients[labels == t].sum(axis=0) for t in range(K)])


def _each(labels: Values, K: int, rows: list[Values]) -> Values:
    """Return the rows of the classes, NaN for a class without images."""
    return np.where(np.isin(np.arange(K), labels)[:, None], np.stack(rows), np.nan)


def _pick(last: bool, labels: Values, gradients: Values, K: int) -> Values:
    images = [np.flatnonzero(labels == t) for t in range(K)]
    return _each(labels, K, [gradients[n[-1 if last else 0]] if n.size else gradients[0] for n in images])


def _halved(labels: Values, gradients: Values, K: int) -> Values:
    means = np.zeros((K, gradients.shape[1]))
    for label, gradient in zip(labels, gradients, strict=True):
        means[label] = (means[label] + gradient) / 2
    return _each(labels, K, list(means))


def _one_too_many(labels: Values, gradients: Values, K: int) -> Values:
    counts = np.bincount(labels, minlength=K)[:, None]
    return _each(labels, K, list(_sums(labels, gradients, K) / (counts + 1)))


def _memory(functions: Functions, rng: np.random.Generator) -> str:
    images, D, K = 300, 1000, 2
    labels, gradients = rng.integers(0, K, images), rng.standard_normal((images, D))
    tracemalloc.start()
    try:
        functions["class_gradient"](labels, gradients, K)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    at_most = 20 * 8 * D
    return (
        f"{images} images took {peak / 1e6:.2g} MB, where {at_most / 1e6:.2g} MB are enough" if peak > at_most else ""
    )


def _of_network(functions: Functions, rng: np.random.Generator) -> str:
    net = build([dense(4), Tanh(), dense(3), Softmax()], input_shape=(5,), backend="numpy", rng=0)
    x, labels = rng.standard_normal((12, 5)), np.arange(12) % 3
    gradients = prediction_gradient(net, x, layers="tanh1", classes="true", labels=labels)["tanh1"]
    answer = functions["class_gradient"](labels, np.asarray(gradients, np.float64), 3)
    right = class_gradient(net, x, labels, layers="tanh1", classes="true")["tanh1"]
    off = np.abs(answer - right)
    t, d = np.unravel_index(off.argmax(), off.shape)
    values = f"at [{t}, {d}] it is {shown(float(answer[t, d]))}, not {shown(float(right[t, d]))}"
    return values if not off.max() <= 1e-6 * np.abs(right).max() else ""


CLASS_GRADIENT = Exercise(
    name="class_gradient",
    title="the class gradient, Eq. 3, as a stream",
    statement="""The class gradient of class t is the mean of the prediction gradients of its images, X_t.
    Images come one by one: stream yields pairs (label, gradient), once, and gradient is one array (D,) that
    is overwritten by the next image, so that memory holds one gradient only. Add up the sum of each class as
    they come; keep no list. A class without images has no mean: its row is NaN.""",
    equation="CG_t[d] = 1/|X_t| sum_{j in X_t} dy^j/do[d]",
    source="Lo & Ding 2015, Eq. 3",
    stub='''
    def class_gradient(stream, K):
        """Return the class gradients (K, D) from a stream of pairs (label, gradient (D,))."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "class_gradient",
            _questions,
            lambda labels, gradients, K: class_means(gradients, labels, K),
            "computed by nnpg",
            (
                Mistake("the sums are not divided by the number of images of their class", _sums),
                Mistake(
                    "divided by the number of all images: |X_t| are those of class t",
                    lambda labels, gradients, K: _sums(labels, gradients, K) / len(labels),
                ),
                Mistake(
                    "divided by the number of classes: |X_t| are the images of class t",
                    lambda labels, gradients, K: _sums(labels, gradients, K) / K,
                ),
                Mistake("(mean + gradient) / 2 gives the last image half of all weight: add up, divide once", _halved),
                Mistake(
                    "only the last image of each class counts: `=` where `+=` belongs",
                    lambda labels, gradients, K: _pick(True, labels, gradients, K),
                ),
                Mistake(
                    "only the first image of each class counts",
                    lambda labels, gradients, K: _pick(False, labels, gradients, K),
                ),
                Mistake("the counts begin at 1: off by one", _one_too_many),
                Mistake(
                    "the rows are shifted by one class: off by one, classes are counted from 0",
                    lambda labels, gradients, K: np.roll(class_means(gradients, labels, K), 1, axis=0),
                ),
                Mistake("the sign is flipped", lambda labels, gradients, K: -class_means(gradients, labels, K)),
                Mistake(
                    "a mean of absolute values: signs must be able to cancel",
                    lambda labels, gradients, K: class_means(np.abs(gradients), labels, K),
                ),
                Mistake(
                    "every row is the last gradient: a list keeps one array many times, and the stream overwrites it",
                    lambda labels, gradients, K: _each(labels, K, [gradients[-1]] * K),
                ),
                Mistake(
                    "every class has the mean of all images",
                    lambda labels, gradients, K: np.tile(gradients.mean(axis=0), (K, 1)),
                ),
                Mistake(
                    "a mean over the units too: each unit d has its own",
                    lambda labels, gradients, K: class_means(gradients, labels, K).mean(axis=1),
                ),
                Mistake(
                    "a class without images has the mean 0: it has none, NaN",
                    lambda labels, gradients, K: np.nan_to_num(class_means(gradients, labels, K)),
                ),
                Mistake(
                    "(K, D) is transposed: a row for each class",
                    lambda labels, gradients, K: class_means(gradients, labels, K).T,
                ),
            ),
            adapt=_of_stream,
        ),
    ),
    laws=(
        Law("memory does not grow with the number of images", _memory),
        Law("for the units of a network it is nnpg.class_gradient", _of_network),
    ),
    hints=(
        "Which two things must be remembered for each class, so that the mean can be computed at the end?",
        "A sum (K, D) and a count (K,). D is known when the first gradient comes; then sums[label] += gradient.",
        "After the loop: sums / counts[:, None], with NaN in the place of a count of 0.",
    ),
)
