"""Frame bounds against explicit matrices, Lipschitz products against what really happens."""

import numpy as np
import pytest

import nnpg
from nnpg.analysis.spectral import conv_bounds, dense_bounds, frame_bounds, lipschitz, measured_gains


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
    found = conv_bounds(W, size, stride=stride, dilation=dilation, groups=groups)
    values = np.linalg.svd(on_a_torus(conv, size, C), compute_uv=False)
    blocks = size[0] // stride[0] * size[1] // stride[1]
    assert found.upper == pytest.approx(values[0], rel=1e-12)
    rank = groups * blocks * min(F // groups, C // groups * stride[0] * stride[1])
    assert len(values) >= rank, "nothing is left out"
    assert found.lower == pytest.approx(values[rank - 1], rel=1e-9, abs=1e-12)


def test_the_formula_as_printed_misses_the_matrix():
    """Aliases at pi l / 2 and no division by the stride, as in the paper: off by far."""
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
    assert conv_bounds(W, size, stride=(2, 2)).upper == pytest.approx(true, rel=1e-12)
    assert printed > 1.5 * true


@pytest.mark.parametrize(("stride", "padding", "groups"), [(1, 1, 1), (2, 2, 2), (3, (0, 1, 2, 0), 1), (2, 0, 1)])
def test_the_bound_of_a_torus_bounds_the_layer_with_its_edges_of_zeros(stride, padding, groups):
    W = np.random.default_rng(2).normal(size=(4, 4 // groups, 3, 3))
    conv, shape = nnpg.Conv(W, None, stride, padding, 1, groups), (4, 7, 6)
    k = nnpg.load_backend("numpy")
    explicit = np.linalg.svd(matrix_of(lambda x: conv.forward(k, x)[0], shape), compute_uv=False)[0]
    bound = frame_bounds(conv, shape).upper
    assert explicit <= bound * (1 + 1e-12)
    assert bound < 1.5 * explicit, "and is not far off"


def test_a_dense_layer_by_its_singular_values():
    rng = np.random.default_rng(0)
    U, V = np.linalg.qr(rng.normal(size=(5, 5)))[0], np.linalg.qr(rng.normal(size=(8, 8)))[0]
    W = U @ np.diag([4.0, 3, 2, 1, 0.25]) @ V[:5]
    assert dense_bounds(W) == pytest.approx((0.25, 4))
    assert dense_bounds(W.T) == pytest.approx((0.25, 4)), "the kernel of a wide layer is not counted"


def net():
    return nnpg.build(
        [nnpg.Center(np.array(0.3)), nnpg.conv(6, 5, padding=2), nnpg.ReLU(), nnpg.MaxPool(3, 2, padding=1),
         nnpg.conv(8, 3, stride=2, groups=2), nnpg.Tanh(), nnpg.AvgPool(2), nnpg.Flatten(), nnpg.dense(9),
         nnpg.Sigmoid(), nnpg.Dropout(0.5), nnpg.dense(4), nnpg.Softmax()],
        input_shape=(2, 14, 13), rng=0, dtype="float64",
    )  # fmt: skip


def test_no_change_grows_by_more_than_its_bound_in_any_layer():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 2, 14, 13))
    changed = x + rng.normal(size=x.shape) * 10.0 ** rng.uniform(-4, 1, (60, 1, 1, 1))
    gains, measured = lipschitz(net()), measured_gains(net(), x, changed, batch=17)
    assert [g.name for g in gains] == list(measured) == list(net().layers)
    for gain in gains:
        assert (measured[gain.name].layer <= gain.constant * (1 + 1e-9)).all(), gain.name
        assert (measured[gain.name].total <= gain.product * (1 + 1e-9)).all(), gain.name
    assert measured["center1"].total == pytest.approx(1)
    total = np.prod([m.layer for m in measured.values()], axis=0)
    np.testing.assert_allclose(total, measured["softmax1"].total, rtol=1e-9)


@pytest.mark.parametrize(
    ("layer", "x", "changed"),
    [
        (nnpg.Sigmoid(), [[0.0]], [[1e-4]]),
        (nnpg.Softmax(), [[0.0, 0.0]], [[1e-4, -1e-4]]),
        (nnpg.MaxPool(3, 1), np.zeros((1, 1, 5, 5)), np.eye(25).reshape(25, 1, 5, 5)[12:13]),
        (nnpg.AvgPool(2), np.zeros((1, 1, 4, 4)), np.ones((1, 1, 4, 4))),
    ],
)
def test_some_change_grows_by_all_of_the_constant(layer, x, changed):
    x, changed = np.asarray(x), np.asarray(changed)
    one = nnpg.Network({"only": layer}, x.shape[1:])
    (gain,) = lipschitz(one)
    assert measured_gains(one, x, changed)["only"].total[0] == pytest.approx(gain.constant, rel=1e-6)


def test_the_product_takes_each_layer_once():
    gains = lipschitz(net())
    np.testing.assert_allclose([g.product for g in gains], np.cumprod([g.constant for g in gains]))
    assert [g.name for g in gains if g.bounds] == ["conv1", "conv2", "dense1", "dense2"]
    assert all(g.bounds.upper == g.constant >= g.bounds.lower for g in gains if g.bounds)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"multiple of the stride, not W \(2, 3, 3, 3\), groups=1, size=\(7, 8\)"):
        conv_bounds(np.zeros((2, 3, 3, 3)), (7, 8), stride=(2, 2))
    with pytest.raises(ValueError, match=r"'step' \(Step\) has no Lipschitz constant"):
        lipschitz(nnpg.Network({"step": nnpg.Step()}, (2,)))
    with pytest.raises(ValueError, match="interventions on tanh1"):
        lipschitz(net().intervene("tanh1", nnpg.Clamp(0, 1)))
    with pytest.raises(ValueError, match="image 1 is not changed"):
        measured_gains(net(), np.zeros((2, 2, 14, 13)), np.arange(2.0)[::-1, None, None, None] * np.ones((2, 14, 13)))
