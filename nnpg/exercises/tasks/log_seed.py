"""Exercise: the seed of log y."""

from __future__ import annotations

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import measured, numbers, shown
from nnpg.layers import Softmax
from nnpg_kernels import load


def _probabilities(rng: np.random.Generator, N: int, K: int) -> Values:
    e = np.exp(numbers(rng, N, K))
    return e / e.sum(axis=1, keepdims=True)


def _questions(rng: np.random.Generator) -> list[Arguments]:
    labels = [[2, 0, 0], [3, 1], [0]]  # as many images as classes first, so that a transpose gives numbers
    return [
        {"y": _probabilities(rng, len(of_images), K), "labels": np.array(of_images)}
        for of_images, K in zip(labels, (3, 4, 2), strict=True)
    ]


def _one_hot(y: Values, labels: Values) -> Values:
    return np.eye(y.shape[1])[labels]


def _answer(y: Values, labels: Values) -> Values:
    return measured(lambda a: np.log(a[np.arange(len(a)), labels]), y, np.ones(len(y)))


def _through_softmax(functions: Functions, rng: np.random.Generator) -> str:
    y, labels = _probabilities(rng, 4, 6), rng.integers(0, 6, 4)
    delta = Softmax().backward(load("numpy"), functions["seed"](y, labels), y)
    off = np.abs(delta - (_one_hot(y, labels) - y))
    n, c = np.unravel_index(off.argmax(), off.shape)
    right = float(_one_hot(y, labels)[n, c] - y[n, c])
    return f"at [{n}, {c}] it is {shown(float(delta[n, c]))}, not {shown(right)}" if not off.max() <= 1e-9 else ""


LOG_SEED = Exercise(
    name="log_seed",
    title="the seed of log y",
    statement="""backward starts from a seed, dL/dy. For L = y_c the seed is one-hot, and the delta of o is
    the prediction gradient dy_c/do. Write the seed for the logarithm, L = log y[n,c], where c = labels[n] is
    the class of image n; y are the outputs of the network after softmax. Where y is close to 1 or to 0, the
    two seeds rank the units differently.""",
    equation="seed[n,k] = dL/dy[n,k] = 1 / y[n,k] where k = labels[n], 0 elsewhere",
    source="Lo's thesis 2016, Eq. 2.2 (the log-likelihood) and 3.2.1; Lo & Ding 2015, Eq. 2 (dL/dy)",
    stub='''
    def seed(y, labels):
        """Return the seed (N, K) from the outputs y (N, K) and the classes labels (N,)."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "seed",
            _questions,
            _answer,
            "measured by moving y",
            (
                Mistake(
                    "the sign is flipped: -log y is the loss, here it is log y",
                    lambda y, labels: -_one_hot(y, labels) / y,
                ),
                Mistake("this is the seed of y, not of log y: 1/y is missing", _one_hot),
                Mistake("every class has a seed: only y[n, labels[n]] is differentiated", lambda y, labels: 1 / y),
                Mistake("this is log y itself, not its derivative", lambda y, labels: _one_hot(y, labels) * np.log(y)),
                Mistake("multiplied by y where it is divided", lambda y, labels: _one_hot(y, labels) * y),
                Mistake(
                    "this is the delta after softmax already, one-hot minus y: the seed is dL/dy",
                    lambda y, labels: _one_hot(y, labels) - y,
                ),
                Mistake(
                    "this is the delta of the loss, y minus one-hot: the seed is dL/dy of log y",
                    lambda y, labels: y - _one_hot(y, labels),
                ),
                Mistake(
                    "a mean over the images: each image has its own seed, without 1/N",
                    lambda y, labels: _one_hot(y, labels) / y / len(y),
                ),
                Mistake(
                    "the next class has the seed: off by one, classes are counted from 0",
                    lambda y, labels: np.roll(_one_hot(y, labels), 1, axis=1) / y,
                ),
                Mistake(
                    "the class before has the seed: off by one, classes are counted from 0",
                    lambda y, labels: np.roll(_one_hot(y, labels), -1, axis=1) / y,
                ),
                Mistake(
                    "images and classes are transposed: labels are columns of y",
                    lambda y, labels: _one_hot(y, labels).T / y,
                ),
                Mistake(
                    "every image has the seeds of all labels: image n has that of labels[n] only",
                    lambda y, labels: np.where(np.isin(np.arange(y.shape[1]), labels), 1 / y, 0.0),
                ),
                Mistake("1 - y in place of y", lambda y, labels: _one_hot(y, labels) / (1 - y)),
                Mistake(
                    "divided by the y of all images and classes: each entry has its own y",
                    lambda y, labels: _one_hot(y, labels) / y.sum(axis=0),
                ),
            ),
        ),
    ),
    laws=(
        Law(
            "sent back through softmax, the seed becomes one-hot minus y, whose sum over the classes is 0",
            _through_softmax,
        ),
    ),
    hints=(
        "L of image n depends on one output only. What is the derivative with respect to all the others?",
        "The derivative of log y is 1/y. Begin with zeros and set one entry for each image.",
        "seed = np.zeros_like(y); n = np.arange(len(y)); seed[n, labels] = 1 / y[n, labels].",
    ),
)
