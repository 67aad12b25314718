"""Quasi-Newton iteration on bounded quadratics: minima as low as SciPy's, and no problem depends on the others."""

import numpy as np
import pytest
from scipy.optimize import minimize

from nnpg.attacks.least_distortion.quasi_newton import QuasiNewton
from nnpg.attacks.least_distortion.rows import Rows, take


def quadratics(N, n, condition, seed=0):
    """x'Hx/2 + b'x with H's eigenvalues from 1 to `condition`, and boxes that hold some of the minima."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(N, n, n)))[0]
    eigenvalues = np.exp(rng.uniform(0, np.log(condition), (N, n)))
    H = (Q * eigenvalues[:, None, :]) @ Q.swapaxes(1, 2)
    return H, rng.normal(size=(N, n)) * np.sqrt(condition), -rng.random((N, n)), rng.random((N, n))


def value_and_gradient(H, b, x):
    Hx = (H @ x[:, :, None])[:, :, 0]
    return (x * (Hx / 2 + b)).sum(axis=1), Hx + b


def minimised(H, b, lower, upper, kappa=0.0, most=1000):
    """Points (N, n), values and evaluations of each; curvature `kappa` is declared known and kept out of the pairs."""
    N, n = b.shape
    newton, known, index = QuasiNewton.start(np, N, n, 10, np.float64), np.full(N, kappa), np.arange(N)
    x, evaluations = np.zeros((N, n)), np.ones(N, int)
    f, g = value_and_gradient(H, b, x)
    minima, small = (x.copy(), f.copy(), evaluations), 1e-5 * abs(g).max(axis=1)
    for _ in range(most):
        projected = np.clip(x - g, lower[index], upper[index]) - x
        going = np.flatnonzero((abs(projected).max(axis=1) > small[index]) & (newton.rejected < 20))
        newton, x, f, g, known, index = (
            take(newton, Rows(going, going)),
            x[going],
            f[going],
            g[going],
            known[going],
            index[going],
        )
        if len(index) == 0:
            return minima
        d, slope = newton.step(np, g, lower[index] - x, upper[index] - x, known)
        there = np.clip(x + d, lower[index], upper[index])
        f_there, g_there = value_and_gradient(H[index], b[index], there)
        y = g_there - g - kappa * (there - x)
        accepted = newton.update(np, there - x, y, f, f_there, slope, 1e-14 * abs(f), known)
        f = np.where(accepted, f_there, f)
        x[accepted], g[accepted] = there[accepted], g_there[accepted]
        evaluations[index] += 1
        minima[0][index], minima[1][index] = x, f
    raise AssertionError("it ends")


@pytest.mark.parametrize("condition", [10, 1e3, 1e5])
@pytest.mark.parametrize("kappa", [0.0, 0.5])
def test_minima_are_as_low_as_those_of_scipy_and_cost_no_more(condition, kappa):
    H, b, lower, upper = quadratics(12, 40, condition)
    x, f, evaluations = minimised(H, b, lower, upper, kappa)
    passes = []
    for n in range(12):

        def alone(v, n=n):
            values, gradients = value_and_gradient(H[n : n + 1], b[n : n + 1], v[None])
            return values[0], gradients[0]

        bounds = list(zip(lower[n], upper[n], strict=True))
        best = minimize(alone, np.zeros(40), jac=True, method="L-BFGS-B", bounds=bounds)
        assert f[n] <= best.fun + 1e-4 * abs(best.fun)
        passes.append(best.nfev)
    assert evaluations.mean() < 1.3 * np.mean(passes)
    assert ((x >= lower) & (x <= upper)).all()
    assert ((x == lower) | (x == upper)).mean() > 0.2, "the bounds take part"


def test_a_problem_takes_the_same_steps_alone_and_in_a_batch():
    H, b, lower, upper = quadratics(8, 15, 1e3)
    together, *_ = minimised(H, b, lower, upper)
    for n in ([3], [7, 2], [6, 0, 5, 1]):
        alone, *_ = minimised(H[n], b[n], lower[n], upper[n])
        np.testing.assert_array_equal(alone, together[n])


def test_steps_lead_downhill_along_the_gradient_of_each_problem():
    H, b, lower, upper = quadratics(8, 15, 1e3)
    newton, x = QuasiNewton.start(np, 8, 15, 3, np.float64), np.zeros((8, 15))
    _, g = value_and_gradient(H, b, x)
    d, slope = newton.step(np, g, lower - x, upper - x, np.zeros(8))
    np.testing.assert_allclose(slope, (g * d).sum(axis=1))
    assert (slope < 0).all()


def test_a_step_that_raises_the_value_is_rejected_and_the_next_one_is_shorter():
    """From the second rejection on, damping is added to the model."""
    H, b = np.eye(4)[None], np.ones((1, 4))
    newton, x = QuasiNewton.start(np, 1, 4, 3, np.float64), np.zeros((1, 4))
    _, g = value_and_gradient(H, b, x)
    wide, known, lengths = np.full((1, 4), 100.0), np.zeros(1), []
    for _ in range(4):
        d, slope = newton.step(np, g, -wide, wide, known)
        lengths.append(np.linalg.norm(d))
        assert not newton.update(np, d, H[0] @ d[0] * np.ones((1, 1)), np.zeros(1), np.ones(1), slope, known, known)[0]
    assert lengths[-1] < lengths[1]
    assert newton.rejected.tolist() == [4]
