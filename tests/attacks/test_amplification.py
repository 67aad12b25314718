"""Changes scaled to a distortion, in the same direction."""

import numpy as np
import pytest

from nnpg.attacks import amplify


def test_every_change_has_the_given_distortion_and_the_same_direction():
    rng = np.random.default_rng(0)
    x = rng.random((5, 1, 4, 4)).astype("float32")
    adversarial = (x + rng.normal(size=x.shape) * np.array([1e-3, 0.1, 1, 10, 0]).reshape(5, 1, 1, 1)).astype("float32")
    larger = amplify(x, adversarial, 0.1)
    r, change = (larger - x).reshape(5, -1), (adversarial - x).reshape(5, -1)
    np.testing.assert_allclose(np.sqrt((r[:4] ** 2).mean(axis=1)), 0.1, rtol=1e-4)
    cosine = (r * change)[:4].sum(axis=1) / np.linalg.norm(r[:4], axis=1) / np.linalg.norm(change[:4], axis=1)
    np.testing.assert_allclose(cosine, 1, rtol=1e-4)
    assert (larger[4] == x[4]).all(), "an image without a change stays the same"
    assert larger.dtype == x.dtype


def test_as_printed_a_digit_would_change_by_a_28th_of_the_stated_deviation():
    """Szegedy 4.2: x + 0.1 (x' - x) / |x' - x|_2 and "stddev 0.1". With the L2 norm of 784 pixels it is 0.1 / 28."""
    rng = np.random.default_rng(0)
    x = rng.random((3, 784))
    r = rng.normal(size=x.shape)
    printed = 0.1 * r / np.linalg.norm(r, axis=1, keepdims=True)
    np.testing.assert_allclose(np.sqrt((printed**2).mean(axis=1)), 0.1 / 28, rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(((amplify(x, x + r, 0.1) - x) ** 2).mean(axis=1)), 0.1, rtol=1e-12)


def test_shapes_must_agree():
    with pytest.raises(
        ValueError, match=r"x and adversarial must be images of one shape \(N, ...\), not \(2, 3\) and \(2, 4\)"
    ):
        amplify(np.zeros((2, 3)), np.zeros((2, 4)), 0.1)


def test_each_image_may_have_a_distortion_of_its_own():
    x, adversarial = np.zeros((3, 4)), np.ones((3, 4))
    np.testing.assert_array_equal(amplify(x, adversarial, [0.1, 0, 2]), np.array([[0.1], [0], [2]]) * adversarial)


@pytest.mark.parametrize("distortion", [-0.1, True, [0.1, 0.2], [[0.1] * 3], [0.1, 0.2, -1]])
def test_a_distortion_is_one_number_or_one_for_each_image(distortion):
    with pytest.raises(ValueError, match="distortion must be a number of at least 0, or one for each of 3 images, not"):
        amplify(np.zeros((3, 4)), np.ones((3, 4)), distortion)
