"""What several rankings have in common."""

import numpy as np
import pytest

from nnpg import FilterScores
from nnpg.rankings import shared_strongest


def test_shared_strongest_is_the_mean_over_pairs_of_rows():
    matrix = np.array([[4.0, 3.0, 2.0, 1.0], [4.0, 1.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
    scores = FilterScores({"pool1": matrix[:, :2], "pool2": matrix[:, 2:]}, ("a", "b", "c"), "frobenius", "prob")
    assert shared_strongest(scores, rows=[0, 1], n=2) == 0.5
    assert shared_strongest(scores, rows=[0, 1, 2], n=2) == pytest.approx((0.5 + 0 + 0.5) / 3)
    assert shared_strongest(scores, rows=[0, 0], n=3) == 1
    with pytest.raises(ValueError, match="at least 2"):
        shared_strongest(scores, rows=[0], n=2)
