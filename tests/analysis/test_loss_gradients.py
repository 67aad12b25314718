"""Why not the loss gradient (Lo 2016, 3.2.1)? Where it is the same ranking, and where it is not."""

import numpy as np
import pytest
from scipy.stats import spearmanr

import nnpg
from nnpg import prediction_gradient
from nnpg.analysis.loss_gradients import (
    classes_ranked_alike,
    filters_ranked_alike,
    loss_gradient,
    made_up_label_error,
)
from nnpg.losses import loss_for


def net(last, seed=0):
    recipe = [nnpg.conv(6, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(4), last]
    return nnpg.build(recipe, input_shape=(1, 8, 8), rng=seed, dtype="float64")


def images(n=40):
    rng = np.random.default_rng(1)
    return rng.normal(size=(n, 1, 8, 8)), rng.integers(0, 4, n)


def orders(gradients):
    """The filters of each image, strongest first."""
    return np.argsort(-np.linalg.norm(gradients.reshape(*gradients.shape[:2], -1), axis=-1), axis=1)


def test_softmax_cross_entropy_ranks_filters_as_the_prediction_gradient_and_per_output_cross_entropy_does_not():
    x, t = images()
    for last, loss, alike in (
        (nnpg.Softmax(), "softmax_cross_entropy", True),
        (nnpg.Softmax(), "binary_cross_entropy", False),
        (nnpg.Sigmoid(), "binary_cross_entropy", False),
    ):
        n = net(last)
        pg = prediction_gradient(n, x, classes="true", labels=t)["pool1"]
        dL = loss_gradient(n, x, t, loss=loss)["pool1"]
        same = (orders(pg) == orders(dL)).all(axis=1)
        assert same.all() == alike, (last, loss)
        assert alike or same.mean() < 0.7, (last, loss)
        found = filters_ranked_alike(n, x, t, loss=loss)
        np.testing.assert_allclose(found.prediction, np.linalg.norm(pg.reshape(40, 6, -1), axis=-1))
        np.testing.assert_allclose(found.loss, np.linalg.norm(dL.reshape(40, 6, -1), axis=-1))
        assert found.alike == same.mean()
        assert found.same_strongest == (orders(pg)[:, 0] == orders(dL)[:, 0]).mean()
        rho = [spearmanr(a, b).statistic for a, b in zip(found.prediction, found.loss, strict=True)]
        assert found.correlation == pytest.approx(np.median(rho))


def test_means_over_classes_are_ranked_alike_only_where_a_class_has_one_image():
    """The mean of -y_t dL/do is not that of dL/do times a number: images with another y_t count otherwise."""
    x, t = images()
    n = net(nnpg.Softmax())
    one = [int(np.flatnonzero(t == c)[0]) for c in range(4)]
    assert classes_ranked_alike(n, x[one], t[one]) == pytest.approx(1)
    assert classes_ranked_alike(n, x, t) < 0.98


def test_a_made_up_label_gives_the_prediction_gradient_of_any_class():
    """3.2.1: "one would have to feed in a fake class label in place of t"."""
    x, _ = images(7)
    n = net(nnpg.Softmax())
    y = nnpg.predict(n, x)
    for c in range(4):
        pg = prediction_gradient(n, x, classes=c)["pool1"]
        dL = loss_gradient(n, x, np.full(7, c))["pool1"]
        np.testing.assert_allclose(pg, -y[:, c, None, None, None] * dL, rtol=1e-10, atol=1e-14)
    assert made_up_label_error(n, x) < 1e-12
    single = n.astype("float32")
    assert 1e-12 < made_up_label_error(single, x) < 1e-4, "rounding in float32 is seen"


def test_per_output_loss_by_hand():
    """z = x, y = sigmoid z: dL/dx = y - t, where dy_t/dx is y_t (1 - y_t) at t alone."""
    n = nnpg.build([nnpg.dense(2), nnpg.Sigmoid()], input_shape=(2,), rng=0, dtype="float64")
    n, x = n.replace("dense1", W=np.eye(2)), np.array([[0.0, np.log(3)]])  # y = 1/2, 3/4
    dL = loss_gradient(n, x, [0], loss="binary_cross_entropy", layers="input")["input"]
    np.testing.assert_allclose(dL, [[-0.5, 0.75]])
    pg = prediction_gradient(n, x, classes=0, layers="input")["input"]
    np.testing.assert_allclose(pg, [[0.25, 0.0]], atol=1e-15)
    assert abs(dL).argmax() != abs(pg).argmax()  # the units change places


@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "binary_cross_entropy", "squared_error"])
def test_it_is_the_derivative_of_the_loss_batch_by_batch(loss):
    x, t = images(5)
    n = net(nnpg.Softmax())
    dL = loss_gradient(n, x, t, loss=loss, layers=("input", "pool1"), batch=2)
    criterion, eps, r = loss_for(n, loss), 1e-6, np.random.default_rng(3)

    def value(shift, at, layer):
        trace = n.forward(n.forward(x)[layer] + shift * at, start=layer)
        return criterion.value(n.backend, trace[criterion.layer], t)

    for layer, delta in dL.items():
        at = r.normal(size=delta.shape)
        numeric = (value(eps, at, layer) - value(-eps, at, layer)) / (2 * eps)
        np.testing.assert_allclose((delta * at).reshape(5, -1).sum(axis=1), numeric, rtol=1e-6)


def test_what_does_not_fit_is_refused():
    x, t = images(3)
    with pytest.raises(ValueError, match="labels must be 3 whole numbers"):
        loss_gradient(net(nnpg.Softmax()), x, t[:2])
    with pytest.raises(KeyError, match="no output named 'pool9'"):
        loss_gradient(net(nnpg.Softmax()), x, t, layers="pool9")
