"""Lipschitz constants and their products against measured gains."""

import numpy as np
import pytest

import nnpg
from nnpg.analysis.gains import lipschitz_bounds, measured_gains


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
    adversarial = x + rng.normal(size=x.shape) * 10.0 ** rng.uniform(-4, 1, (60, 1, 1, 1))
    gains, measured = lipschitz_bounds(net()).gains, measured_gains(net(), x, adversarial, batch=17)
    assert [g.layer for g in gains] == list(measured) == list(net().layers)
    for gain in gains:
        assert (measured[gain.layer].layer <= gain.constant * (1 + 1e-9)).all(), gain.layer
        assert (measured[gain.layer].total <= gain.product * (1 + 1e-9)).all(), gain.layer
    assert measured["center1"].total == pytest.approx(1)
    total = np.prod([m.layer for m in measured.values()], axis=0)
    np.testing.assert_allclose(total, measured["softmax1"].total, rtol=1e-9)


@pytest.mark.parametrize(
    ("layer", "x", "adversarial"),
    [
        (nnpg.Sigmoid(), [[0.0]], [[1e-4]]),
        (nnpg.Softmax(), [[0.0, 0.0]], [[1e-4, -1e-4]]),
        (nnpg.MaxPool(3, 1), np.zeros((1, 1, 5, 5)), np.eye(25).reshape(25, 1, 5, 5)[12:13]),
        (nnpg.AvgPool(2), np.zeros((1, 1, 4, 4)), np.ones((1, 1, 4, 4))),
    ],
)
def test_one_change_grows_by_the_whole_constant(layer, x, adversarial):
    x, adversarial = np.asarray(x), np.asarray(adversarial)
    one = nnpg.Network({"only": layer}, x.shape[1:])
    (gain,) = lipschitz_bounds(one).gains
    assert measured_gains(one, x, adversarial)["only"].total[0] == pytest.approx(gain.constant, rel=1e-6)


def test_the_product_takes_each_layer_once():
    gains = lipschitz_bounds(net()).gains
    np.testing.assert_allclose([g.product for g in gains], np.cumprod([g.constant for g in gains]))
    assert [g.layer for g in gains if g.bounds] == ["conv1", "conv2", "dense1", "dense2"]
    assert all(g.bounds.upper == g.constant >= g.bounds.lower for g in gains if g.bounds)


def test_a_network_without_known_constants_is_refused():
    with pytest.raises(ValueError, match=r"'step' \(Step\) has no Lipschitz constant"):
        lipschitz_bounds(nnpg.Network({"step": nnpg.Step()}, (2,)))
    with pytest.raises(ValueError, match="interventions on tanh1"):
        lipschitz_bounds(net().intervene("tanh1", nnpg.Clamp(0, 1)))
    with pytest.raises(ValueError, match="image 1 is not changed"):
        measured_gains(net(), np.zeros((2, 2, 14, 13)), np.arange(2.0)[::-1, None, None, None] * np.ones((2, 14, 13)))
