"""The mean loss over all images: the same bits on any number of threads, and an error in one of them is told."""

from __future__ import annotations

import numpy as np
import pytest

import nnpg
from nnpg.losses import loss_for
from nnpg.training_methods.full_batch import FEW_ARE_NOT, MANY, batches_of, mean_loss
from nnpg_kernels import use_threads

RECIPE = [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(4), nnpg.Softmax()]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_the_mean_loss_has_the_same_bits_on_any_number_of_threads(backend: str) -> None:
    net = nnpg.build(RECIPE, input_shape=(1, 6, 6), rng=0, backend=backend)
    rng = np.random.default_rng(0)
    x, labels, loss = (
        rng.random((23, 1, 6, 6), np.float32),
        rng.integers(0, 4, 23),
        loss_for(net, "softmax_cross_entropy"),
    )
    found = []
    for threads in (1, 2, 3, 30):
        with use_threads(threads):
            found.append(mean_loss(net, x, labels, loss, batch=4))
    for value, gradient in found[1:]:
        assert value == found[0][0]
        assert gradient.tobytes() == found[0][1].tobytes()


def test_an_error_in_a_thread_is_the_error_of_the_call() -> None:
    class Broken(nnpg.Tanh):
        def forward(self, k, x):
            if len(x) == 2:
                raise ArithmeticError("the last images")
            return super().forward(k, x)

    net = nnpg.build([nnpg.dense(4), Broken(), nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    with use_threads(2), pytest.raises(ArithmeticError, match="the last images"):
        mean_loss(net, np.zeros((10, 2), "f4"), np.zeros(10, int), loss_for(net, "softmax_cross_entropy"), batch=4)


def test_a_warning_that_the_caller_silences_is_silent_in_all_threads() -> None:
    net = nnpg.build([nnpg.dense(3), nnpg.Softmax()], input_shape=(2,), rng=0)
    x = np.full((8, 2), 3e38, np.float32)
    with use_threads(2), np.errstate(all="ignore"):
        value, _ = mean_loss(net, x, np.zeros(8, int), loss_for(net, "softmax_cross_entropy"), batch=2)
    assert not np.isfinite(value)


def digits_and_net(**changes: object) -> tuple[np.ndarray, nnpg.Network]:
    """As many images as are listed, with as many numbers that are not 0, and a network of dense layers."""
    rng = np.random.default_rng(0)
    N, D = -(-MANY // 300), 300
    x = rng.random((N, D)) * (rng.random((N, D)) < 0.9 * FEW_ARE_NOT)
    recipe = [nnpg.dense(7), nnpg.Sigmoid(), nnpg.dense(4), nnpg.Softmax()]
    settings = {"backend": "numba", "dtype": "float64"} | changes
    return x, nnpg.build(recipe, input_shape=(D,), rng=0, **settings)


def test_images_that_are_mostly_0_give_the_loss_and_the_gradient_of_the_layers() -> None:
    x, net = digits_and_net()
    labels, loss = np.random.default_rng(1).integers(0, 4, len(x)), loss_for(net, "softmax_cross_entropy")
    batches = batches_of(net, x, 1000)
    assert {type(part).__name__ for part in batches} == {"SparseMatrix"}
    value, gradient = mean_loss(net, x, labels, loss, batch=1000, batches=batches)
    whole = [x[n : n + 1000] for n in range(0, len(x), 1000)]
    expected, expected_gradient = mean_loss(net, x, labels, loss, batch=1000, batches=whole)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-15)


def test_lines_of_the_layer_that_were_replaced_get_the_images_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    x, net = digits_and_net()
    monkeypatch.setattr(nnpg.Dense, "forward", lambda self, k, x: (np.dot(x, self.W.T) + self.b, x))
    assert {type(part) for part in batches_of(net, x, 1000)} == {np.ndarray}


def test_a_first_layer_of_the_users_own_gets_the_images_themselves() -> None:
    class OwnDense(nnpg.Dense):
        pass

    x, net = digits_and_net()
    own = OwnDense(net.layers["dense1"].W, net.layers["dense1"].b)
    subclassed = nnpg.Network({**net.layers, "dense1": own}, net.input_shape, net.backend)
    changed = net.intervene("input", nnpg.Clamp(0.0, 0.5))
    reference = digits_and_net(backend="numpy")[1]
    for other in (subclassed, changed, reference):
        assert {type(part) for part in batches_of(other, x, 1000)} == {np.ndarray}
    grey = x + 0.1
    assert {type(part) for part in batches_of(net, grey, 1000)} == {np.ndarray}
