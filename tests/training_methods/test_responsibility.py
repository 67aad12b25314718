"""Units that are set back: none of them is the adversarial image, all of them the original."""

import numpy as np
import pytest

import nnpg
from nnpg.training_methods.responsibility import predict_restored

RECIPE = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(4), nnpg.Tanh(), nnpg.dense(2)]


@pytest.fixture
def pairs(backend):
    net = nnpg.build([*RECIPE, nnpg.Softmax()], input_shape=(1, 8, 8), dtype="float64", backend=backend.name, rng=0)
    return net, *np.random.default_rng(0).random((2, 5, 1, 8, 8))


@pytest.mark.parametrize(("layer", "F"), [("pool1", 3), ("tanh2", 4), ("input", 1), ("softmax1", 2)])
def test_no_unit_or_every_unit_gives_the_predictions_of_one_image_of_the_pair(pairs, layer, F):
    net, x, adversarial = pairs
    for value, images in ((False, adversarial), (True, x)):
        y = predict_restored(net, x, adversarial, layer=layer, units=np.full(F, value), batch=2)
        np.testing.assert_allclose(y, nnpg.predict(net, images), rtol=1e-12)


def test_each_pair_may_have_its_own_units(pairs):
    net, x, adversarial = pairs
    units = np.random.default_rng(1).random((5, 3)) < 0.5
    together = predict_restored(net, x, adversarial, layer="pool1", units=units)
    alone = [predict_restored(net, x[[n]], adversarial[[n]], layer="pool1", units=units[n])[0] for n in range(5)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    assert abs(together - nnpg.predict(net, adversarial)).max() > 1e-3


def test_what_a_unit_says_is_what_the_weights_after_it_make_of_it():
    W = np.array([[2.0, 0.0], [0.0, 5.0]])
    net = nnpg.build([nnpg.dense(2)], input_shape=(2,), dtype="float64", rng=0).replace("dense1", W=W)
    y = predict_restored(net, [[1.0, 1.0]], [[3.0, 4.0]], layer="input", units=[True, False])
    np.testing.assert_allclose(y, [[2.0, 20.0]])


def test_units_and_pairs_must_fit(pairs):
    net, x, adversarial = pairs
    for units in ([True, False], [1, 0, 1], np.ones((4, 3), bool)):
        with pytest.raises(ValueError, match="units"):
            predict_restored(net, x, adversarial, layer="pool1", units=units)
    with pytest.raises(ValueError, match="same number"):
        predict_restored(net, x[:2], adversarial, layer="pool1", units=[True, False, True])
