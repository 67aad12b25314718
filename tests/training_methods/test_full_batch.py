"""The mean loss over all images: the same bits on any number of threads, and an error in one of them is told."""

from __future__ import annotations

import numpy as np
import pytest

import nnpg
from nnpg.losses import loss_for
from nnpg.training_methods.full_batch import mean_loss
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
