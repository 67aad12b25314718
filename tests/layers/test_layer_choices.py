"""What a layer does where the mathematics leaves a choice, and at the ends of the number range."""

from __future__ import annotations

import numpy as np
import pytest
from of_device import on

import nnpg
from nnpg_kernels import Array, Backend


def test_relu_has_slope_0_at_0(backend: Backend) -> None:
    _, saved = on(backend, nnpg.ReLU()).forward(backend, np.array([[-1.0, 0.0, 1.0]]))
    np.testing.assert_array_equal(on(backend, nnpg.ReLU()).backward(backend, np.full((1, 3), 7.0), saved), [[0, 0, 7]])


@pytest.mark.parametrize(("at_zero", "y"), [(0, [0, 0, 1]), (1, [0, 1, 1])])
def test_step_at_0(at_zero: int, y: list[float], backend: Backend) -> None:
    got, saved = on(backend, nnpg.Step(at_zero)).forward(backend, np.array([[-1e-300, 0.0, 1e-300]]))
    np.testing.assert_array_equal(got, [y])
    np.testing.assert_array_equal(
        on(backend, nnpg.Step(at_zero)).backward(backend, np.ones((1, 3)), saved), np.zeros((1, 3))
    )


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_sigmoid_and_softmax_do_not_overflow(kind: str, backend: Backend) -> None:
    """Warnings are errors, so an exponential that overflows on the way fails too."""
    x = np.array([[-1e4, -800.0, 0.0, 800.0, 1e4]], kind)
    np.testing.assert_array_equal(on(backend, nnpg.Sigmoid()).forward(backend, x)[0], [[0, 0, 0.5, 1, 1]])
    np.testing.assert_array_equal(on(backend, nnpg.Softmax()).forward(backend, x)[0], [[0, 0, 0, 0, 1]])
    np.testing.assert_array_equal(on(backend, nnpg.Softmax()).forward(backend, x[:, ::-1] - 1e4)[0], [[1, 0, 0, 0, 0]])


def test_sigmoid_keeps_small_values(backend: Backend) -> None:
    y, saved = on(backend, nnpg.Sigmoid()).forward(backend, np.array([[-50.0]]))
    np.testing.assert_allclose(y, np.exp(-50.0), rtol=1e-12)
    np.testing.assert_allclose(
        on(backend, nnpg.Sigmoid()).backward(backend, np.ones((1, 1)), saved), np.exp(-50.0), rtol=1e-12
    )


def test_softmax_ignores_a_constant_seed(backend: Backend) -> None:
    """Probabilities sum to 1: a delta of ones sends back nothing. (Why no test here uses one.)"""
    _, saved = on(backend, nnpg.Softmax()).forward(backend, np.random.default_rng(0).normal(size=(4, 5)))
    np.testing.assert_array_equal(
        on(backend, nnpg.Softmax()).backward(backend, np.ones((4, 5)), saved), np.zeros((4, 5))
    )


@pytest.mark.parametrize("margin", [20.0, 40.0, 80.0])
def test_softmax_does_not_saturate_in_float32(margin: float, backend: Backend) -> None:
    """1 - y_t rounds to 0 in float32 from a margin of 17 on; the derivative must not."""
    x = np.array([[0.0, -margin, -margin - 1], [-margin - 2, -margin, 0.0]])
    for t in range(3):
        answers = []
        for dtype in ("float32", "float64"):
            _, saved = on(backend, nnpg.Softmax()).forward(backend, x.astype(dtype))
            answers.append(
                on(backend, nnpg.Softmax()).backward(backend, np.tile(np.eye(3, dtype=dtype)[t], (2, 1)), saved)
            )
        assert (answers[0][x[:, t] == 0] != 0).all()  # the image whose y_t is nearly 1
        # float64 saturates too (from 37 on), so the truth is written out: y_t (delta_kt - y_k)
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        p = e / e.sum(axis=-1, keepdims=True)
        others = np.stack([np.delete(p, k, axis=-1).sum(axis=-1) for k in range(3)], axis=-1)  # 1 - y_k
        truth = np.where(np.arange(3) == t, p * others, -p * p[:, t : t + 1])
        smallest = np.finfo(np.float32).tiny  # the product of two probabilities may be smaller
        np.testing.assert_allclose(answers[0], truth, rtol=2e-5, atol=smallest)
        np.testing.assert_allclose(answers[1], truth, rtol=1e-13)


@pytest.mark.parametrize(
    ("window", "winner"),
    [
        ([[1, 1], [1, 1]], (0, 0)),
        ([[0, 1], [1, 0]], (0, 1)),
        ([[0, 0], [1, 1]], (1, 0)),
        ([[-1, -1], [-1, 0]], (1, 1)),
    ],
)
def test_pooling_tie_goes_to_the_first_maximum(
    window: list[list[float]], winner: tuple[int, int], backend: Backend
) -> None:
    y, saved = on(backend, nnpg.MaxPool(2)).forward(backend, np.array([[window]], float))
    expected = np.zeros((1, 1, 2, 2))
    expected[(0, 0, *winner)] = 5.0
    np.testing.assert_array_equal(
        on(backend, nnpg.MaxPool(2)).backward(backend, np.full(y.shape, 5.0), saved), expected
    )


def test_the_margin_never_wins(backend: Backend) -> None:
    """Zero padding would beat negative pixels, and its delta would be lost."""
    x = -1 - np.random.default_rng(0).random((2, 3, 4, 4))
    pool = on(backend, nnpg.MaxPool(3, stride=1, padding=(1, 2, 2, 1)))
    y, saved = pool.forward(backend, x)
    assert (y < 0).all()
    d = np.random.default_rng(1).normal(size=y.shape)
    np.testing.assert_allclose(pool.backward(backend, d, saved).sum(), d.sum(), rtol=1e-12)


def test_windows_of_more_pixels_than_a_small_integer_counts(backend: Backend) -> None:
    x = np.zeros((1, 1, 200, 200))
    x[0, 0, 199, 198] = 1.0
    y, saved = on(backend, nnpg.MaxPool(200)).forward(backend, x)
    np.testing.assert_array_equal(on(backend, nnpg.MaxPool(200)).backward(backend, np.full_like(y, 3.0), saved), 3 * x)


def test_average_counts_the_margin(backend: Backend) -> None:
    y, _ = on(backend, nnpg.AvgPool(2, stride=2, padding=(1, 0, 1, 0))).forward(backend, np.full((1, 1, 3, 3), 4.0))
    np.testing.assert_array_equal(y, [[[[1, 2], [2, 4]]]])


def test_convolution_does_not_flip_the_filter(backend: Backend) -> None:
    x = np.zeros((1, 1, 3, 3))
    x[0, 0, 1, 1] = 1.0
    W = np.arange(9.0).reshape(1, 1, 3, 3)
    y, _ = on(backend, nnpg.Conv(W, padding=1)).forward(backend, x)
    np.testing.assert_array_equal(y[0, 0], W[0, 0, ::-1, ::-1])  # a point shows the filter turned round


def test_dropout_mask(backend: Backend) -> None:
    layer, x = on(backend, nnpg.Dropout(0.25, key=7)), np.ones((50, 200), np.float32)
    y, _ = layer.forward(backend, x)
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < 0.02  # 3.5 standard errors: the expected output is the input
    np.testing.assert_array_equal(layer.forward(backend, x)[0], y)
    assert not np.array_equal(on(backend, nnpg.Dropout(0.25, key=8)).forward(backend, x)[0], y)


def test_dropout_is_drawn_from_the_generator() -> None:
    draws = [nnpg.Dropout(0.5).drawn(np.random.default_rng(seed)).key for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_dropout_is_the_identity_at_rest(backend: Backend) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    np.testing.assert_array_equal(on(backend, nnpg.Dropout(0.9)).forward(backend, x)[0], x)
    np.testing.assert_array_equal(on(backend, nnpg.Dropout(0.0, key=1)).forward(backend, x)[0], x)


def test_response_norm_written_out(backend: Backend) -> None:
    """Even sizes look one map further back than ahead, as PyTorch's do."""
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1)
    y, _ = on(backend, nnpg.LocalResponseNorm(size=2, alpha=2.0, beta=1.0, bias=1.0)).forward(backend, x)
    sums = np.array([1 + 1, 1 + 1 + 4, 1 + 4 + 9, 1 + 9 + 16])  # bias + alpha / size * (x_{c-1}^2 + x_c^2)
    np.testing.assert_allclose(y.ravel(), [1, 2, 3, 4] / sums, rtol=1e-15)


def test_step_units_compute_xor(backend: Backend) -> None:
    """Thesis 2.3: or and nand, then and."""
    net = nnpg.Network(
        {
            "hidden": nnpg.Dense(np.array([[1.0, 1.0], [-1.0, -1.0]]), np.array([-0.5, 1.5])),
            "step1": nnpg.Step(),
            "output": nnpg.Dense(np.array([[1.0, 1.0]]), np.array([-1.5])),
            "step2": nnpg.Step(),
        },
        (2,),
        backend,
    )
    np.testing.assert_array_equal(nnpg.predict(net, [[0, 0], [0, 1], [1, 0], [1, 1]]).ravel(), [0, 1, 1, 0])


def _w(*shape: int) -> Array:
    return np.ones(shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nnpg.Dense(_w(3)), r"Dense: W must be \(F, D\).*not W \(3,\)"),
        (lambda: nnpg.Dense(_w(3, 2), _w(2)), r"Dense: .*b \(F,\), not W \(3, 2\) and b \(2,\)"),
        (lambda: nnpg.Conv(_w(3, 2)), r"Conv: W must be \(F, C / groups, I, J\)"),
        (lambda: nnpg.Conv(_w(3, 2, 1, 1), _w(1)), r"Conv: .*and b \(1,\)"),
        (lambda: nnpg.Conv(_w(3, 2, 1, 1), groups=2), "3 filters cannot be split into 2 groups"),
        (lambda: nnpg.Conv(_w(3, 2, 1, 1), groups=0), "groups must be a whole number of at least 1, not 0"),
        (lambda: nnpg.Conv(_w(3, 2, 1, 1), stride=0), "stride must be one or two positive whole numbers, not 0"),
        (lambda: nnpg.Conv(_w(3, 2, 1, 1), stride=(1, 2, 3)), "stride must be one or two"),
        (lambda: nnpg.Conv(_w(3, 2, 1, 1), dilation=1.5), "dilation must be .* not 1.5"),
        (lambda: nnpg.Conv(_w(3, 2, 1, 1), padding=-1), "padding must be a whole number.*none negative, not -1"),
        (lambda: nnpg.Conv(_w(3, 2, 1, 1), padding=(1, 2, 3)), r"\(top, bottom, left, right\).* not \(1, 2, 3\)"),
        (lambda: nnpg.MaxPool("2"), "MaxPool: size must be .* not '2'"),
        (lambda: nnpg.MaxPool(2, padding=2), r"MaxPool: padding .* smaller than the window 2 x 2"),
        (lambda: nnpg.AvgPool((2, 3), padding=(0, 0, 0, 3)), "AvgPool: padding .* smaller than the window 2 x 3"),
        (lambda: nnpg.Step(at_zero=2), "at_zero must be a whole number from 0 to 1, not 2"),
        (lambda: nnpg.Dropout(1.0), "rate must be a finite number of at least 0 and below 1, not 1"),
        (lambda: nnpg.Dropout(-0.1), "not -0.1"),
        (lambda: nnpg.LocalResponseNorm(size=0), "size must be a whole number of at least 1, not 0"),
        (lambda: nnpg.Clamp(2.0, 1.0), "low 2.0 must not be above high 1.0"),
    ],
)  # fmt: skip
def test_bad_hyper_parameters_are_named(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_hyper_parameters_have_one_form() -> None:
    pool = nnpg.MaxPool(np.int64(3), stride=[1, 2], padding=(1, 2))
    assert (pool.size, pool.stride, pool.padding) == ((3, 3), (1, 2), (1, 1, 2, 2))
    assert nnpg.MaxPool((3, 2)).stride == (3, 2)
