"""One mask for all images, learned from their gradients."""

import numpy as np
import pytest
from attack_nets import digits, sigmoid_net

from nnpg import predict
from nnpg.attacks import apply_masks, gradient_masks, learn_class_mask


@pytest.fixture(scope="module")
def net():
    return sigmoid_net()


def test_one_step_of_learning_is_the_mean_gradient_of_the_batch(net):
    x, _ = digits(6)
    mask = learn_class_mask(net, x, 2, epochs=1, batch=6, lr=0.5, rng=0)
    y = predict(net, x)[:, 2]
    expected = 0.5 * (gradient_masks(net, x, np.full((6, 1), 2))[:, 0] / y[:, None]).mean(axis=0)  # dlog y / dx
    np.testing.assert_allclose(mask.W, expected, rtol=1e-4, atol=1e-7)
    assert mask.losses[0] == pytest.approx(-np.log(y).mean(), rel=1e-5)


def test_a_learned_mask_changes_the_class_of_images_and_not_the_network(net):
    x, t = digits(60)
    before = net.layers["dense1"].W.copy()
    mask = learn_class_mask(net, x, 4, epochs=30, batch=20, lr=0.3, rng=0)
    assert (before == net.layers["dense1"].W).all()
    others = x[t != 4]
    turned = predict(net, apply_masks(others, np.broadcast_to(mask.W, others.shape), 1.0)).argmax(axis=1) == 4
    assert turned.mean() > 0.9
    assert (predict(net, others).argmax(axis=1) == 4).mean() < 0.1
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
def test_bad_settings_are_refused(net, change, words):
    settings = {"epochs": 1, "lr": 0.1, "target": 0, "x": 0.5} | change
    x = np.full((2, 60), settings.pop("x"))
    with pytest.raises(ValueError, match=words):
        learn_class_mask(net, x, settings.pop("target"), rng=0, **settings)


def test_masks_on_the_way_are_kept_and_learning_goes_on_from_a_checkpoint(net, tmp_path):
    x, _ = digits(50)
    settings = {"lr": 0.3, "batch": 20, "keep": [1, 3, 4, 7]}  # 3 steps in each epoch
    whole = learn_class_mask(net, x, 4, epochs=2, rng=0, **settings)
    assert list(whole.kept) == [1, 3, 4]
    one = learn_class_mask(net, x, 4, epochs=1, rng=0, lr=0.3, batch=20)
    assert (whole.kept[3] == one.W).all()
    assert one.kept == {}
    file = tmp_path / "mask.safetensors"
    learn_class_mask(net, x, 4, epochs=1, rng=0, **settings, checkpoint=file)
    with pytest.raises(FileExistsError):
        learn_class_mask(net, x, 4, epochs=2, rng=0, **settings, checkpoint=file)
    again = learn_class_mask(net, x, 4, epochs=2, rng=0, **settings, checkpoint=file, resume=True)
    assert (again.W == whole.W).all()
    assert (again.losses == whole.losses).all()
    assert {step: mask.tobytes() for step, mask in again.kept.items()} == {
        step: mask.tobytes() for step, mask in whole.kept.items()
    }
    with pytest.raises(ValueError, match="holds 2 epochs, and 1 are asked for"):
        learn_class_mask(net, x, 4, epochs=1, rng=0, **settings, checkpoint=file, resume=True)
    with pytest.raises(ValueError, match="another run: its settings"):
        learn_class_mask(net, x, 3, epochs=2, rng=0, **settings, checkpoint=file, resume=True)
