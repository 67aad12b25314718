"""Exercise: an intervention with its backward pass."""

from __future__ import annotations

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import YourLayer, measured, numbers, shown
from nnpg.layers import Layer

_CASES = [((2, 3, 2, 2), [1]), ((3, 4, 2, 3), [0, 3])]  # shape of y, and the filters that are knocked out


def _units(F: int, filters: list[int]) -> Values:
    return np.isin(np.arange(F), filters)[:, None, None]


def _forward_questions(rng: np.random.Generator) -> list[Arguments]:
    return [
        {"y": numbers(rng, *shape), "units": _units(shape[1], filters), "value": numbers(rng, shape[1], 1, 1)}
        for shape, filters in _CASES
    ]


def _backward_questions(rng: np.random.Generator) -> list[Arguments]:
    return [{"delta": numbers(rng, *shape), "units": _units(shape[1], filters)} for shape, filters in _CASES]


def _knocked_out(y: Values, units: Values, value: Values) -> Values:
    return np.where(units, value, y)


def _answer(delta: Values, units: Values) -> Values:
    return measured(lambda y: np.where(units, 0.5, y), np.zeros_like(delta), delta)


def _at_first(axis: int, y: Values, changed: Values) -> Values:
    result = y.copy()
    at = (slice(None),) * axis + (0,)
    result[at] = changed[at]
    return result


def _layer(functions: Functions) -> tuple[Layer, Values]:
    rng = np.random.default_rng(2)
    units, value = _units(5, [0, 2]), rng.standard_normal((5, 1, 1))
    layer = YourLayer(
        lambda y: functions["forward"](y, units, value), lambda delta, y: functions["backward"](delta, units)
    )
    return layer, rng.standard_normal((2, 5, 3, 3))


def _twice(functions: Functions, rng: np.random.Generator) -> str:
    y, units, value = rng.standard_normal((2, 4, 3, 3)), _units(4, [1, 2]), rng.standard_normal((4, 1, 1))
    once = functions["forward"](y, units, value)
    twice = functions["forward"](once, units, value)
    off = np.abs(twice - once)
    at = np.unravel_index(off.argmax(), off.shape)
    return f"{shown(float(once[at]))} becomes {shown(float(twice[at]))}" if not off[at] <= 1e-12 else ""


def _silent(functions: Functions, rng: np.random.Generator) -> str:
    delta = functions["backward"](rng.standard_normal((2, 4, 3, 3)), _units(4, [1, 2]))
    return f"at [0, 1, 0, 0] it is {shown(float(delta[0, 1, 0, 0]))}" if delta[:, [1, 2]].any() else ""


KNOCK_OUT = Exercise(
    name="knock_out",
    title="an intervention with its backward pass",
    statement="""To knock filters out, the output y of a layer is set to a value where units is true, whatever
    the image: 0 in the paper, or the mean of the filter. The other units keep their y. Write the new output
    y', and what it sends back: delta = dL/dy' becomes dL/dy. units and value are (F, 1, 1), which fits y (N,
    F, H, W). The given arrays must stay as they are: the intact network uses them too.""",
    equation="""
    y'[n,f,h,w]    = value[f] where units[f], y[n,f,h,w] elsewhere
    dL/dy[n,f,h,w] = 0 where units[f], delta[n,f,h,w] elsewhere
    """,
    source="Lo & Ding 2015, V.C (there the value is 0)",
    stub='''
    def forward(y, units, value):
        """Return y' (N, F, H, W) from y (N, F, H, W), units (F, 1, 1) of bool, and value (F, 1, 1)."""
        raise NotImplementedError


    def backward(delta, units):
        """Return dL/dy (N, F, H, W) from delta (N, F, H, W) and units (F, 1, 1) of bool."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "forward",
            _forward_questions,
            _knocked_out,
            "computed by the equation",
            (
                Mistake("units are set to 0, not to value", lambda y, units, value: np.where(units, 0, y)),
                Mistake(
                    "the units are inverted: those that are not in units are set",
                    lambda y, units, value: np.where(units, y, value),
                ),
                Mistake(
                    "value is added where y is replaced by it", lambda y, units, value: np.where(units, y + value, y)
                ),
                Mistake(
                    "y is multiplied by value where it is replaced by it",
                    lambda y, units, value: np.where(units, y * value, y),
                ),
                Mistake(
                    "all units are set: only those in units are",
                    lambda y, units, value: np.broadcast_to(value, y.shape),
                ),
                Mistake(
                    "all units but those in units are lost: they keep their y",
                    lambda y, units, value: np.where(units, value, 0) + 0 * y,
                ),
                Mistake(
                    "only the first image is changed",
                    lambda y, units, value: _at_first(0, y, _knocked_out(y, units, value)),
                ),
                Mistake(
                    "only the first row of the map is changed",
                    lambda y, units, value: _at_first(2, y, _knocked_out(y, units, value)),
                ),
                Mistake(
                    "the next filter is set: off by one, filters are counted from 0",
                    lambda y, units, value: _knocked_out(y, np.roll(units, 1), np.roll(value, 1)),
                ),
                Mistake(
                    "the value of the next filter is used: off by one",
                    lambda y, units, value: _knocked_out(y, units, np.roll(value, -1)),
                ),
                Mistake(
                    "one mean value for all filters: each filter has its own",
                    lambda y, units, value: _knocked_out(y, units, value[units].mean()),
                ),
                Mistake("the sign of value is flipped", lambda y, units, value: _knocked_out(y, units, -value)),
                Mistake("nothing is changed", lambda y, units, value: y),
            ),
        ),
        Part(
            "backward",
            _backward_questions,
            _answer,
            "measured by moving y",
            (
                Mistake(
                    "delta goes through the units that are set: y' does not depend on their y",
                    lambda delta, units: delta,
                ),
                Mistake(
                    "the units are inverted: the delta of those in units is 0",
                    lambda delta, units: np.where(units, delta, 0),
                ),
                Mistake("delta is lost everywhere", lambda delta, units: np.zeros_like(delta)),
                Mistake(
                    "delta is lost: this is right only for a delta of ones",
                    lambda delta, units: np.where(units, 0.0, np.ones_like(delta)),
                ),
                Mistake("the sign is flipped", lambda delta, units: -np.where(units, 0, delta)),
                Mistake(
                    "the sign is flipped where it should be 0", lambda delta, units: np.where(units, -delta, delta)
                ),
                Mistake(
                    "the next filter is 0: off by one, filters are counted from 0",
                    lambda delta, units: np.where(np.roll(units, 1), 0, delta),
                ),
                Mistake(
                    "only the first image is changed",
                    lambda delta, units: _at_first(0, delta, np.where(units, 0, delta)),
                ),
                Mistake(
                    "only the first row of the map is changed",
                    lambda delta, units: _at_first(2, delta, np.where(units, 0, delta)),
                ),
                Mistake(
                    "a mean over the images where each image has its own delta",
                    lambda delta, units: np.where(units, 0, delta) / len(delta),
                ),
                Mistake(
                    "the deltas of the maps are added over h, w: each unit has its own",
                    lambda delta, units: np.where(units, 0, delta).sum(axis=(2, 3), keepdims=True) + 0 * delta,
                ),
            ),
        ),
    ),
    laws=(
        Law("knocked out twice is knocked out once", _twice),
        Law("no delta reaches a unit that is set", _silent),
    ),
    hints=(
        "np.where(condition, a, b) takes a where the condition holds and b elsewhere, and makes a new array.",
        "Move y of a unit that is set: y' stays at value. So its derivative is 0. The others: y' = y, derivative 1.",
        "forward: np.where(units, value, y). backward: np.where(units, 0, delta).",
    ),
    layer=_layer,
)
