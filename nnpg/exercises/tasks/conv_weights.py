"""Exercise: the gradient of a convolution's weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import each_seed, measured, numbers, products_differ, shown
from nnpg.exercises.tasks.convolution import correlated
from nnpg.layers import Conv, Layer
from nnpg_kernels import Window, load


def _questions(rng: np.random.Generator) -> list[Arguments]:
    sizes = [(2, 2, 2, 4, 4, 2, 2), (3, 3, 2, 4, 5, 3, 2), (1, 1, 2, 3, 3, 1, 3)]  # N, C, F, H, W, I, J; squares first
    return [
        {"delta": numbers(rng, N, F, H - I + 1, w - J + 1), "x": numbers(rng, N, C, H, w)}
        for N, C, F, H, w, I, J in sizes
    ]


def _size(delta: Values, x: Values) -> tuple[int, int]:
    return x.shape[2] - delta.shape[2] + 1, x.shape[3] - delta.shape[3] + 1


def _gradient(delta: Values, x: Values) -> Values:
    return load("numpy").conv_gradient(delta, x, Window(_size(delta, x)), 1)


def _answer(delta: Values, x: Values) -> Values:
    zeros = np.zeros((delta.shape[1], x.shape[1], *_size(delta, x)))
    return measured(lambda W: correlated(x, W), zeros, delta)


def _last_position(delta: Values, x: Values) -> Values:
    (I, J), (H, w) = _size(delta, x), delta.shape[-2:]
    return np.einsum("f,cij->fcij", delta[-1, :, -1, -1], x[-1, :, H - 1 : H - 1 + I, w - 1 : w - 1 + J])


def _one_for_all_channels(delta: Values, x: Values) -> Values:
    dW = _gradient(delta, x)
    return np.broadcast_to(dW.sum(axis=1, keepdims=True), dW.shape)


def _layer(functions: Functions) -> tuple[Layer, Values]:
    class YourConv(Conv):
        def gradients(self, k: Any, delta: Values, saved: Values) -> dict[str, Values]:
            return {"W": each_seed(lambda d: functions["gradient"](d, saved), delta, 4)}

    rng = np.random.default_rng(2)
    return YourConv(rng.standard_normal((2, 3, 2, 3))), rng.standard_normal((2, 3, 4, 4))


def _adjoint(functions: Functions, rng: np.random.Generator) -> str:
    x, V, delta = (rng.standard_normal(shape) for shape in ((2, 2, 5, 4), (3, 2, 2, 3), (2, 3, 4, 2)))
    forward, gradient = float((correlated(x, V) * delta).sum()), float((V * functions["gradient"](delta, x)).sum())
    return f"they are {shown(forward)} and {shown(gradient)}" if products_differ(forward, gradient) else ""


CONV_WEIGHTS = Exercise(
    name="conv_weights",
    title="dW of a convolution",
    statement="""A convolution (stride 1, no padding) computes y[n,f,h,w] = sum_{c,i,j} W[f,c,i,j]
    x[n,c,h+i,w+j]. Write the gradient of its weights, from delta = dL/dy and the input x. This is the last
    factor, do/dw. Loops are allowed. The filters have I = H - H' + 1 rows, where H are the rows of x and H'
    those of delta; columns likewise.""",
    equation="dL/dW[f,c,i,j] = sum_{n,h,w} delta[n,f,h,w] x[n,c,h+i,w+j]",
    source="Lo & Ding 2015, Eq. 2 (do/dw); Lo's thesis 2016, Eq. 2.5 and 2.6",
    stub='''
    def gradient(delta, x):
        """Return dL/dW (F, C, I, J) from delta (N, F, H-I+1, W-J+1) and x (N, C, H, W)."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "gradient",
            _questions,
            _answer,
            "measured by moving W",
            (
                Mistake(
                    "the sign is flipped: the step against the gradient is the optimiser's",
                    lambda delta, x: -_gradient(delta, x),
                ),
                Mistake(
                    "a mean over the images where a sum belongs: 1/N is a part of the loss, and is in delta already",
                    lambda delta, x: _gradient(delta, x) / len(x),
                ),
                Mistake(
                    "a mean over the positions h, w where a sum belongs",
                    lambda delta, x: _gradient(delta, x) / delta[0, 0].size,
                ),
                Mistake(
                    "only the last image counts: the sum over n is overwritten",
                    lambda delta, x: _gradient(delta[-1:], x[-1:]),
                ),
                Mistake("only the first image counts", lambda delta, x: _gradient(delta[:1], x[:1])),
                Mistake("only the last position counts: `=` where `+=` belongs", _last_position),
                Mistake(
                    "dW is flipped: dW[i,j] belongs to x[h+i,w+j]",
                    lambda delta, x: _gradient(delta, x)[..., ::-1, ::-1],
                ),
                Mistake("rows i and columns j of dW are swapped", lambda delta, x: _gradient(delta, x).swapaxes(2, 3)),
                Mistake(
                    "filters f and channels c of dW are swapped: dW is (F, C, I, J)",
                    lambda delta, x: _gradient(delta, x).swapaxes(0, 1),
                ),
                Mistake(
                    "delta is lost: this is right only for a delta of ones",
                    lambda delta, x: _gradient(np.ones_like(delta), x),
                ),
                Mistake(
                    "x is lost: this is dL/db, once for each weight", lambda delta, x: _gradient(delta, np.ones_like(x))
                ),
                Mistake("the channels are added: each channel c has its own dW", _one_for_all_channels),
                Mistake(
                    "the filters have one row and one column more: I = H - H' + 1",
                    lambda delta, x: _gradient(delta, x)[..., :-1, :-1],
                ),
                Mistake(
                    "the last row and column of delta are left out: the ranges end one too early",
                    lambda delta, x: _gradient(np.pad(delta[..., :-1, :-1], ((0, 0), (0, 0), (0, 1), (0, 1))), x),
                ),
            ),
        ),
    ),
    laws=(Law("adjoint: sum(conv(x; V) * delta) = sum(V * gradient(delta, x))", _adjoint),),
    hints=(
        "W[f,c,i,j] is used once for every image n and every position h, w. All of these uses add.",
        "In y[n,f,h,w] it multiplies x[n,c,h+i,w+j]; there L changes by delta[n,f,h,w] times that.",
        "For each i, j: the sum over n, h, w of delta[n,f,h,w] times x shifted by (i, j), cut to delta's size: "
        'np.einsum("nfhw,nchw->fc", delta, x[:, :, i:i + H2, j:j + W2]), where H2, W2 is the size of delta.',
    ),
    layer=_layer,
)
