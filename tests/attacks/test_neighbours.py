"""The nearest image: the answer of the plain search."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnpg.attacks import nearest_images


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


def test_the_size_of_the_blocks_does_not_change_the_answer(monkeypatch):
    rng = np.random.default_rng(0)
    q, r = rng.random((50, 3, 4, 4)), rng.random((90, 3, 4, 4))
    whole = nearest_images(q, r)
    monkeypatch.setattr("nnpg.attacks.neighbours.QUERIES", 7)
    monkeypatch.setattr("nnpg.attacks.neighbours.REFERENCES", 11)
    assert all((a == b).all() for a, b in zip(nearest_images(q, r), whole, strict=True))


def test_bad_images_are_refused():
    with pytest.raises(ValueError, match="of one shape"):
        nearest_images(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="NaN"):
        nearest_images(np.full((2, 3), np.nan), np.zeros((2, 3)))
