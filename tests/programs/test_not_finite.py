"""An image that is not finite: the same NaN and numbers on every backend, and no other image is touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from of_device import host

import nnpg
from nnpg import conv, dense
from nnpg.programs.plan import plan_of

T, R, S, P = nnpg.Tanh, nnpg.ReLU, nnpg.Sigmoid, nnpg.MaxPool
RECIPES: dict[str, list[Any]] = {
    "tanh, then pooling": [conv(3, 3), T(), P(2), nnpg.Flatten(), dense(5), R(), dense(4)],
    "relu, overlapping pooling": [conv(3, 3), R(), P(3, 1, padding=1), nnpg.Flatten(), dense(5), T(), dense(4)],
    "pooling with gaps, then sigmoid": [conv(3, 3), P(2, 3), S(), nnpg.Flatten(), dense(5), S(), dense(4)],
    "no pooling": [conv(3, 3), R(), conv(2, 2, padding=1), T(), nnpg.Flatten(), dense(4)],
    "pooling by pairs of columns": [conv(3, 3), R(), P((3, 2), 2), nnpg.Flatten(), dense(4)],
}


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")  # of NumPy: invalid value
@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("N", [3, 5, 20])  # one by one, and side by side with a last block that is not full
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_one_image_that_is_not_finite(name: str, N: int, kind: str) -> None:
    net = nnpg.build([*RECIPES[name], nnpg.Softmax()], input_shape=(1, 9, 10), rng=0, dtype=kind, backend="numba")
    rng, bad = np.random.default_rng(N), N // 2
    clean, labels = rng.standard_normal((N, 1, 9, 10)).astype(kind), rng.integers(0, 4, N)
    expected = answers(net, clean, labels)
    for value in (np.nan, np.inf, -np.inf):
        for place in (..., (0, 4, 4)):  # all of it; a pixel in the middle
            x = clean.copy()
            x[bad][place] = value
            got, reference = answers(net, x, labels), answers(net.to("numpy"), x, labels)
            for task, numbers in got.items():
                tolerance = 2e-4 if kind == "float32" else 1e-10
                np.testing.assert_allclose(numbers, reference[task], rtol=tolerance, atol=tolerance, err_msg=task)
                others = np.delete(numbers, bad, axis=images_of(task))
                np.testing.assert_array_equal(
                    others, np.delete(expected[task], bad, axis=images_of(task)), err_msg=task
                )
            if np.isnan(value) and place is ...:
                assert np.isnan(got["predict"][bad]).all()


def images_of(task: str) -> int:
    return 1 if "all" in task or task == "knock out" else 0


def answers(net: nnpg.Network, x: Any, labels: Any) -> dict[str, Any]:
    """All that can be asked of a network, the axis of images first, or second where classes or steps are."""
    results = {"predict": nnpg.predict(net, x)}
    trace = net.forward(x)
    results |= {f"forward {name}": trace[name] for name in net.layers}
    deltas = net.backward(trace, np.eye(4, dtype=x.dtype)[labels])
    results |= {f"backward {name}": deltas[name] for name in deltas}
    layers = ["input", plan_of(net).blocks[0].name]
    for of in ("prob", "logit", "logprob"):
        for classes in ("all", "true", 1):
            pg = nnpg.prediction_gradient(net, x, layers=layers, classes=classes, labels=labels, of=of)
            results |= {f"dy/do {of} {classes} {layer}": pg[layer] for layer in layers}
    filters = [(block.name, 0) for block in plan_of(net).blocks[:-1]]
    if np.isfinite(x).all():  # others are refused
        results["knock out"] = nnpg.knock_out_curve(net, x, labels, filters, progress=False).predictions
    return results


def test_the_first_nan_of_a_window_wins_and_nothing_wins_against_it(backend: Any) -> None:
    from nnpg_kernels import Window

    x = backend.asarray(np.array([[[[1.0, np.nan, 5.0, np.nan], [2.0, 3.0, -np.inf, 7.0]]]]))
    y, winner = backend.max_pool_forward(x, Window((2, 2), (2, 2)))
    np.testing.assert_array_equal(host(y), [[[[np.nan, np.nan]]]])
    np.testing.assert_array_equal(host(winner), [[[[1, 1]]]])
    nan = backend.asarray(np.full((1, 1, 1, 2), np.nan))
    delta = host(backend.max_pool_delta(nan, winner, Window((2, 2), (2, 2)), (2, 4)))
    np.testing.assert_array_equal(np.isnan(delta), [[[[False, True, False, True], [False] * 4]]])
    np.testing.assert_array_equal(np.nan_to_num(delta), np.zeros((1, 1, 2, 4)))
