"""The definition of the least distortion: against exact answers, and the batched solvers against it."""

import numpy as np
import pytest
from attack_nets import digits, exact_distortion, other_targets, relu_net, sigmoid_net, softmax_net
from scipy.optimize import minimize
from selection import slow_except

import nnpg
from nnpg.attacks import minimal_distortion
from nnpg.attacks.least_distortion.definition import PRECISION, least_distorted


def tanh_net():
    net = nnpg.build(
        [nnpg.conv(4, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(6), nnpg.Softmax()], input_shape=(1, 8, 8), rng=0
    )
    x, labels = digits(300, seed=1, m=64)
    return nnpg.train(net, x.reshape(-1, 1, 8, 8), labels, epochs=10, batch=20, rng=0).net


NETS = {"softmax": lambda: softmax_net(1e-2), "sigmoid": sigmoid_net, "tanh": tanh_net, "relu": relu_net}


@pytest.fixture(scope="module", params=slow_except({"softmax", "tanh"}, NETS))
def attacked(request):
    """A network, images, targets, and |r| of each image by the definition."""
    net = NETS[request.param]()
    N = 4 if len(net.input_shape) == 1 else 3
    x, labels = digits(N, seed=5, m=int(np.prod(net.input_shape)))
    x, targets = x.reshape(N, *net.input_shape), other_targets(labels, 6)
    by_definition = [least_distorted(net, one, int(target)) for one, target in zip(x, targets, strict=True)]
    assert all(image.min() >= 0 and image.max() <= 1 for image in by_definition)
    assert [net.forward(image[None].astype("f4")).y.argmax() for image in by_definition] == targets.tolist()
    return net, x, targets, np.array([np.linalg.norm(r) for r in by_definition - x])


def test_the_solvers_distortion_is_at_most_that_of_the_definition(attacked):
    """Within 1%: in both, the search for c ends when the largest success is within 1% of a failure."""
    net, x, targets, size = attacked
    result = minimal_distortion(net, x, targets)
    assert result.success.all()
    assert (result.size <= PRECISION * size).all()


def test_without_polish_the_solver_finds_what_the_definition_finds(attacked):
    """On the same branch of minimisers, within 2%; a network with kinks has many: there only the mean is compared."""
    net, x, targets, size = attacked
    result = minimal_distortion(net, x, targets, polish=False)
    assert result.success.all()
    assert result.size.mean() <= 1.02 * size.mean()
    if not any(isinstance(layer, nnpg.ReLU) for layer in net.layers.values()):
        np.testing.assert_allclose(result.size, size, rtol=0.02)


LIMITS = {"l1": {"norm": "l1"}, "epsilon": {"epsilon": 0.4}, "kappa": {"kappa": 3.0},
          "all": {"norm": "l1", "epsilon": 0.7, "kappa": 1.0}}  # fmt: skip


@pytest.mark.parametrize("name", ["softmax", pytest.param("sigmoid", marks=pytest.mark.slow)])
@pytest.mark.parametrize("limit", slow_except({"epsilon", "kappa"}, LIMITS))
def test_norm_epsilon_and_kappa_mean_the_same_in_the_definition_and_in_the_solver(name, limit):
    net, limits, (x, labels) = NETS[name](), LIMITS[limit], digits(3, seed=5)
    targets = other_targets(labels, 6)
    by_definition = [least_distorted(net, one, int(target), **limits) for one, target in zip(x, targets, strict=True)]
    result = minimal_distortion(net, x, targets, polish=False, **limits)
    assert result.success.all()
    p = 1 if limits.get("norm") == "l1" else 2
    size = np.linalg.norm(np.array(by_definition) - x, ord=p, axis=1)
    assert (result.size <= 1.03 * size).all()
    if p == 2:  # for l1 the minimiser jumps as c changes, and the solver may meet a smaller success on its way
        assert (result.size >= 0.97 * size).all()
    for adversarial in (by_definition, result.adversarial):
        assert abs(np.asarray(adversarial) - x).max() <= limits.get("epsilon", 1) + 1e-6
        y = np.sort(np.log(nnpg.predict(net, np.asarray(adversarial, np.float32))), axis=1)
        assert (y[:, -1] - y[:, -2] >= limits.get("kappa", 0) - 1e-3).all(), "scores differ as the logarithms do"


@pytest.mark.slow
def test_the_definition_is_close_to_the_exact_least_distortion_of_a_softmax_layer():
    net, (x, labels) = softmax_net(1e-2), digits(6, seed=5)
    targets = other_targets(labels, 6)
    exact = exact_distortion(net, x, targets)
    adversarial = [least_distorted(net, one, int(target)) for one, target in zip(x, targets, strict=True)]
    ratio = np.sqrt(((adversarial - x.astype(np.float64)) ** 2).mean(axis=1)) / exact
    assert (ratio > 0.9999).all(), "smaller than the minimum: the exact answer is wrong"
    assert (ratio < 1.02).all()


def test_a_smaller_c_that_succeeds_too_changes_the_image_more():
    """Szegedy 4.1 asks for the minimum c > 0 at which f(x + r) = l; the least change is at the largest such c."""
    net, x = softmax_net(1e-2).astype("float64"), digits(1, seed=5)[0][0].astype("float64")
    target, cs = int(other_targets(digits(1, seed=5)[1], 6)[0]), 10.0 ** np.arange(-4, 3)

    def minimiser(c):
        def objective(v):
            trace = net.forward(v[None], stop="dense1")
            y = np.exp(trace.y - trace.y.max()) / np.exp(trace.y - trace.y.max()).sum()
            delta = net.backward(trace, y - np.eye(net.K)[[target]])["input"][0]
            return c * ((v - x) ** 2).sum() - np.log(y[0, target]), 2 * c * (v - x) + delta

        return minimize(objective, x, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(x)).x

    images = np.array([minimiser(c) for c in cs])
    success = nnpg.predict(net, images).argmax(axis=1) == target
    size = np.sqrt(((images - x) ** 2).mean(axis=1))
    n = int(success.sum())
    assert 3 <= n < len(cs), "some c succeed and some do not"
    assert success[:n].all(), "every c below the largest that succeeds"
    assert (np.diff(size) < 0).all(), "the larger c, the smaller the change"
    found = least_distorted(net, x, target)
    assert size[n] < np.sqrt(((found - x) ** 2).mean()) < size[n - 1]


def test_a_class_that_cannot_win_is_not_found():
    net = softmax_net(1e-2)
    never = net.replace("dense1", b=net.layers["dense1"].b - 1e4 * (np.arange(6) == 5))
    assert least_distorted(never, digits(1)[0][0], 5) is None


def test_bad_input_is_refused():
    net, x = softmax_net(1e-2), digits(1)[0][0]
    with pytest.raises(ValueError, match=r"box 0 .. 1"):
        least_distorted(net, 2 * x + 1, 0)
    with pytest.raises(ValueError, match=r"0 .. 5"):
        least_distorted(net, x, 6)
    for words, setting in {"norm must be": {"norm": "l3"}, "epsilon": {"epsilon": 0}, "kappa": {"kappa": -1}}.items():
        with pytest.raises(ValueError, match=words):
            least_distorted(net, x, 0, **setting)
