"""Exercises: a convolution forward and backward, by loops and without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import each_seed, measured, numbers, products_differ, shown
from nnpg.layers import Conv, Layer
from nnpg_kernels import Window, load

_SIZES = [(2, 2, 2, 4, 4, 2, 2), (1, 3, 2, 5, 4, 3, 2), (2, 1, 3, 3, 4, 1, 2)]  # N, C, F, H, W, I, J; squares first
Make = Callable[..., Values]


def correlated(x: Values, W: Values) -> Values:
    """Return the convolution of nnpg: stride 1, no padding.

    Examples
    --------
    >>> correlated(np.arange(4.0).reshape(1, 1, 2, 2), np.ones((1, 1, 1, 2))).tolist()
    [[[[1.0], [5.0]]]]
    """
    return load("numpy").conv_forward(x, W, None, Window(W.shape[-2:]), 1)


def _back(delta: Values, W: Values) -> Values:
    (H, w), (I, J) = delta.shape[-2:], W.shape[-2:]
    return load("numpy").conv_delta(delta, W, Window((I, J)), 1, (H + I - 1, w + J - 1))


def _forward_questions(rng: np.random.Generator) -> list[Arguments]:
    return [{"x": numbers(rng, N, C, H, w), "W": numbers(rng, F, C, I, J)} for N, C, F, H, w, I, J in _SIZES]


def _backward_questions(rng: np.random.Generator) -> list[Arguments]:
    return [
        {"delta": numbers(rng, N, F, H - I + 1, w - J + 1), "W": numbers(rng, F, C, I, J)}
        for N, C, F, H, w, I, J in _SIZES
    ]


def _measured(delta: Values, W: Values) -> Values:
    return measured(lambda x: correlated(x, W), np.zeros_like(_back(delta, W)), delta)


def _wrapped(x: Values, W: Values) -> Values:
    """x[n,c,h-i,w-j] in place of x[n,c,h+i,w+j]: an index below 0 counts from the end."""
    (I, J), size = W.shape[-2:], correlated(x, W).shape[-2:]
    y = np.zeros((len(x), len(W), *x.shape[-2:]))
    for i, j in np.ndindex(I, J):
        y += np.einsum("fc,nchw->nfhw", W[:, :, i, j], np.roll(x, (i, j), (2, 3)))
    return y[:, :, : size[0], : size[1]]


def _last_term(x: Values, W: Values) -> Values:
    (I, J), (H, w) = W.shape[-2:], x.shape[-2:]
    return W[:, -1, -1, -1][:, None, None] * x[:, -1:, I - 1 : H, J - 1 : w]


def _without_last(W: Values) -> Values:
    W = W.copy()
    W[:, :, -1], W[..., -1] = 0, 0
    return W


def _last_write(delta: Values, W: Values) -> Values:
    dx, (I, J) = np.zeros_like(_back(delta, W)), W.shape[-2:]
    for n, f, h, w in np.ndindex(delta.shape):
        dx[n, :, h : h + I, w : w + J] = delta[n, f, h, w] * W[f]
    return dx


def _not_padded(delta: Values, W: Values) -> Values:
    return correlated(delta, W.swapaxes(0, 1)[..., ::-1, ::-1])


def _layer(functions: Functions) -> tuple[Layer, Values]:
    class YourConv(Conv):
        def forward(self, k: Any, x: Values) -> tuple[Values, Values]:
            return functions["forward"](x, self.W), x

        def backward(self, k: Any, delta: Values, saved: Values) -> Values:
            return each_seed(lambda d: functions["backward"](d, self.W), delta, 4)

    rng = np.random.default_rng(2)
    return YourConv(rng.standard_normal((2, 3, 2, 3))), rng.standard_normal((2, 3, 4, 4))


def _adjoint(functions: Functions, rng: np.random.Generator) -> str:
    x, W, delta = (rng.standard_normal(shape) for shape in ((2, 2, 5, 4), (3, 2, 2, 3), (2, 3, 4, 2)))
    forward = float((functions["forward"](x, W) * delta).sum())
    backward = float((x * functions["backward"](delta, W)).sum())
    return f"they are {shown(forward)} and {shown(backward)}" if products_differ(forward, backward) else ""


def _on(function: Make, **changes: Callable[[Values], Values]) -> Make:
    """Return the function with W changed before, or its result after."""
    before, after = changes.get("W", np.asarray), changes.get("result", np.asarray)
    return lambda a, W: after(function(a, before(W)))


_SWAPPED: dict[str, Callable[[Values], Values]] = {
    "rows": lambda W: W.swapaxes(2, 3),
    "filters": lambda W: W.swapaxes(0, 1),
    "turned": lambda W: W[..., ::-1, ::-1],
    "columns": lambda W: W[..., ::-1],
}

_FORWARD = Part(
    "forward",
    _forward_questions,
    correlated,
    "computed by nnpg.Conv",
    (
        Mistake("the filter is flipped: here W[i,j] meets x[h+i,w+j]", _on(correlated, W=_SWAPPED["turned"])),
        Mistake("the sign is flipped", lambda x, W: -correlated(x, W)),
        Mistake("only the last term counts: `=` where `+=` belongs", _last_term),
        Mistake(
            "only the last channel counts: the sum over c is overwritten", lambda x, W: correlated(x[:, -1:], W[:, -1:])
        ),
        Mistake(
            "only the first channel counts: the sum over c is missing", lambda x, W: correlated(x[:, :1], W[:, :1])
        ),
        Mistake(
            "every channel c reads channel 0 of x",
            lambda x, W: correlated(np.broadcast_to(x[:, :1], x.shape), W),
        ),
        Mistake("a mean over c, i, j where a sum belongs", lambda x, W: correlated(x, W) / W[0].size),
        Mistake("a mean over the channels c where a sum belongs", lambda x, W: correlated(x, W) / W.shape[1]),
        Mistake("rows i and columns j of W are swapped", _on(correlated, W=_SWAPPED["rows"])),
        Mistake("filters f and channels c of W are swapped", _on(correlated, W=_SWAPPED["filters"])),
        Mistake("x is read at h-i, w-j in place of h+i, w+j; an index below 0 counts from the end", _wrapped),
        Mistake(
            "the last row and column are missing: an image has H-I+1 rows", lambda x, W: correlated(x, W)[..., :-1, :-1]
        ),
        Mistake(
            "the last row and column of W are left out: the ranges end one too early", _on(correlated, W=_without_last)
        ),
        Mistake("W is lost: this is right only for a W of ones", lambda x, W: correlated(x, np.ones_like(W))),
        Mistake("x is lost: this is right only for an x of ones", lambda x, W: correlated(np.ones_like(x), W)),
        Mistake(
            "the images are added: each image has its own y",
            lambda x, W: np.broadcast_to(correlated(x, W).sum(axis=0), correlated(x, W).shape),
        ),
    ),
)
_BACKWARD = Part(
    "backward",
    _backward_questions,
    _measured,
    "measured by moving x",
    (
        Mistake(
            "the filter is the wrong way round: W[i,j] belongs to delta[h-i,w-j]", _on(_back, W=_SWAPPED["turned"])
        ),
        Mistake("the sign is flipped", lambda delta, W: -_back(delta, W)),
        Mistake("a pixel keeps the last product only: `=` where `+=` belongs", _last_write),
        Mistake(
            "only the last filter counts: the sum over f is overwritten", lambda delta, W: _back(delta[:, -1:], W[-1:])
        ),
        Mistake("only the first filter counts: the sum over f is missing", lambda delta, W: _back(delta[:, :1], W[:1])),
        Mistake("a mean over the filters f where a sum belongs", lambda delta, W: _back(delta, W) / len(W)),
        Mistake("rows i and columns j of W are swapped", _on(_back, W=_SWAPPED["rows"])),
        Mistake("filters f and channels c of W are swapped", _on(_back, W=_SWAPPED["filters"])),
        Mistake(
            "delta is lost: this is right only for a delta of ones", lambda delta, W: _back(np.ones_like(delta), W)
        ),
        Mistake(
            "only the rows of the filter are turned: rows and columns must be, or neither",
            _on(_back, W=_SWAPPED["columns"]),
        ),
        Mistake("W is lost: this is right only for a W of ones", lambda delta, W: _back(delta, np.ones_like(W))),
        Mistake("delta is not padded: I-1 rows and J-1 columns of zeros belong on each side", _not_padded),
        Mistake(
            "delta is padded by one row and column too much: I-1 and J-1 are right",
            lambda delta, W: np.pad(_back(delta, W), ((0, 0), (0, 0), (1, 1), (1, 1))),
        ),
        Mistake("the last row and column of W are left out: the ranges end one too early", _on(_back, W=_without_last)),
        Mistake("shifted by one row: off by one", lambda delta, W: np.roll(_back(delta, W), 1, axis=2)),
        Mistake(
            "the images are added: each image has its own dL/dx",
            lambda delta, W: np.broadcast_to(_back(delta, W).sum(axis=0), _back(delta, W).shape),
        ),
    ),
)

CONV_LOOPS = Exercise(
    name="conv_loops",
    title="a convolution by loops, forward and backward",
    statement="""Write a convolution by loops, as slow as you like: stride 1, no padding, no bias. The filter
    is not flipped (cross-correlation). The output has H-I+1 rows and W-J+1 columns. Then write what it sends
    back, where delta = dL/dy; a delta outside of its rows and columns counts as 0.""",
    equation="""
    y[n,f,h,w]     = sum_{c,i,j} W[f,c,i,j] x[n,c,h+i,w+j]
    dL/dx[n,c,h,w] = sum_{f,i,j} W[f,c,i,j] delta[n,f,h-i,w-j]
    """,
    source="Lo's thesis 2016, Eq. 2.6; Lo & Ding 2015, Eq. 2 (a part of dy/do)",
    stub='''
    def forward(x, W):
        """Return y (N, F, H-I+1, W-J+1) from x (N, C, H, W) and the filters W (F, C, I, J)."""
        raise NotImplementedError


    def backward(delta, W):
        """Return dL/dx (N, C, H, W) from delta (N, F, H-I+1, W-J+1) and the filters W (F, C, I, J)."""
        raise NotImplementedError
    ''',
    parts=(_FORWARD, _BACKWARD),
    laws=(Law("adjoint: sum(forward(x) * delta) = sum(x * backward(delta))", _adjoint),),
    hints=(
        "Forward: seven loops, n f h w for the output and c i j for the sum; begin with zeros and use +=. Backward "
        "needs the same seven loops: which product has x[n,c,h+i,w+j] in it?",
        "One product W[f,c,i,j] x[n,c,h+i,w+j] of y[n,f,h,w] sends W[f,c,i,j] delta[n,f,h,w] back to that x.",
        "In the innermost loop of backward: dx[n, c, h + i, w + j] += W[f, c, i, j] * delta[n, f, h, w], with dx of "
        "delta's rows plus I-1 and columns plus J-1.",
    ),
    layer=_layer,
)

CONV_FAST = replace(
    CONV_LOOPS,
    name="conv_fast",
    title="a convolution without loops, forward and backward",
    statement="""Write the convolution without any loop: stride 1, no padding, no bias; the filter is not
    flipped (cross-correlation). The output has H-I+1 rows and W-J+1 columns. Then write what it sends back,
    where delta = dL/dy; a delta outside of its rows and columns counts as 0. No for, no while, no list in
    brackets: NumPy adds. See np.lib.stride_tricks.sliding_window_view, np.einsum and np.pad.""",
    hints=(
        "Both are one sum over windows. sliding_window_view(x, (I, J), axis=(2, 3)) has the axes n c h w i j, and its "
        "entry is x[n,c,h+i,w+j]: forward needs it. Backward needs delta[n,f,h-i,w-j]: windows of delta, with zeros "
        "around it, in which i and j run the other way.",
        'Forward is one np.einsum("nchwij,fcij->nfhw", ...). Backward is a forward pass too: of delta, padded by I-1 '
        "rows and J-1 columns of zeros on each side, with the filters turned by 180 degrees and f in the place of c.",
        'Backward: windows of np.pad(delta, ((0, 0), (0, 0), (I-1, I-1), (J-1, J-1))), then "nfhwij,fcij->nchw" with '
        "W[:, :, ::-1, ::-1].",
    ),
    loops=False,
)
