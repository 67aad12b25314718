"""Exercises: the backward passes of tanh and of the sigmoid, from the output y alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Function, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import each_seed, measured, numbers, shown
from nnpg.layers import Layer, Sigmoid, Tanh


def _sigmoid(x: Values) -> Values:
    return 1 / (1 + np.exp(-x))


def _questions(squash: Function, rng: np.random.Generator) -> list[Arguments]:
    return [{"delta": numbers(rng, *shape), "y": squash(numbers(rng, *shape))} for shape in [(3, 3), (2, 4), (1, 1)]]


def _answer(squash: Function, inverse: Function, delta: Values, y: Values) -> Values:
    return measured(squash, inverse(y), delta)


def _bound(most: float, functions: Functions, rng: np.random.Generator) -> str:
    y, delta = rng.uniform(0.01, 0.99, (4, 6)), rng.standard_normal((4, 6))
    dx = functions["backward"](delta, y)
    excess = np.abs(dx) - most * np.abs(delta)
    at = np.unravel_index(excess.argmax(), excess.shape)
    return f"delta {shown(float(delta[at]))} becomes {shown(float(dx[at]))}" if not excess[at] <= 1e-12 else ""


def _tanh_layer(functions: Functions) -> tuple[Layer, Values]:
    class YourTanh(Tanh):
        def backward(self, k: Any, delta: Values, saved: Values) -> Values:
            return each_seed(lambda d: functions["backward"](d, saved), delta, 2)

    return YourTanh(), np.random.default_rng(2).standard_normal((3, 5))


def _sigmoid_layer(functions: Functions) -> tuple[Layer, Values]:
    class YourSigmoid(Sigmoid):
        def backward(self, k: Any, delta: Values, saved: Values) -> Values:
            return each_seed(lambda d: functions["backward"](d, saved), delta, 2)

    return YourSigmoid(), np.random.default_rng(2).standard_normal((3, 5))


_STUB = '''
def backward(delta, y):
    """Return dL/dx (N, D) from delta (N, D) and the output y (N, D)."""
    raise NotImplementedError
'''

TANH = Exercise(
    name="tanh",
    title="the backward pass of tanh",
    statement="""The layer computes y = tanh x, entry by entry, and keeps y for the backward pass. Write what
    it sends back, from delta = dL/dy and from y. x itself is not kept: the slope of tanh can be computed from
    y.""",
    equation="dL/dx[n,d] = delta[n,d] (1 - y[n,d]^2)",
    source="Lo's thesis 2016, 2.1.2 and Eq. 2.5 (the factors df/dz)",
    stub=_STUB,
    parts=(
        Part(
            "backward",
            lambda rng: _questions(np.tanh, rng),
            lambda delta, y: _answer(np.tanh, np.arctanh, delta, y),
            "measured by moving x",
            (
                Mistake("the sign is flipped: the slope of tanh is positive", lambda delta, y: -delta * (1 - y * y)),
                Mistake("delta is lost: this is right only for a delta of ones", lambda delta, y: 1 - y * y),
                Mistake("y is not squared", lambda delta, y: delta * (1 - y)),
                Mistake("1 - y is squared where only y is", lambda delta, y: delta * (1 - y) ** 2),
                Mistake(
                    "a product of matrices: each entry has its own slope, without a sum",
                    lambda delta, y: delta @ (1 - y * y).T,
                ),
                Mistake("the square is added where it is subtracted", lambda delta, y: delta * (1 + y * y)),
                Mistake("tanh is computed twice: y is tanh x already", lambda delta, y: delta * (1 - np.tanh(y) ** 2)),
                Mistake("this is the slope of the sigmoid, y (1 - y)", lambda delta, y: delta * y * (1 - y)),
                Mistake(
                    "parentheses are missing: delta must multiply the whole slope, 1 and y^2",
                    lambda delta, y: delta - y * y,
                ),
                Mistake(
                    "a mean over the images where each image has its own dL/dx",
                    lambda delta, y: delta * (1 - y * y) / len(y),
                ),
                Mistake("y^2 is left without the 1: the slope is 1 - y^2", lambda delta, y: delta * y * y),
                Mistake("the slope is lost: delta comes back as it came", lambda delta, y: delta),
                Mistake("delta and y are transposed against each other", lambda delta, y: delta * (1 - y.T**2)),
                Mistake(
                    "delta is summed over the outputs: each output has its own delta",
                    lambda delta, y: delta.sum(axis=1, keepdims=True) * (1 - y * y),
                ),
            ),
        ),
    ),
    laws=(Law("|dL/dx| is at most |delta|", lambda functions, rng: _bound(1.0, functions, rng)),),
    hints=(
        "Each y depends on one x only. So dL/dx is delta times one slope, entry by entry: no sum.",
        "The derivative of tanh x is 1 - tanh(x)^2. Which array holds tanh x?",
        "Multiply delta, entry by entry, by 1 minus y times y.",
    ),
    layer=_tanh_layer,
)

SIGMOID = Exercise(
    name="sigmoid",
    title="the backward pass of the sigmoid",
    statement="""The layer computes y = 1 / (1 + exp(-x)), entry by entry, and keeps y for the backward pass.
    Write what it sends back, from delta = dL/dy and from y.""",
    equation="dL/dx[n,d] = delta[n,d] y[n,d] (1 - y[n,d])",
    source="Lo's thesis 2016, 2.1.2 and Eq. 2.5 (the factors df/dz)",
    stub=_STUB,
    parts=(
        Part(
            "backward",
            lambda rng: _questions(_sigmoid, rng),
            lambda delta, y: _answer(_sigmoid, lambda a: np.log(a / (1 - a)), delta, y),
            "measured by moving x",
            (
                Mistake(
                    "the sign is flipped: the slope of the sigmoid is positive", lambda delta, y: -delta * y * (1 - y)
                ),
                Mistake("delta is lost: this is right only for a delta of ones", lambda delta, y: y * (1 - y)),
                Mistake("the factor 1 - y is missing", lambda delta, y: delta * y),
                Mistake(
                    "a product of matrices: each entry has its own slope, without a sum",
                    lambda delta, y: delta @ (y * (1 - y)).T,
                ),
                Mistake("1 + y in place of 1 - y", lambda delta, y: delta * y * (1 + y)),
                Mistake("the factor y is missing", lambda delta, y: delta * (1 - y)),
                Mistake("this is the slope of tanh, 1 - y^2", lambda delta, y: delta * (1 - y * y)),
                Mistake(
                    "the sigmoid is computed twice: y is the sigmoid of x already",
                    lambda delta, y: delta * _sigmoid(y) * (1 - _sigmoid(y)),
                ),
                Mistake(
                    "parentheses are missing: `delta * y * 1 - y` subtracts y at the end",
                    lambda delta, y: delta * y - y,
                ),
                Mistake(
                    "a mean over the images where each image has its own dL/dx",
                    lambda delta, y: delta * y * (1 - y) / len(y),
                ),
                Mistake("the slope is lost: delta comes back as it came", lambda delta, y: delta),
                Mistake("delta and y are transposed against each other", lambda delta, y: delta * (y * (1 - y)).T),
                Mistake("y is squared: the slope is y (1 - y)", lambda delta, y: delta * y * (1 - y * y)),
            ),
        ),
    ),
    laws=(Law("|dL/dx| is at most |delta| / 4", lambda functions, rng: _bound(0.25, functions, rng)),),
    hints=(
        "Each y depends on one x only. So dL/dx is delta times one slope, entry by entry: no sum.",
        "Differentiate 1 / (1 + e^-x): it is e^-x / (1 + e^-x)^2. Write it with y: the two factors are y and 1 - y.",
        "Multiply delta, entry by entry, by y and by 1 minus y.",
    ),
    layer=_sigmoid_layer,
)
