"""The named architectures: the papers' counts, the mean that they subtract, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from nnpg.recipes.models import MODELS, cifar_net, digit_net, face_net, model_for


def test_face_net_has_the_papers_shapes() -> None:
    net = face_net(np.zeros((1, 1, 60, 60)), 15, rng=0)
    trace = net.forward(np.zeros((1, 1, 60, 60)))
    assert [trace[f"pool{n}"].shape[1:] for n in (1, 2, 3)] == [(5, 28, 28), (8, 12, 12), (10, 4, 4)]
    assert net.n_parameters == 6683


def test_digit_net_flattens_to_256() -> None:
    assert digit_net(np.zeros((1, 1, 28, 28))).forward(np.zeros((1, 1, 28, 28)))["flatten1"].shape == (1, 256)


@pytest.mark.parametrize("make", MODELS.values())
def test_the_training_mean_is_subtracted(make) -> None:
    x = np.random.default_rng(0).random((4, 3, 40, 40))
    net = make(x, 3, dtype="float64", rng=0)
    assert abs(net.forward(x)["center1"].mean(axis=(0, 2, 3)).mean()) < 1e-12


def test_cifar_net_subtracts_each_channels_mean() -> None:
    x = np.random.default_rng(0).random((4, 3, 8, 8)) * np.array([1, 2, 3])[:, None, None]
    assert abs(cifar_net(x, 3, dtype="float64", rng=0).forward(x)["center1"].mean(axis=(0, 2, 3))).max() < 1e-12


@pytest.mark.parametrize("make", MODELS.values())
def test_the_same_seed_gives_the_same_weights_in_the_asked_type(make) -> None:
    x = np.random.default_rng(0).random((2, 1, 40, 40))
    a, b, other = (make(x, 3, dtype="float64", rng=seed) for seed in (7, 7, 8))
    assert a.dtype == np.float64
    assert np.array_equal(a.layers["conv1"].W, b.layers["conv1"].W)
    assert not np.array_equal(a.layers["conv1"].W, other.layers["conv1"].W)


@pytest.mark.parametrize("image_shape", [(1, 60, 60), (3, 36, 36), (1, 28, 28), (3, 32, 32), (1, 12, 12), (1, 35, 90)])
def test_the_model_chosen_for_a_size_takes_it(image_shape) -> None:
    x = np.zeros((1, *image_shape))
    assert MODELS[model_for(image_shape)](x, 4).forward(x).y.shape == (1, 4)


def test_images_that_do_not_fit_are_refused_with_a_message() -> None:
    with pytest.raises(ValueError, match=r"images \(N, C, H, W\)"):
        face_net(np.zeros((60, 60)))
    with pytest.raises(ValueError, match="cannot take an input"):
        face_net(np.zeros((1, 1, 20, 20)))
