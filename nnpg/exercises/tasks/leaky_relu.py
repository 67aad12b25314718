"""Exercise: a layer of your own, LeakyReLU."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Function, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import measured, numbers, shown
from nnpg.exercises.student import RefusedError
from nnpg.layers import Layer, ReLU
from nnpg_kernels import load


def _forward_questions(rng: np.random.Generator) -> list[Arguments]:
    return [
        {"x": np.abs(numbers(rng, *shape)) * (-1.0) ** np.indices(shape).sum(axis=0), "slope": slope}  # of both signs
        for shape, slope in (((3, 3), 0.25), ((2, 3, 2, 2), 0.1))
    ]


def _backward_questions(rng: np.random.Generator) -> list[Arguments]:
    return [{"delta": numbers(rng, *q["x"].shape), **q} for q in _forward_questions(rng)]


def _leaky(x: Values, slope: float) -> Values:
    return np.where(x > 0, x, slope * x)


def _answer(delta: Values, x: Values, slope: float) -> Values:
    return measured(lambda a: _leaky(a, slope), x, delta)


def _pair(layer: Any, x: Values) -> tuple[Any, Any]:
    result = layer.forward(load("numpy"), x)
    if not isinstance(result, tuple) or len(result) != 2:
        raise RefusedError("forward must return the pair (y, saved): end it with `return y, saved`")
    return result


def _other(x: Values) -> Values:
    return np.roll(x, 1, axis=-1)


def _forward(layer: Any) -> Function:
    return lambda x, slope: _pair(layer(slope), x)[0]


def _backward(layer: Any) -> Function:
    def backward(delta: Values, x: Values, slope: float) -> Any:
        made = layer(slope)
        _, saved = _pair(made, x)
        _pair(made, _other(x))  # another pass through the same layer, before this one goes back
        return made.backward(load("numpy"), delta, saved)

    return backward


def _layer(functions: Functions) -> tuple[Layer, Values]:
    return functions["LeakyReLU"](0.3), np.random.default_rng(2).standard_normal((3, 2, 4, 4))


def _without_slope(functions: Functions, rng: np.random.Generator) -> str:
    x = rng.standard_normal((3, 4))
    off = np.abs(functions["LeakyReLU.forward"](x, 0.0) - ReLU().forward(load("numpy"), x)[0])
    return f"they differ by {shown(float(off.max()))}" if not off.max() <= 1e-12 else ""


def _with_slope_one(functions: Functions, rng: np.random.Generator) -> str:
    x, delta = rng.standard_normal((2, 3, 4))
    off = np.abs(functions["LeakyReLU.backward"](delta, x, 1.0) - delta)
    return f"they differ by {shown(float(off.max()))}" if not off.max() <= 1e-12 else ""


LEAKY_RELU = Exercise(
    name="leaky_relu",
    title="a layer of your own, LeakyReLU",
    statement="""ReLU sends nothing back where x < 0. LeakyReLU keeps a small slope there. Write it as a layer
    of nnpg: k is the backend, whose arrays are NumPy's here. forward returns the pair (y, saved), where saved
    is all that backward needs. backward gets delta = dL/dy and saved; several seeds may be stacked in front
    of delta, (S, N, ...), so count axes from the end. Keep nothing of a pass in self: many passes share one
    layer.""",
    equation="""
    y     = x where x > 0, slope x elsewhere
    dL/dx = delta where x > 0, slope delta elsewhere
    """,
    source="Lo's thesis 2016, 2.1.2 and Fig. 2.2 (ReLU, which is the slope 0)",
    stub='''
    class LeakyReLU:
        parameters = ()

        def __init__(self, slope):
            self.slope = slope

        def forward(self, k, x):
            """Return (y, saved): y has the shape of x."""
            raise NotImplementedError

        def backward(self, k, delta, saved):
            """Return dL/dx, in the shape of delta."""
            raise NotImplementedError

        def gradients(self, k, delta, saved):
            """Nothing is learned."""
            return {}
    ''',
    parts=(
        Part(
            "LeakyReLU.forward",
            _forward_questions,
            _leaky,
            "computed by the equation",
            (
                Mistake("the slope is lost: this is ReLU", lambda x, slope: np.maximum(x, 0)),
                Mistake("the sign below 0 is flipped", lambda x, slope: np.where(x > 0, x, -slope * x)),
                Mistake(
                    "the sides are swapped: the slope belongs to x < 0", lambda x, slope: np.where(x > 0, slope * x, x)
                ),
                Mistake("below 0 it is constant: x is lost there", lambda x, slope: np.where(x > 0, x, slope)),
                Mistake("max(x, slope): the slope must multiply x", lambda x, slope: np.maximum(x, slope)),
                Mistake("divided by the slope where it multiplies", lambda x, slope: np.where(x > 0, x, x / slope)),
                Mistake("the slope is on both sides", lambda x, slope: slope * x),
                Mistake("x comes back as it came", lambda x, slope: x),
                Mistake("the slope is subtracted where it multiplies", lambda x, slope: np.where(x > 0, x, x - slope)),
                Mistake("the slope is 1 off: 1 - slope", lambda x, slope: np.where(x > 0, x, (1 - slope) * x)),
                Mistake("the sides add: slope x is added for x > 0 too", lambda x, slope: np.maximum(x, 0) + slope * x),
                Mistake("the kink is at 1, not at 0: off by one", lambda x, slope: np.where(x > 1, x, slope * x)),
            ),
            adapt=_forward,
        ),
        Part(
            "LeakyReLU.backward",
            _backward_questions,
            _answer,
            "measured by moving x",
            (
                Mistake(
                    "the slope is lost: this is ReLU's backward", lambda delta, x, slope: np.where(x > 0, delta, 0)
                ),
                Mistake(
                    "delta is lost: this is right only for a delta of ones",
                    lambda delta, x, slope: np.where(x > 0, 1.0, slope),
                ),
                Mistake(
                    "delta's own sign decides: it must be that of x",
                    lambda delta, x, slope: np.where(delta > 0, delta, slope * delta),
                ),
                Mistake(
                    "the sides are swapped: the slope belongs to x < 0",
                    lambda delta, x, slope: np.where(x > 0, slope * delta, delta),
                ),
                Mistake(
                    "delta is multiplied by y: the derivative of slope x is slope",
                    lambda delta, x, slope: delta * _leaky(x, slope),
                ),
                Mistake("the sign below 0 is flipped", lambda delta, x, slope: np.where(x > 0, delta, -slope * delta)),
                Mistake("the sign is flipped", lambda delta, x, slope: -np.where(x > 0, delta, slope * delta)),
                Mistake("delta comes back as it came", lambda delta, x, slope: delta),
                Mistake("the slope is on both sides", lambda delta, x, slope: slope * delta),
                Mistake(
                    "below 0 it is constant: delta is lost there", lambda delta, x, slope: np.where(x > 0, delta, slope)
                ),
                Mistake(
                    "divided by the slope where it multiplies",
                    lambda delta, x, slope: np.where(x > 0, delta, delta / slope),
                ),
                Mistake(
                    "the kink is at 1, not at 0: off by one",
                    lambda delta, x, slope: np.where(x > 1, delta, slope * delta),
                ),
                Mistake(
                    "the slope is 1 off: 1 - slope", lambda delta, x, slope: np.where(x > 0, delta, (1 - slope) * delta)
                ),
                Mistake(
                    "a mean over the images where each image has its own dL/dx",
                    lambda delta, x, slope: np.where(x > 0, delta, slope * delta) / len(x),
                ),
                Mistake(
                    "it uses what another forward pass left in self: return what backward needs in saved",
                    lambda delta, x, slope: np.where(_other(x) > 0, delta, slope * delta),
                ),
            ),
            adapt=_backward,
        ),
    ),
    laws=(
        Law("with the slope 0, forward is nnpg.ReLU", _without_slope),
        Law("with the slope 1, backward returns delta", _with_slope_one),
    ),
    hints=(
        "np.where(x > 0, a, b). What must backward know of the forward pass: all of x, or less?",
        "saved can be the array x > 0. It is (N, ...), and delta (N, ...) or (S, N, ...): np.where broadcasts.",
        "forward: return np.where(x > 0, x, self.slope * x), x > 0. backward: return np.where(saved, delta, "
        "self.slope * delta).",
    ),
    layer=_layer,
)
