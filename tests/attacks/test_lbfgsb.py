"""Many bounded minimisations at once: as good as SciPy's L-BFGS-B on each, and each as if it were alone."""

import numpy as np
import pytest
from scipy.optimize import minimize

import nnpg
from nnpg.attacks import Status, minimize_lbfgsb_batched
from nnpg.losses import softmax_cross_entropy


def quadratics(N, n, condition, seed=0):
    """x'Hx/2 + b'x with H's eigenvalues from 1 to `condition`, and boxes that hold some of the minima."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(N, n, n)))[0]
    eigenvalues = np.exp(rng.uniform(0, np.log(condition), (N, n)))
    H = (Q * eigenvalues[:, None, :]) @ Q.swapaxes(1, 2)
    b = rng.normal(size=(N, n)) * np.sqrt(condition)
    lower, upper = -rng.random((N, n)), rng.random((N, n))

    def fun(x, which):
        Hx = (H[which] @ x[:, :, None])[:, :, 0]
        return (x * (Hx / 2 + b[which])).sum(axis=1), Hx + b[which]

    return fun, lower, upper


def one_by_one(fun, x0, lower, upper, **options):
    """SciPy's answers, problem by problem."""
    answers = []
    for n in range(len(x0)):

        def alone(v, n=n):
            f, g = fun(v[None], np.array([n]))
            return f[0], g[0]

        bounds = list(zip(lower[n], upper[n], strict=True))
        answers.append(minimize(alone, x0[n], jac=True, method="L-BFGS-B", bounds=bounds, options=options))
    return np.array([a.fun for a in answers]), np.array([a.nfev for a in answers])


@pytest.mark.parametrize("condition", [10, 1e3, 1e5])
def test_no_worse_than_scipy_on_bounded_quadratics(condition):
    fun, lower, upper = quadratics(30, 40, condition)
    x0 = np.zeros((30, 40))
    found = minimize_lbfgsb_batched(fun, x0, (lower, upper))
    best, evaluations = one_by_one(fun, x0, lower, upper)
    assert found.success.all()
    assert ((found.fun - best) <= 1e-4 * abs(best)).all()
    assert found.evaluations.mean() < 1.2 * evaluations.mean()
    assert ((found.x == lower) | (found.x == upper)).mean() > 0.2, "the bounds take part"


def sigmoid_nets(N, seed=0):
    """c |x - x0|^2 + cross-entropy of a sigmoid network, for N images and targets."""
    net = nnpg.build(
        [nnpg.dense(30), nnpg.Sigmoid(), nnpg.dense(20), nnpg.Sigmoid(), nnpg.dense(5), nnpg.Softmax()],
        input_shape=(60,), rng=seed, dtype="float64",
    )  # fmt: skip
    wider = {n: {p: 3 * w for p, w in own.items()} for n, own in net.parameters.items()}  # far from linear
    net, loss, rng = net.with_parameters(wider), softmax_cross_entropy(net), np.random.default_rng(seed)
    x0, c = rng.random((N, 60)), np.exp(rng.uniform(np.log(0.01), np.log(3), N))
    t = (net.predict(x0).argmax(axis=1) + rng.integers(1, 5, N)) % 5

    def fun(x, which):
        trace = net.forward(x, upto=loss.at)
        g = net.backward(trace, loss.seed(net.backend, trace.y, t[which]))["input"]
        r = x - x0[which]
        value = loss.value(net.backend, trace.y, t[which])
        return c[which] * (r * r).sum(axis=1) + value, 2 * c[which, None] * r + g

    return fun, x0


@pytest.mark.parametrize("seed", [0, 1])
def test_no_worse_than_scipy_on_sigmoid_networks(seed):
    """These may have more than one local minimum; where SciPy finds a lower one, ours must be one too."""
    fun, x0 = sigmoid_nets(60, seed)
    lower, upper = np.zeros_like(x0), np.ones_like(x0)
    found = minimize_lbfgsb_batched(fun, x0, (0, 1))
    best, evaluations = one_by_one(fun, x0, lower, upper)
    assert found.success.all()
    worse = found.fun - best > 1e-4 * abs(best)
    assert worse.sum() <= 1
    assert found.fun.mean() <= best.mean() * (1 + 2e-4)
    again, _ = one_by_one(fun, found.x, lower, upper)
    assert (found.fun - again <= 1e-4 * abs(again)).all()
    assert found.evaluations.mean() < 1.1 * evaluations.mean()


def test_a_problem_is_solved_as_if_it_were_alone():
    fun, lower, upper = quadratics(12, 15, 1e3)
    x0 = np.random.default_rng(1).uniform(lower, upper)
    together = minimize_lbfgsb_batched(fun, x0, (lower, upper), history=4)
    for some in ([3], [7, 2], [11, 0, 5, 6, 1]):

        def of_these(x, which, some=some):
            return fun(x, np.array(some)[which])

        found = minimize_lbfgsb_batched(of_these, x0[some], (lower[some], upper[some]), history=4)
        np.testing.assert_array_equal(found.x, together.x[some])
        np.testing.assert_array_equal(found.status, together.status[some])
        np.testing.assert_array_equal(found.evaluations, together.evaluations[some])


def test_what_is_finished_is_not_evaluated_again():
    fun, lower, upper = quadratics(10, 20, 1e4)
    calls = np.zeros(10, int)

    def counted(x, which):
        calls[which] += 1
        assert len(set(which.tolist())) == len(which) == len(x)
        return fun(x, which)

    found = minimize_lbfgsb_batched(counted, np.zeros((10, 20)), (lower, upper))
    np.testing.assert_array_equal(calls, found.evaluations)
    assert calls.max() > 1.3 * calls.min(), "problems of different length"


def test_rosenbrock_without_bounds():
    def fun(x, which):
        a, b = x[:, ::2], x[:, 1::2]
        t = b - a * a
        g = np.empty_like(x)
        g[:, ::2], g[:, 1::2] = -400 * a * t - 2 * (1 - a), 200 * t
        return (100 * t * t + (1 - a) ** 2).sum(axis=1), g

    x0 = np.array([[-1.2, 1.0, -1.2, 1.0], [3.0, -2.0, 0.0, 5.0]])
    found = minimize_lbfgsb_batched(fun, x0, gtol=1e-8, ftol=0)
    np.testing.assert_allclose(found.x, 1, atol=1e-7)
    assert (found.status == Status.CONVERGED).all()


def test_points_lie_inside_the_bounds_exactly_and_the_gradient_is_that_of_the_point():
    fun, lower, upper = quadratics(8, 12, 100)
    lower, upper = lower.astype(np.float32), upper.astype(np.float32)
    seen = []

    def watched(x, which):
        seen.append(bool(((x >= lower[which]) & (x <= upper[which])).all()))
        f, g = fun(x, which)
        return f.astype(np.float32), g.astype(np.float32)

    found = minimize_lbfgsb_batched(watched, 5 * np.ones((8, 12), np.float32), (lower, upper))
    assert all(seen)
    assert found.x.dtype == np.float32
    f, g = fun(found.x, np.arange(8))
    np.testing.assert_allclose(found.gradient, g, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.fun, f, rtol=1e-5)


def test_each_way_to_end_is_told_apart():
    """Minimum inside; at a bound; too few steps; a gradient that points up, so that no step helps."""
    centre = np.array([[0.5, 0.5], [2.0, 0.5], [0.5, 0.9], [0.5, 0.5]])
    weight = np.array([1.0, 1.0, 1.0, 1.0])

    def fun(x, which):
        r, sign = x - centre[which], np.where(which == 3, -1.0, 1.0)
        steep = np.array([1.0, 30.0]) if (which == 2).any() else np.ones(2)
        return weight[which] * (steep * r * r).sum(axis=1), sign[:, None] * 2 * steep * r

    def status(n, **options):
        found = minimize_lbfgsb_batched(lambda x, w: fun(x, w + n), np.full((1, 2), 0.2), (0, 1), **options)
        return Status(found.status[0]), bool(found.success[0])

    assert status(0) == (Status.CONVERGED, True)
    assert status(1) == (Status.AT_BOUND, True)
    assert status(2, iterations=1) == (Status.ITERATION_LIMIT, False)
    assert status(3) == (Status.LINE_SEARCH_FAILED, False)


def test_a_value_that_is_not_finite_is_a_step_too_long():
    def fun(x, which):  # -log(1 - x) - 5 x: minimum at 0.8, infinite from 1 on
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(x < 1, -np.log(1 - x) - 5 * x, np.nan)[:, 0], 1 / (1 - x) - 5

    found = minimize_lbfgsb_batched(fun, np.zeros((1, 1)))
    np.testing.assert_allclose(found.x, 0.8, atol=1e-5)


def test_variables_that_cannot_move_and_a_start_that_is_the_minimum():
    fun, lower, upper = quadratics(3, 6, 10)
    fixed = minimize_lbfgsb_batched(fun, np.zeros((3, 6)), (0, 0))
    np.testing.assert_array_equal(fixed.x, 0)
    assert (fixed.evaluations == 1).all()
    first = minimize_lbfgsb_batched(fun, np.zeros((3, 6)), (lower, upper), gtol=1e-9, ftol=0)
    again = minimize_lbfgsb_batched(fun, first.x, (lower, upper), gtol=1e-6)
    assert (again.iterations == 0).all()


def test_nothing_that_is_given_is_changed():
    fun, lower, upper = quadratics(2, 4, 10)
    x0 = np.full((2, 4), 3.0)
    for a in (x0, lower, upper):
        a.flags.writeable = False
    minimize_lbfgsb_batched(fun, x0, (lower, upper))
    assert (x0 == 3).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x0": np.zeros(3)}, r"floating-point array \(N, n\), one row a problem, not float64 \(3,\)"),
        ({"x0": np.zeros((2, 3), int)}, "not int64"),
        ({"bounds": (1, 0)}, "bounds of problem 0: a lower bound is above the upper one"),
        ({"bounds": (np.zeros(5), None)}, r"bounds: the lower one \(5,\) does not broadcast to x0 \(2, 3\)"),
        ({"bounds": (None, np.array([1, np.nan, 1]))}, "or is NaN"),
        ({"history": 0}, "history must be a whole number of at least 1"),
        ({"fun": lambda x, w: (x, x)}, r"must return values \(2,\) and gradients \(2, 3\)"),
        ({"fun": lambda x, w: (np.where(w == 1, np.inf, 0.0), x)}, "not finite at x0 of problem 1"),
    ],
)
def test_bad_input_is_refused_before_any_work(change, words):
    settings = {"fun": lambda x, w: ((x * x).sum(axis=1), 2 * x), "x0": np.zeros((2, 3))} | change
    with pytest.raises(ValueError, match=words):
        minimize_lbfgsb_batched(**settings)
