"""Exercise: the mean over the batch is subtracted, so that the images couple."""

from __future__ import annotations

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import YourLayer, measured, numbers, shown
from nnpg.layers import Layer


def _centred(x: Values) -> Values:
    return x - x.mean(axis=0)


def _questions(rng: np.random.Generator) -> list[Arguments]:
    return [{"delta": numbers(rng, *shape)} for shape in [(3, 3), (4, 2), (1, 3)]]


def _answer(delta: Values) -> Values:
    return measured(_centred, np.zeros_like(delta), delta)


def _row_by_row(delta: Values) -> Values:
    dx = delta.copy()
    for n in range(len(dx)):
        dx[n] -= dx.mean(axis=0)
    return dx


def _layer(functions: Functions) -> tuple[Layer, Values]:
    layer = YourLayer(_centred, lambda delta, x: functions["backward"](delta))
    return layer, np.random.default_rng(2).standard_normal((4, 5))


def _sums(functions: Functions, rng: np.random.Generator) -> str:
    total = functions["backward"](rng.standard_normal((5, 3))).sum(axis=0)
    return f"for the first unit it is {shown(float(total[0]))}" if not np.abs(total).max() <= 1e-9 else ""


def _constant(functions: Functions, rng: np.random.Generator) -> str:
    delta = rng.standard_normal((5, 3))
    change = np.abs(functions["backward"](delta + np.arange(1.0, 4.0)) - functions["backward"](delta)).max()
    return f"it changes by {shown(float(change))}" if not change <= 1e-9 else ""


BATCH_MEAN = Exercise(
    name="batch_mean",
    title="batch mean subtraction, where images couple",
    statement="""A layer subtracts from each image the mean of the whole batch: y[n,d] = x[n,d] - 1/N sum_m
    x[m,d]. (It is the first half of batch normalisation.) Now the output for one image depends on all images.
    Write what the layer sends back, from delta = dL/dy.""",
    equation="dL/dx[n,d] = delta[n,d] - 1/N sum_m delta[m,d]",
    source="the chain rule of Lo & Ding 2015, Eq. 2, with the sum over all images; none of the papers has this layer",
    stub='''
    def backward(delta):
        """Return dL/dx (N, D) from delta (N, D)."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "backward",
            _questions,
            _answer,
            "measured by moving x",
            (
                Mistake("the images do not couple: x[n] moves the mean, and so y of every image", lambda delta: delta),
                Mistake("the mean is added where it is subtracted", lambda delta: delta + delta.mean(axis=0)),
                Mistake("a sum over the images where a mean belongs", lambda delta: delta - delta.sum(axis=0)),
                Mistake(
                    "a mean over the wrong axis: over the units d, not over the images",
                    lambda delta: delta - delta.mean(axis=1, keepdims=True),
                ),
                Mistake("one mean over images and units: each unit d has its own", lambda delta: delta - delta.mean()),
                Mistake(
                    "only the image's own share of the mean is subtracted: the paths through other images are lost",
                    lambda delta: delta * (1 - 1 / len(delta)),
                ),
                Mistake(
                    "the image's own delta is lost: this is the path through the mean alone",
                    lambda delta: -np.broadcast_to(delta.mean(axis=0), delta.shape),
                ),
                Mistake("the sign is flipped", lambda delta: delta.mean(axis=0) - delta),
                Mistake(
                    "it is 0 everywhere: that is right only for a delta of ones", lambda delta: np.zeros_like(delta)
                ),
                Mistake(
                    "divided by N - 1 where N belongs: off by one",
                    lambda delta: delta - delta.sum(axis=0) / max(len(delta) - 1, 1),
                ),
                Mistake(
                    "the mean leaves out the image itself: it is over all images",
                    lambda delta: delta - (delta.sum(axis=0) - delta) / max(len(delta) - 1, 1),
                ),
                Mistake(
                    "the own image is left out of the sum, though not of N",
                    lambda delta: delta - (delta.sum(axis=0) - delta) / len(delta),
                ),
                Mistake("the mean is taken again after rows were changed: compute it once, from delta", _row_by_row),
                Mistake(
                    "the mean is that of the images before: it is over all images",
                    lambda delta: delta - np.cumsum(delta, axis=0) / np.arange(1, len(delta) + 1)[:, None],
                ),
            ),
        ),
    ),
    laws=(
        Law("the sum over the images of dL/dx is 0: a shift of all images changes nothing", _sums),
        Law("a constant added to the delta of a unit changes nothing", _constant),
    ),
    hints=(
        "Move x[n,d] by 1. y[n,d] moves by 1 - 1/N. By how much do the y[m,d] of the other images move?",
        "L reaches x[n,d] by its own y, with delta[n,d], and through the mean of every image m: each -delta[m,d] / N.",
        "delta minus its mean over axis 0.",
    ),
    layer=_layer,
)
