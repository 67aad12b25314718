"""Exercise: the backward pass of softmax, in which the classes couple."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import each_seed, measured, numbers, shown
from nnpg.layers import Layer, Softmax


def _softmax(z: Values) -> Values:
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def _questions(rng: np.random.Generator) -> list[Arguments]:
    return [{"delta": numbers(rng, *shape), "y": _softmax(numbers(rng, *shape))} for shape in [(3, 3), (2, 4), (1, 2)]]


def _answer(delta: Values, y: Values) -> Values:
    return measured(_softmax, np.log(y), delta)


def _sum(a: Values, axis: int = 1) -> Values:
    return a.sum(axis=axis, keepdims=True)


def _layer(functions: Functions) -> tuple[Layer, Values]:
    class YourSoftmax(Softmax):
        def backward(self, k: Any, delta: Values, saved: Values) -> Values:
            return each_seed(lambda d: functions["backward"](d, saved), delta, 2)

    return YourSoftmax(), np.random.default_rng(2).standard_normal((3, 5))


def _sums(functions: Functions, rng: np.random.Generator) -> str:
    total = functions["backward"](rng.standard_normal((4, 6)), _softmax(rng.standard_normal((4, 6)))).sum(axis=1)
    return f"for image 0 it is {shown(total[0])}" if not np.abs(total).max() <= 1e-9 else ""


def _constant(functions: Functions, rng: np.random.Generator) -> str:
    delta, y = rng.standard_normal((4, 6)), _softmax(rng.standard_normal((4, 6)))
    change = functions["backward"](delta + 3, y) - functions["backward"](delta, y)
    return f"the first entry changes by {shown(change[0, 0])}" if not np.abs(change).max() <= 1e-9 else ""


SOFTMAX = Exercise(
    name="softmax",
    title="the backward pass of softmax",
    statement="""The layer computes y[n,k] = exp(x[n,k]) / sum_j exp(x[n,j]) and keeps y for the backward
    pass. Each y depends on every x of its image: raise one, and all the others fall. Write what the layer
    sends back, from delta = dL/dy and from y.""",
    equation="dL/dx[n,k] = y[n,k] (delta[n,k] - sum_j y[n,j] delta[n,j])",
    source="Lo's thesis 2016, 2.1.3; Lo & Ding 2015, Eq. 2 (the first part of dy/do)",
    stub='''
    def backward(delta, y):
        """Return dL/dx (N, K) from delta (N, K) and the output y (N, K)."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "backward",
            _questions,
            _answer,
            "measured by moving x",
            (
                Mistake("the sign is flipped", lambda delta, y: y * (_sum(y * delta) - delta)),
                Mistake(
                    "the classes do not couple: this is the sigmoid's y (1 - y), without the paths to the other y",
                    lambda delta, y: delta * y * (1 - y),
                ),
                Mistake("the sum over j is missing", lambda delta, y: y * delta),
                Mistake("in the sum over j, delta[n,j] lacks its y[n,j]", lambda delta, y: y * (delta - _sum(delta))),
                Mistake(
                    "a mean over j where a sum belongs",
                    lambda delta, y: y * (delta - (y * delta).mean(axis=1, keepdims=True)),
                ),
                Mistake(
                    "a sum over the wrong axis: over the images n, not over the classes j",
                    lambda delta, y: y * (delta - _sum(y * delta, axis=0)),
                ),
                Mistake(
                    "the sum runs over all images: each image has its own",
                    lambda delta, y: y * (delta - (y * delta).sum()),
                ),
                Mistake(
                    "the factor y[n,k] before the parentheses is missing", lambda delta, y: delta - _sum(y * delta)
                ),
                Mistake("delta is lost: this is the slope of y[n,k] itself only", lambda delta, y: y * (1 - y)),
                Mistake(
                    "y - delta is the loss with its softmax, for one-hot targets; here delta is any dL/dy",
                    lambda delta, y: y - delta,
                ),
                Mistake(
                    "it is 0 everywhere: that is right only for a delta of ones", lambda delta, y: np.zeros_like(y)
                ),
                Mistake(
                    "the sum leaves out the last class: the range ends one too early",
                    lambda delta, y: y * (delta - _sum((y * delta)[:, :-1])),
                ),
                Mistake(
                    "the sum of image n meets class n: keepdims=True keeps it beside its image",
                    lambda delta, y: y * (delta - (y * delta).sum(axis=1)),
                ),
                Mistake("the sum is added where it is subtracted", lambda delta, y: y * (delta + _sum(y * delta))),
            ),
        ),
    ),
    laws=(
        Law("the sum over the classes of dL/dx is 0", _sums),
        Law("a constant added to delta changes nothing, since the y of an image add up to 1", _constant),
    ),
    hints=(
        "dy[n,j]/dx[n,k] is y[n,k] (1 - y[n,k]) for j = k, and -y[n,j] y[n,k] for all other j. All of these paths add.",
        "Add them: sum_j delta[n,j] y[n,j] ([j = k] - y[n,k]). Take y[n,k] out of the sum.",
        "Compute (y * delta) summed over axis 1 with keepdims=True, subtract it from delta, and multiply by y.",
    ),
    layer=_layer,
)
