"""The search for the largest c that succeeds, on margins that are known functions of c."""

import numpy as np
import pytest

from nnpg.attacks.least_distortion.brackets import Brackets


def search(margin, size, first, tolerance=0.01, most=60):
    """Run N searches on functions of c; return the largest successes and how many c were tried."""
    state, left, tried = Brackets.start(np, first, first), np.ones(len(first), bool), 0
    while left.any() and tried < most:
        m, s = margin(state.c), size(state.c)
        done = state.converged(np, m > 0, s, tolerance) & left
        lost = state.update(np, left, m > 0, m, s, left)
        left, tried = left & ~done & ~lost, tried + 1
    assert not left.any(), "it ends"
    return state, tried


@pytest.mark.parametrize("steepness", [0.2, 1.0, 10.0])
@pytest.mark.parametrize("jump", [0.0, 5.0])
def test_it_finds_where_success_ends(steepness, jump):
    """Margins that fall with log c, smoothly or with a jump at the end; begun far above, near and far below."""
    last = np.exp(np.linspace(-6, 6, 25))
    first = last * np.exp(np.tile([5.0, -5.0, 1.0, -0.3, 0.01], 5))

    def margin(c):
        m = steepness * np.log(last / c)
        return np.where(m > 0, m + jump, m - jump)

    state, tried = search(margin, lambda c: 1 / c, first)
    assert (state.c_low <= last).all()
    assert (state.c_low >= last / 1.011).all()
    assert (state.c_high > last * (1 - 1e-9)).all()
    assert tried < 25


def test_a_search_does_not_depend_on_the_others():
    last = np.array([0.1, 3.0, 700.0])

    def alone(n):
        return search(lambda c: np.log(last[n] / c), lambda c: c**-0.5, np.ones(1))[0].c_low[0]

    together = search(lambda c: np.log(last / c), lambda c: c**-0.5, np.ones(3))[0].c_low
    assert together.tolist() == [alone(n) for n in range(3)]


def test_it_ends_where_no_c_succeeds_or_none_fails():
    for sign in (-1.0, 1.0):
        state, tried = search(lambda c, sign=sign: np.full(2, sign), lambda c: c, np.array([1.0, 50.0]))
        assert tried < 20
        assert (state.c_low == 0).all() if sign < 0 else np.isinf(state.c_high).all()
