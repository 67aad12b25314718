"""Frame bounds against explicit matrices."""

import numpy as np
import pytest

import nnpg
from nnpg.analysis.spectral import conv_bounds, dense_bounds, frame_bounds


def matrix_of(apply, shape):
    """The matrix of a linear map, column by column."""
    basis = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return apply(basis).reshape(len(basis), -1).T


def on_a_torus(conv, size, C):
    """The matrix of a convolution with wrapped edges."""
    (I, J), (di, dj) = conv.window.size, conv.window.dilation
    k = nnpg.load_backend("numpy")

    def apply(x):
        wrapped = np.pad(x, ((0, 0), (0, 0), (0, (I - 1) * di), (0, (J - 1) * dj)), mode="wrap")
        return conv.forward(k, wrapped)[0]

    return matrix_of(apply, (C, *size))


CASES = [  # F, C, (I, J), stride, dilation, groups, size
    (3, 2, (3, 3), (1, 1), (1, 1), 1, (5, 6)),
    (4, 3, (5, 3), (2, 2), (1, 1), 1, (8, 6)),
    (2, 3, (2, 3), (3, 2), (1, 1), 1, (9, 8)),
    (6, 4, (3, 3), (2, 1), (1, 1), 2, (6, 5)),
    (4, 4, (3, 2), (2, 2), (2, 3), 4, (8, 10)),
    (9, 1, (3, 3), (2, 2), (1, 1), 1, (4, 4)),
    (3, 8, (1, 1), (1, 1), (1, 1), 1, (3, 3)),
    (5, 2, (4, 4), (4, 4), (1, 1), 1, (8, 8)),
]


@pytest.mark.parametrize(("F", "C", "taps", "stride", "dilation", "groups", "size"), CASES)
def test_fourier_blocks_hold_the_singular_values_of_the_whole_matrix(F, C, taps, stride, dilation, groups, size):
    W = np.random.default_rng(0).normal(size=(F, C // groups, *taps))
    conv = nnpg.Conv(W, None, stride, 0, dilation, groups)
    bounds = conv_bounds(W, size=size, stride=stride, dilation=dilation, groups=groups)
    values = np.linalg.svd(on_a_torus(conv, size, C), compute_uv=False)
    blocks = size[0] // stride[0] * size[1] // stride[1]
    assert bounds.upper == pytest.approx(values[0], rel=1e-12)
    rank = groups * blocks * min(F // groups, C // groups * stride[0] * stride[1])
    assert len(values) >= rank, "nothing is left out"
    assert bounds.lower == pytest.approx(values[rank - 1], rel=1e-9, abs=1e-12)


def test_the_formula_as_printed_misses_the_matrix():
    """Aliases at pi l / 2 and no division by the stride, as in the paper: far from the exact values."""
    W = np.random.default_rng(1).normal(size=(3, 2, 3, 3))
    size, stride = (8, 8), 2
    conv = nnpg.Conv(W, None, stride)
    true = np.linalg.svd(on_a_torus(conv, size, 2), compute_uv=False)[0]
    taps, printed = np.arange(3), 0.0
    for w1 in 2 * np.pi * np.arange(8) / 8:
        for w2 in 2 * np.pi * np.arange(8) / 8:
            shifted = [(w1 + np.pi * a / 2, w2 + np.pi * b / 2) for a in (0, 1) for b in (0, 1)]
            A = [np.einsum("fcij,i,j->fc", W, np.exp(1j * taps * u), np.exp(1j * taps * v)) for u, v in shifted]
            printed = max(printed, np.linalg.svd(np.concatenate(A, axis=1), compute_uv=False)[0])
    assert conv_bounds(W, size=size, stride=(2, 2)).upper == pytest.approx(true, rel=1e-12)
    assert printed > 1.5 * true


@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 1, 1), (2, 2, 2), (3, (0, 1, 2, 0), 1), (2, 0, 1)])
def test_the_bound_of_a_torus_bounds_the_layer_with_its_edges_of_zeros(stride, padding, groups):
    W = np.random.default_rng(2).normal(size=(4, 4 // groups, 3, 3))
    conv, shape = nnpg.Conv(W, None, stride, padding, 1, groups), (4, 7, 6)
    k = nnpg.load_backend("numpy")
    explicit = np.linalg.svd(matrix_of(lambda x: conv.forward(k, x)[0], shape), compute_uv=False)[0]
    bound = frame_bounds(conv, input_shape=shape).upper
    assert explicit <= bound * (1 + 1e-12)
    assert bound < 1.5 * explicit, "and is not far off"


def test_a_dense_layer_by_its_singular_values():
    rng = np.random.default_rng(0)
    U, V = np.linalg.qr(rng.normal(size=(5, 5)))[0], np.linalg.qr(rng.normal(size=(8, 8)))[0]
    W = U @ np.diag([4.0, 3, 2, 1, 0.25]) @ V[:5]
    assert dense_bounds(W) == pytest.approx((0.25, 4))
    assert dense_bounds(W.T) == pytest.approx((0.25, 4)), "the kernel of a wide layer is not counted"


def test_a_size_that_is_no_multiple_of_the_stride_is_refused():
    with pytest.raises(ValueError, match=r"multiple of the stride, not W \(2, 3, 3, 3\), groups=1, size=\(7, 8\)"):
        conv_bounds(np.zeros((2, 3, 3, 3)), size=(7, 8), stride=(2, 2))
