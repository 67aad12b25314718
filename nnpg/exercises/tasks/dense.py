"""Exercise: the backward pass of a dense layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import each_seed, measured, numbers, products_differ, shown
from nnpg.layers import Dense, Layer


def _questions(rng: np.random.Generator) -> list[Arguments]:
    shapes = [(2, 3, 3), (3, 2, 4), (1, 4, 1)]  # W is square first, so that its transpose gives numbers
    return [{"delta": numbers(rng, N, F), "W": numbers(rng, F, D)} for N, F, D in shapes]


def _answer(delta: Values, W: Values) -> Values:
    return measured(lambda x: x @ W.T, np.zeros((len(delta), W.shape[1])), delta)


def _repeated(row: Values, delta: Values) -> Values:
    return np.broadcast_to(row, (len(delta), row.shape[-1]))


def _layer(functions: Functions) -> tuple[Layer, Values]:
    class YourDense(Dense):
        def backward(self, k: Any, delta: Values, saved: Values) -> Values:
            return each_seed(lambda d: functions["backward"](d, self.W), delta, 2)

    rng = np.random.default_rng(2)
    return YourDense(rng.standard_normal((4, 5)), rng.standard_normal(4)), rng.standard_normal((3, 5))


def _adjoint(functions: Functions, rng: np.random.Generator) -> str:
    x, W, delta = rng.standard_normal((5, 6)), rng.standard_normal((4, 6)), rng.standard_normal((5, 4))
    forward, backward = float(((x @ W.T) * delta).sum()), float((x * functions["backward"](delta, W)).sum())
    return f"they are {shown(forward)} and {shown(backward)}" if products_differ(forward, backward) else ""


DENSE = Exercise(
    name="dense",
    title="the backward pass of a dense layer",
    statement="""A dense layer computes y[n,f] = sum_d W[f,d] x[n,d] + b[f] for each image n. Write what it
    sends back: the derivative of L with respect to its input x. delta is dL/dy. L is any number that depends
    on y.""",
    equation="dL/dx[n,d] = sum_f delta[n,f] W[f,d]",
    source="Lo & Ding 2015, Eq. 2 (a part of dy/do); Lo's thesis 2016, Eq. 2.5",
    stub='''
    def backward(delta, W):
        """Return dL/dx (N, D) from delta (N, F) and W (F, D)."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "backward",
            _questions,
            _answer,
            "measured by moving x",
            (
                Mistake("the sign is flipped", lambda delta, W: -(delta @ W)),
                Mistake("W is transposed: the sum must run over f, the rows of W", lambda delta, W: delta @ W.T),
                Mistake("W is lost: delta comes back as it came", lambda delta, W: delta),
                Mistake("a mean over the units f where a sum belongs", lambda delta, W: delta @ W / len(W)),
                Mistake(
                    "delta is lost: this is right only for a delta of ones",
                    lambda delta, W: _repeated(W.sum(axis=0), delta),
                ),
                Mistake(
                    "delta is summed over f before it meets W: each delta[n,f] has its own row W[f]",
                    lambda delta, W: delta.sum(axis=1, keepdims=True) * W.sum(axis=0),
                ),
                Mistake(
                    "the deltas of the images are added: each image has its own dL/dx",
                    lambda delta, W: _repeated(delta.sum(axis=0) @ W, delta),
                ),
                Mistake(
                    "only the last unit f counts: `=` where `+=` belongs, or a `return` inside the loop",
                    lambda delta, W: delta[:, -1:] * W[-1],
                ),
                Mistake("only the first unit f counts: a sum over f is missing", lambda delta, W: delta[:, :1] * W[0]),
                Mistake(
                    "the last unit f is left out: the range ends one too early",
                    lambda delta, W: delta[:, :-1] @ W[:-1],
                ),
                Mistake(
                    "the first unit f is left out: the range begins one too late", lambda delta, W: delta[:, 1:] @ W[1:]
                ),
            ),
        ),
    ),
    laws=(Law("adjoint: sum(forward(x) * delta) = sum(x * backward(delta))", _adjoint),),
    hints=(
        "In which terms of the forward pass does x[n,d] appear? It adds W[f,d] to y[n,f], for every f.",
        "x[n,d] reaches L through every y[n,f]. By the chain rule these paths add: dL/dy[n,f] times dy[n,f]/dx[n,d].",
        "A sum over f of delta[n,f] W[f,d] is a product of matrices: (N, F) times (F, D).",
    ),
    layer=_layer,
)
