"""Which points a line separates."""

import numpy as np
import pytest

from nnpg.analysis.separability import linearly_separable

SQUARE = np.array([[0.0, 0], [0, 1], [1, 1], [1, 0]])


def test_a_line_separates_all_but_xor_which_two_step_units_make_separable():
    for kinds in range(16):
        kind = np.array([bool(kinds >> n & 1) for n in range(4)])
        opposite = kind[0] == kind[2] and kind[1] == kind[3] and kind[0] != kind[1]  # XOR and its complement
        assert linearly_separable(SQUARE, kind) == (not opposite)
    hidden = np.stack([SQUARE.sum(axis=1) > 0.5, SQUARE.sum(axis=1) > 1.5], axis=1)  # at least one, both
    assert linearly_separable(hidden, [False, True, False, True])
    with pytest.raises(ValueError, match="kind must be 4 of True and False, one for each of the points, not"):
        linearly_separable(SQUARE, [True])
