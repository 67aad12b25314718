"""The compact model against the BFGS formula written out, and its step in a box against conditions of optimality."""

import numpy as np
import pytest
from scipy.optimize import minimize

from nnpg.attacks.least_distortion.curvature import Curvature, LinearConstraints, box_step, solve


def learned(N=4, n=8, h=3, pairs=5, seed=0, shift=0.0):
    """A memory after more pairs than it holds, and the pairs it should hold."""
    rng = np.random.default_rng(seed)
    R = rng.normal(size=(N, n, n))
    H = R @ R.swapaxes(1, 2) + 0.5 * np.eye(n)
    memory, held = Curvature.empty(np, N, n, h, np.float64), [[] for _ in range(N)]
    for p in range(pairs):
        s = rng.normal(size=(N, n)) * rng.lognormal(size=(N, 1))
        y = (H @ s[:, :, None])[:, :, 0] - shift * s
        mask = (np.arange(N) + p) % 3 > 0  # each problem leaves out some
        memory.store(np, s, y, (s * s).sum(axis=1), mask)
        for k in np.flatnonzero(mask):
            held[k] = [*held[k], (s[k], y[k] + shift * s[k])][-h:]
    return memory, held, rng


def bfgs(pairs, theta, n):
    """B by the formula, pair after pair (Nocedal & Wright 2006, Eq. 6.19)."""
    B = theta * np.eye(n)
    for s, y in pairs:
        Bs = B @ s
        B = B - np.outer(Bs, Bs) / (s @ Bs) + np.outer(y, y) / (y @ s)
    return B


@pytest.mark.parametrize("kappa", [0.0, 0.4])
def test_without_bounds_the_step_is_that_of_the_bfgs_matrix(kappa):
    """With known curvature left out of the pairs, and put back in, B is the same."""
    memory, held, rng = learned(shift=kappa)
    theta, g, wide = rng.uniform(0.5, 2, 4), rng.normal(size=(4, 8)), np.full((4, 8), np.inf)
    d, settled = box_step(np, memory, g, -wide, wide, np.full(4, kappa), theta)
    assert settled.all()
    for k in range(4):
        np.testing.assert_allclose(d[k], -np.linalg.solve(bfgs(held[k], theta[k], 8), g[k]), rtol=1e-8)


def test_in_a_box_the_step_is_the_minimum_of_the_model():
    """There its gradient is 0 for free variables and points outward for those at a bound.

    The active set need not settle where nearly every variable is at a bound; then `settled` must be False.
    """
    memory, held, rng = learned(N=40)
    theta, g = rng.uniform(0.5, 2, 40), rng.normal(size=(40, 8))
    lower, upper = -0.6 * rng.random((40, 8)), 0.6 * rng.random((40, 8))
    lower[:, 0] = upper[:, 1] = 0
    d, settled = box_step(np, memory, g, lower, upper, np.zeros(40), theta)
    assert settled.mean() > 0.7
    assert ((d >= lower) & (d <= upper)).all()
    at_bound = []
    for k in np.flatnonzero(settled):
        slope = g[k] + bfgs(held[k], theta[k], 8) @ d[k]
        np.testing.assert_allclose(np.clip(d[k] - slope, lower[k], upper[k]), d[k], atol=1e-10)
        at_bound.append(((d[k] == lower[k]) | (d[k] == upper[k])).mean())
    assert 0.2 < np.mean(at_bound) < 0.9


def test_constraints_hold_at_the_minimum_of_the_model():
    memory, held, rng = learned(N=12)
    theta, g = rng.uniform(0.5, 2, 12), 0.1 * rng.normal(size=(12, 8))
    J, b = rng.normal(size=(12, 2, 8)), rng.uniform(0.0, 0.4, (12, 2))
    lower, upper = -rng.uniform(0.2, 0.5, (12, 8)), rng.uniform(0.2, 0.5, (12, 8))
    d, settled = box_step(np, memory, g, lower, upper, np.zeros(12), theta, constraints=LinearConstraints(J, b))
    assert settled.mean() > 0.7
    for k in np.flatnonzero(settled):
        B = bfgs(held[k], theta[k], 8)

        def model(v, B=B, k=k):
            return g[k] @ v + v @ B @ v / 2

        def slack(v, k=k):
            return J[k] @ v - b[k]

        best = minimize(
            model, np.zeros(8), method="SLSQP", bounds=list(zip(lower[k], upper[k], strict=True)),
            constraints={"type": "ineq", "fun": slack}, options={"ftol": 1e-12, "maxiter": 500},
        )  # fmt: skip
        assert best.success
        assert slack(d[k]).min() > -1e-6
        np.testing.assert_allclose(model(d[k]), best.fun, atol=1e-6)


def test_pairs_without_curvature_are_not_used():
    """s'y < 0, until enough known curvature is added to make up for it."""
    memory = Curvature.empty(np, 1, 3, 2, np.float64)
    s = np.array([[1.0, 0.0, 0.0]])
    memory.store(np, s, -s, np.ones(1), np.array([True]))
    assert not memory.usable(np, np.zeros(1)).any()
    assert memory.usable(np, np.array([2.0])).tolist() == [[True, False]]


def test_a_singular_matrix_is_made_regular_without_a_change_of_the_other_problems():
    K, right = np.stack([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)]), np.ones((3, 2))
    q = solve(np, K, right)
    assert np.isfinite(q).all()
    np.testing.assert_array_equal(q[[0, 2]], [[1, 1], [0.5, 0.5]])
