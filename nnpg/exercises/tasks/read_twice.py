"""Exercise: x is read twice, so that its deltas add."""

from __future__ import annotations

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import YourLayer, measured, numbers, products_differ, shown
from nnpg.layers import Layer


def _forward(x: Values, W: Values) -> Values:
    return x + np.tanh(x @ W.T)


def _questions(rng: np.random.Generator) -> list[Arguments]:
    return [
        {"delta": numbers(rng, N, D), "x": numbers(rng, N, D), "W": numbers(rng, D, D) / 2} for N, D in [(2, 3), (3, 2)]
    ]


def _answer(delta: Values, x: Values, W: Values) -> Values:
    return measured(lambda a: _forward(a, W), x, delta)


def _slope(x: Values, W: Values) -> Values:
    return 1 - np.tanh(x @ W.T) ** 2


def _branch(delta: Values, x: Values, W: Values) -> Values:
    return (delta * _slope(x, W)) @ W


def _layer(functions: Functions) -> tuple[Layer, Values]:
    rng = np.random.default_rng(2)
    W = rng.standard_normal((4, 4))
    layer = YourLayer(lambda x: _forward(x, W), lambda delta, x: functions["backward"](delta, x, W))
    return layer, rng.standard_normal((3, 4))


def _without_branch(functions: Functions, rng: np.random.Generator) -> str:
    delta, x = rng.standard_normal((2, 3, 4))
    off = np.abs(functions["backward"](delta, x, np.zeros((4, 4))) - delta)
    return f"they differ by {shown(float(off.max()))}" if not off.max() <= 1e-12 else ""


def _adjoint(functions: Functions, rng: np.random.Generator) -> str:
    delta, x, v = rng.standard_normal((3, 3, 4))
    W = rng.standard_normal((4, 4))
    moved = v + _slope(x, W) * (v @ W.T)
    forward, backward = float((moved * delta).sum()), float((v * functions["backward"](delta, x, W)).sum())
    return f"they are {shown(forward)} and {shown(backward)}" if products_differ(forward, backward) else ""


READ_TWICE = Exercise(
    name="read_twice",
    title="x read twice, where deltas add",
    statement="""Two parts of a network read the same x, and their outputs are added: y = x + tanh(W x), as in
    a residual block. L depends on x by two paths. Write what both send back together, from delta = dL/dy, x
    and W. (tanh(W x) is np.tanh(x @ W.T) for all images.)""",
    equation="""
    y[n,d]     = x[n,d] + t[n,d],   t[n,d] = tanh(sum_e W[d,e] x[n,e])
    dL/dx[n,e] = delta[n,e] + sum_d delta[n,d] (1 - t[n,d]^2) W[d,e]
    """,
    source="the chain rule of Lo & Ding 2015, Eq. 2, summed over all paths; Lo's thesis 2016, Eq. 2.5 (one path)",
    stub='''
    def backward(delta, x, W):
        """Return dL/dx (N, D) from delta (N, D), x (N, D) and W (D, D)."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "backward",
            _questions,
            _answer,
            "measured by moving x",
            (
                Mistake("the path by x itself is lost: the deltas of both paths add", _branch),
                Mistake("the path through tanh is lost: the deltas of both paths add", lambda delta, x, W: delta),
                Mistake(
                    "a mean of the two deltas where their sum belongs",
                    lambda delta, x, W: (delta + _branch(delta, x, W)) / 2,
                ),
                Mistake(
                    "the two deltas are multiplied: paths one after another multiply, paths side by side add",
                    lambda delta, x, W: delta * _branch(delta, x, W),
                ),
                Mistake(
                    "the two deltas are subtracted where they add", lambda delta, x, W: delta - _branch(delta, x, W)
                ),
                Mistake("the sign is flipped", lambda delta, x, W: -delta - _branch(delta, x, W)),
                Mistake(
                    "W is transposed: the sum must run over d, the rows of W",
                    lambda delta, x, W: delta + (delta * _slope(x, W)) @ W.T,
                ),
                Mistake("the slope of tanh is lost: 1 - t^2", lambda delta, x, W: delta + delta @ W),
                Mistake(
                    "delta is lost on the path by x: this is right only for a delta of ones",
                    lambda delta, x, W: 1 + _branch(delta, x, W),
                ),
                Mistake(
                    "delta is lost on the path through tanh: this is right only for a delta of ones",
                    lambda delta, x, W: delta + _slope(x, W) @ W,
                ),
                Mistake(
                    "delta is lost: this is right only for a delta of ones",
                    lambda delta, x, W: 1 + _slope(x, W) @ W,
                ),
                Mistake(
                    "the order is wrong: backward first the slope of tanh, then W",
                    lambda delta, x, W: delta + (delta @ W) * _slope(x, W),
                ),
                Mistake("t is not squared", lambda delta, x, W: delta + (delta * (1 - np.tanh(x @ W.T))) @ W),
                Mistake(
                    "the slope of tanh is taken at x: it belongs to W x",
                    lambda delta, x, W: delta + (delta * (1 - np.tanh(x) ** 2)) @ W,
                ),
                Mistake(
                    "W x is computed with W transposed: it is x @ W.T",
                    lambda delta, x, W: delta + (delta * (1 - np.tanh(x @ W) ** 2)) @ W,
                ),
                Mistake("W is lost on the path through tanh", lambda delta, x, W: delta + delta * _slope(x, W)),
                Mistake(
                    "the square is added where it is subtracted: the slope of tanh is 1 - t^2",
                    lambda delta, x, W: delta + (delta * (1 + np.tanh(x @ W.T) ** 2)) @ W,
                ),
                Mistake(
                    "delta is multiplied after the sum over d: each delta[n,d] belongs inside of it",
                    lambda delta, x, W: delta + delta * (_slope(x, W) @ W),
                ),
                Mistake("the path by x counts twice", lambda delta, x, W: 2 * delta + _branch(delta, x, W)),
            ),
        ),
    ),
    laws=(
        Law("with W = 0 it returns delta", _without_branch),
        Law("adjoint: sum(dy * delta) = sum(dx * backward(delta)) for a small move dx", _adjoint),
    ),
    hints=(
        "Move x[n,e] a little: y moves by two paths. What does each of them send back, if it were alone?",
        "The first: y = x, it sends delta. The second: tanh, then W, each of which you may have written already.",
        "t = np.tanh(x @ W.T); the second sends (delta * (1 - t * t)) @ W. Add both.",
    ),
    layer=_layer,
)
