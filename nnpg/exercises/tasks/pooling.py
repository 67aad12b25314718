"""Exercise: the backward pass of max pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg.exercises.exercise import Arguments, Exercise, Functions, Law, Mistake, Part, Values
from nnpg.exercises.measuring import each_seed, numbers, products_differ, shown
from nnpg.layers import Layer, MaxPool
from nnpg_kernels import load


def _questions(rng: np.random.Generator) -> list[Arguments]:
    questions = [{"delta": numbers(rng, 2, 2, 2, 2), "x": rng.permuted(np.arange(64) / 10).reshape(2, 2, 4, 4)}]
    return [*questions, {"delta": numbers(rng, 1, 2, 3, 2), "x": rng.integers(0, 2, (1, 2, 6, 4)) / 1.0}]  # with ties


def _routed(delta: Values, x: Values) -> Values:
    k, window = load("numpy"), MaxPool(2).window
    return k.max_pool_delta(delta, k.max_pool_forward(x, window)[1], window, (x.shape[2], x.shape[3]))


def _spread(a: Values) -> Values:
    return a.repeat(2, axis=-2).repeat(2, axis=-1)


def _windows(x: Values) -> Values:
    """Return (N, F, H', W', 4): the pixels of each window, row-major."""
    N, F, H, W = x.shape
    return x.reshape(N, F, H // 2, 2, W // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(N, F, H // 2, W // 2, 4)


def _image(windows: Values) -> Values:
    N, F, H, W, _ = windows.shape
    return windows.reshape(N, F, H, W, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(N, F, 2 * H, 2 * W)


def _reordered(order: list[int], delta: Values, x: Values) -> Values:
    """Route with the pixels of each window in another order, the result in that of x."""
    return _image(_windows(_routed(delta, _image(_windows(x)[..., order])))[..., np.argsort(order)])


def _maxima(x: Values) -> Values:
    windows = _windows(x)
    return _image((windows == windows.max(axis=-1, keepdims=True)) * 1.0)


def _counts(x: Values) -> Values:
    return _spread(_windows(_maxima(x)).sum(axis=-1))


def _first_pixel(delta: Values, x: Values) -> Values:
    dx = np.zeros_like(x)
    dx[..., ::2, ::2] = delta
    return dx


def _layer(functions: Functions) -> tuple[Layer, Values]:
    class YourMaxPool(MaxPool):
        def forward(self, k: Any, x: Values) -> tuple[Values, Any]:
            return super().forward(k, x)[0], x

        def backward(self, k: Any, delta: Values, saved: Any) -> Values:
            return each_seed(lambda d: functions["backward"](d, saved), delta, 4)

    return YourMaxPool(2), np.random.default_rng(2).standard_normal((2, 3, 6, 8))


def _conserved(functions: Functions, rng: np.random.Generator) -> str:
    delta, x = rng.standard_normal((2, 3, 2, 3)), rng.integers(0, 3, (2, 3, 4, 6)) / 1.0
    before, after = float(delta.sum()), float(functions["backward"](delta, x).sum())
    return f"{shown(before)} comes in and {shown(after)} goes out" if products_differ(before, after) else ""


POOL = Exercise(
    name="pool",
    title="the backward pass of max pooling",
    statement="""Max pooling takes the largest value of each window of 2 x 2 pixels; the windows do not
    overlap. H and W are even. Write what it sends back, from delta = dL/dy and the input x: only the winner
    of a window has moved y. A tie goes to the first maximum, row-major: the upper row first, then the left
    column.""",
    equation="dL/dx[n,f,2h+i,2w+j] = delta[n,f,h,w] where (i, j) is the winner of window (h, w), 0 elsewhere",
    source="Lo's thesis 2016, 2.2.2; Lo & Ding 2015, Eq. 2 (a part of dy/do)",
    stub='''
    def backward(delta, x):
        """Return dL/dx (N, F, H, W) from delta (N, F, H/2, W/2) and x (N, F, H, W)."""
        raise NotImplementedError
    ''',
    parts=(
        Part(
            "backward",
            _questions,
            _routed,
            "computed by nnpg.MaxPool(2)",
            (
                Mistake("the sign is flipped", lambda delta, x: -_routed(delta, x)),
                Mistake(
                    "every pixel of a window gets its delta: only the winner does", lambda delta, x: _spread(delta)
                ),
                Mistake(
                    "delta is shared by the four pixels: that is the mean's backward pass, not the maximum's",
                    lambda delta, x: _spread(delta) / 4,
                ),
                Mistake(
                    "delta is lost: this is right only for a delta of ones",
                    lambda delta, x: _routed(np.ones_like(delta), x),
                ),
                Mistake("delta goes to the smallest pixel of each window", lambda delta, x: _routed(delta, -x)),
                Mistake("delta goes to the upper left pixel: the winner is never looked for", _first_pixel),
                Mistake(
                    "rows i and columns j inside the window are swapped",
                    lambda delta, x: _image(_windows(_routed(delta, x))[..., [0, 2, 1, 3]]),
                ),
                Mistake("shifted by one column: off by one", lambda delta, x: np.roll(_routed(delta, x), 1, axis=3)),
                Mistake("shifted by one row: off by one", lambda delta, x: np.roll(_routed(delta, x), 1, axis=2)),
                Mistake(
                    "delta is multiplied by the maximum: the slope of a maximum is 1",
                    lambda delta, x: _routed(delta, x) * x,
                ),
                Mistake(
                    "in a tie every maximum gets delta: it goes to the first",
                    lambda delta, x: _spread(delta) * _maxima(x),
                ),
                Mistake(
                    "in a tie the maxima share delta: it goes to the first",
                    lambda delta, x: _spread(delta) * _maxima(x) / _counts(x),
                ),
                Mistake(
                    "a tie goes to the last maximum: it goes to the first",
                    lambda delta, x: _reordered([3, 2, 1, 0], delta, x),
                ),
                Mistake(
                    "a tie goes to the left column first: rows come before columns",
                    lambda delta, x: _reordered([0, 2, 1, 3], delta, x),
                ),
                Mistake(
                    "the images are transposed: rows and columns of delta are swapped",
                    lambda delta, x: _routed(delta.swapaxes(2, 3), x),
                ),
            ),
        ),
    ),
    laws=(Law("the sum of delta is conserved: sum(backward(delta)) = sum(delta)", _conserved),),
    hints=(
        "If a pixel that is not the largest of its window moves a little, y does not move. And if the largest moves?",
        "For each window find the place of its first maximum (np.argmax of the four pixels) and add delta there.",
        "For each n, f, h, w: p = x[n, f, 2*h:2*h+2, 2*w:2*w+2].argmax(); i, j = divmod(p, 2); "
        "dx[n, f, 2*h+i, 2*w+j] = delta[n, f, h, w].",
    ),
    layer=_layer,
)
