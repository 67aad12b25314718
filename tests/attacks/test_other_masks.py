"""Masks that are learned, attacks that take steps, and the nearest image: each against its plain meaning."""

import numpy as np
import pytest
from attack_nets import digits, exact_distortion, sigmoid_net, softmax_net
from hypothesis import given, settings
from hypothesis import strategies as st

from nnpg import predict
from nnpg.attacks import (
    MaskOutcome,
    apply_masks,
    fast_gradient_sign,
    gradient_masks,
    learn_class_mask,
    linear,
    mask_sweep,
    nearest_images,
    noise_like,
    projected_gradient,
    to_unit,
)


@pytest.fixture(scope="module")
def net():
    return sigmoid_net()


# One mask for all images


def test_one_step_of_learning_is_the_mean_gradient_of_the_batch(net):
    x, _ = digits(6)
    mask = learn_class_mask(net, x, 2, epochs=1, batch=6, lr=0.5, rng=0)
    y = predict(net, x)[:, 2]
    expected = 0.5 * (gradient_masks(net, x, np.full((6, 1), 2))[:, 0] / y[:, None]).mean(axis=0)  # dlog y / dx
    np.testing.assert_allclose(mask.W, expected, rtol=1e-4, atol=1e-7)
    assert mask.losses[0] == pytest.approx(-np.log(y).mean(), rel=1e-5)


def test_a_learned_mask_turns_images_and_leaves_the_network_alone(net):
    x, t = digits(60)
    before = net.layers["dense1"].W.copy()
    mask = learn_class_mask(net, x, 4, epochs=30, batch=20, lr=0.3, rng=0)
    assert (before == net.layers["dense1"].W).all()
    some = x[t != 4]
    turned = predict(net, apply_masks(some, np.broadcast_to(mask.W, some.shape), 1.0)).argmax(axis=1) == 4
    assert turned.mean() > 0.9
    assert (predict(net, some).argmax(axis=1) == 4).mean() < 0.1
    assert mask.losses[-1] < 0.5 * mask.losses[0]
    again = learn_class_mask(net, x, 4, epochs=30, batch=20, lr=0.3, rng=0)
    assert (again.W == mask.W).all()
    assert not (learn_class_mask(net, x, 4, epochs=30, batch=20, lr=0.3, rng=1).W == mask.W).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": 6}, "0 .. 5"),
        ({"epochs": 0}, "at least 1"),
        ({"lr": 0.0}, "lr must be a finite number above 0, not 0"),
        ({"x": 3.0}, "box 0 .. 1"),
    ],
)
def test_a_mask_that_cannot_be_learned(net, change, words):
    settings = {"epochs": 1, "lr": 0.1, "target": 0, "x": 0.5} | change
    x = np.full((2, 60), settings.pop("x"))
    with pytest.raises(ValueError, match=words):
        learn_class_mask(net, x, settings.pop("target"), rng=0, **settings)


# Steps within a distance


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


def test_more_steps_reach_at_least_as_far_and_noise_hardly_anywhere(net):
    """The order of attacks at one distortion, which LD-11 reports for a larger network."""
    x, t = digits(60)
    level = 0.24
    many = projected_gradient(net, x, t, "all", level, steps=20)
    one = mask_sweep(net, x, t, "all", [0, level], masks=to_unit(linear(net)), clip=True)
    noise = mask_sweep(net, x, t, "all", [0, level], masks=to_unit(noise_like(linear(net), 0)), clip=True)
    reached = (many.predicted == many.targets).mean()
    assert reached > one.target_success(1).value > noise.target_success(1).value + 0.1


def test_steps_find_the_boundary_of_a_softmax_layer():
    """Where least changes are known exactly, twice as much is enough, and half is not."""
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
def test_steps_that_cannot_be_taken(net, change, words):
    x, t = digits(2)
    settings = {"epsilon": 0.1} | change
    with pytest.raises(ValueError, match=words):
        projected_gradient(net, x, t, "all", settings.pop("epsilon"), **settings)


# The nearest image


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 40), st.integers(1, 300), st.floats(0, 1e4))
def test_the_nearest_image_is_that_of_the_plain_search(seed, Q, R, far):
    rng = np.random.default_rng(seed)
    r = (far + rng.integers(0, 3, (R, 5))).astype("float32")  # with many ties, and far from 0
    q = (far + rng.integers(0, 3, (Q, 5)) + rng.random((Q, 5)) / 8).astype("float32")
    plain = ((q[:, None].astype("f8") - r) ** 2).sum(axis=-1)
    index, distance = nearest_images(q, r)
    assert index.tolist() == plain.argmin(axis=1).tolist()
    np.testing.assert_allclose(distance, np.sqrt(plain.min(axis=1)))


def test_blocks_do_not_matter(monkeypatch):
    rng = np.random.default_rng(0)
    q, r = rng.random((50, 3, 4, 4)), rng.random((90, 3, 4, 4))
    whole = nearest_images(q, r)
    monkeypatch.setattr("nnpg.attacks.neighbours.QUERIES", 7)
    monkeypatch.setattr("nnpg.attacks.neighbours.REFERENCES", 11)
    assert all((a == b).all() for a, b in zip(nearest_images(q, r), whole, strict=True))


def test_images_of_another_shape_have_no_neighbour():
    with pytest.raises(ValueError, match="of one shape"):
        nearest_images(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="NaN"):
        nearest_images(np.full((2, 3), np.nan), np.zeros((2, 3)))
