"""Which images excite a direction most, how alike they are, and whether chance would make them so."""

import numpy as np
import pytest

import nnpg
from nnpg.analysis.directions import above_chance, between_groups, features, purity, random_directions, strongest_images


def test_features_are_the_named_output_whatever_the_batch():
    net = nnpg.build([nnpg.conv(3, 3), nnpg.ReLU(), nnpg.Flatten(), nnpg.dense(2)], input_shape=(1, 6, 6), rng=0)
    x = np.random.default_rng(0).random((7, 1, 6, 6)).astype("float32")
    phi = features(net, x, layer="relu1", batch=3)
    np.testing.assert_allclose(phi, net.forward(x)["relu1"].reshape(7, -1), rtol=1e-5, atol=1e-7)


def test_random_directions_are_a_basis_and_prefer_no_side():
    v = random_directions(40, 40, rng=1)
    np.testing.assert_allclose(v @ v.T, np.eye(40), atol=1e-12)
    many = np.concatenate([random_directions(3, 3, rng=seed) for seed in range(400)])
    assert abs(many.mean(axis=0)).max() < 4 * np.sqrt(1 / 3 / 1200)
    more = random_directions(3, 10, rng=1)
    np.testing.assert_allclose(np.linalg.norm(more, axis=1), 1)


def test_the_strongest_images_of_a_sum_of_units():
    phi = np.array([[5.0, 0], [0, 5], [3, 3], [4, 0]])
    assert strongest_images(phi, [[1, 0], [0, 1], [1, 1], [-1, 0]], n=2).tolist() == [[0, 3], [1, 2], [2, 0], [1, 2]]
    with pytest.raises(ValueError, match="n must be a whole number from 1 to 4, not 5"):
        strongest_images(phi, np.eye(2), n=5)


def test_purity_of_known_rows():
    labels = np.array([0, 0, 0, 1, 2, 1])
    assert purity(labels, np.array([[0, 1, 2], [3, 5, 4], [0, 3, 4]])) == pytest.approx([1, 2 / 3, 1 / 3])


def test_p_values_are_uniform_for_random_labels_and_small_for_real_differences():
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=80)
    rows = rng.integers(80, size=(6, 5))
    chance = [above_chance(rng.permutation(labels), rows, permutations=39, rng=i).p for i in range(120)]
    assert 0.01 <= np.mean(np.array(chance) <= 0.1) <= 0.2
    groups = [between_groups(rng.random(12), rng.random(9), permutations=39, rng=i).p for i in range(200)]
    assert 0.04 <= np.mean(np.array(groups) <= 0.1) <= 0.17
    pure = np.argsort(labels)[:8][None]
    tested = above_chance(labels, pure, permutations=99, rng=0)
    assert tested.p == 0.01
    assert tested.difference > 0.3
    apart = between_groups(rng.random(20) + 0.8, rng.random(20), permutations=99, rng=0)
    assert apart.p == 0.01
    assert apart.difference == pytest.approx(0.8, abs=0.3)
    assert between_groups([1.0, 1.0], [1.0, 1.0], permutations=9, rng=0) == (0, 1)
