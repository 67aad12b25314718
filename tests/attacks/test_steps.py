"""Gradient steps within a distance: in the ball and in the box, and as far as they must be to succeed."""

import numpy as np
import pytest
from attack_nets import digits, exact_distortion, sigmoid_net, softmax_net

from nnpg import predict
from nnpg.attacks import (
    MaskOutcome,
    fast_gradient_sign,
    gradient_masks,
    linear,
    mask_sweep,
    noise_like,
    projected_gradient,
    to_unit,
)


@pytest.fixture(scope="module")
def net():
    return sigmoid_net()


@pytest.mark.parametrize("norm", ["rms", "max"])
def test_steps_stay_in_the_ball_and_in_the_box(net, norm):
    x, t = digits(12)
    done = projected_gradient(net, x, t, "all", 0.05, norm=norm, steps=7)
    r = done.adversarial - x[:, None]
    size = np.sqrt((r.astype("f8") ** 2).mean(axis=-1)) if norm == "rms" else abs(r).max(axis=-1)
    assert size.max() <= 0.05 * (1 + 1e-5)
    assert done.adversarial.min() >= 0
    assert done.adversarial.max() <= 1
    assert np.median(size) > 0.03
    y = predict(net, done.adversarial.reshape(-1, 60)).reshape(12, 5, -1)
    assert (done.predicted == y.argmax(axis=-1)).all()
    assert done.confidence == pytest.approx(np.take_along_axis(y, done.targets[..., None], -1)[..., 0], rel=1e-4)
    assert ((done.outcome == MaskOutcome.MASKED) == (done.predicted == done.targets)).all()  # none was before


def test_one_signed_step_by_hand(net):
    x, t = digits(5)
    targets = (t + 2) % 6
    done = fast_gradient_sign(net, x, t, targets, 0.03)
    g = gradient_masks(net, x, targets[:, None], of="logprob")[:, 0]
    np.testing.assert_allclose(done.adversarial[:, 0], (x + 0.03 * np.sign(g)).clip(0, 1), atol=1e-7)


def test_many_steps_succeed_more_often_than_one_and_noise_hardly_ever(net):
    """The order of attacks at one distortion, which LD-11 reports for a larger network."""
    x, t = digits(60)
    level = 0.24
    many = projected_gradient(net, x, t, "all", level, steps=20)
    one = mask_sweep(net, x, t, "all", [0, level], masks=to_unit(linear(net)), clip=True)
    noise = mask_sweep(net, x, t, "all", [0, level], masks=to_unit(noise_like(linear(net), 0)), clip=True)
    reached = (many.predicted == many.targets).mean()
    assert reached > one.target_success(1).value > noise.target_success(1).value + 0.1


def test_steps_reach_the_boundary_of_a_softmax_layer():
    """1.1 times the exact least distortion is enough, and 0.9 times is not."""
    net, (x, t) = softmax_net(1e-2), digits(12)
    targets = (t + 1) % 6
    least = exact_distortion(net, x, targets)
    for factor, all_or_none in ((1.1, True), (0.9, False)):
        for n in range(6):
            done = projected_gradient(net, x[n : n + 1], t[n : n + 1], int(targets[n]), factor * least[n], steps=60)
            assert (done.predicted[0, 0] == targets[n]) == all_or_none


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epsilon": 0.0}, "epsilon must be a finite number above 0, not 0"),
        ({"steps": 0}, "steps must be a whole number of at least 1, not 0"),
        ({"norm": "l7"}, "norm must be 'rms' or 'max', not 'l7'"),
        ({"step": -1.0}, "step must be a finite number above 0, not -1"),
    ],
)
def test_bad_settings_are_refused(net, change, words):
    x, t = digits(2)
    settings = {"epsilon": 0.1} | change
    with pytest.raises(ValueError, match=words):
        projected_gradient(net, x, t, "all", settings.pop("epsilon"), **settings)
