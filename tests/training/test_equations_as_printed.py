"""Where equations of Lo's thesis (2016, 2.1.5) are wrong as they are printed: what they would compute."""

from __future__ import annotations

import numpy as np

import nnpg
from nnpg.losses import binary_cross_entropy
from nnpg_kernels import Array

X, T = np.array([[1.0, -2.0], [0.5, 3.0], [-1.0, 0.2]]), np.array([[1.0], [0.0], [1.0]])
RATE = 0.01


def perceptron() -> nnpg.Network:
    """Return the thesis's network of three layers, eq. 2.1."""
    recipe = [("z2", nnpg.dense(4)), ("a2", nnpg.Sigmoid()), ("z3", nnpg.dense(1)), ("y", nnpg.Sigmoid())]
    return nnpg.build(recipe, input_shape=(2,), dtype="float64", backend="numpy", rng=3)


def equation_2_2(net: nnpg.Network) -> float:
    """L as it is printed, the mean of the examples."""
    y = net.forward(X).y
    return float((T * np.log(y) + (1 - T) * np.log(1 - y)).mean())


def gradients_of_2_2(net: nnpg.Network) -> dict[str, dict[str, Array]]:
    trace = net.forward(X)
    seed = (T / trace.y - (1 - T) / (1 - trace.y)) / len(X)  # d(2.2)/dy
    return net.gradients(trace, net.backward(trace, seed))


def moved(net: nnpg.Network, gradients: dict[str, dict[str, Array]], rate: float) -> nnpg.Network:
    """Return the network with w + rate * gradient, which is eq. 2.3 as it is printed."""
    new = {layer: {name: w + rate * gradients[layer][name] for name, w in weights.items()}
           for layer, weights in net.parameters.items()}  # fmt: skip
    return net.with_parameters(new)


def test_plus_the_gradient_of_2_2_is_minus_the_gradient_of_the_loss() -> None:
    """The two signs that are missing in eq. 2.2 and 2.3 make up for each other: the same step as nnpg's."""
    net = perceptron()
    printed = moved(net, gradients_of_2_2(net), RATE)
    ours = nnpg.train(net, X, T, loss="binary_cross_entropy", optimiser=nnpg.SGD(lr=RATE), epochs=1, batch=3, rng=0).net
    for layer, weights in ours.parameters.items():
        for name, w in weights.items():
            assert not np.array_equal(w, net.parameters[layer][name])
            np.testing.assert_allclose(printed.parameters[layer][name], w, rtol=1e-13)


def test_the_smallest_value_of_2_2_is_the_worst_answer() -> None:
    """Eq. 2.1 asks for argmin L, but 2.2 is a log-likelihood: the step that lowers it makes every answer worse."""
    net = perceptron()
    lower = moved(net, gradients_of_2_2(net), -RATE)
    assert equation_2_2(lower) < equation_2_2(net) < 0
    loss = binary_cross_entropy(net)
    before, after = (loss.value(n.backend, n.forward(X)[loss.layer], T).mean() for n in (net, lower))
    assert after > before


def test_plus_the_gradient_of_a_loss_raises_it() -> None:
    """Eq. 2.3 as it is printed (also Lo & Ding 2015, III.B) with a true loss, such as the squared error."""
    net = perceptron()
    trace = net.forward(X)
    gradients = net.gradients(trace, net.backward(trace, (trace.y - T) / len(X)))
    errors = [((n.forward(X).y - T) ** 2).mean() for n in (moved(net, gradients, rate) for rate in (-RATE, 0, RATE))]
    assert errors[0] < errors[1] < errors[2]


def test_a_chain_that_skips_z_loses_the_slope_of_f() -> None:
    """Eq. 2.4 goes from f to w, 2.5 from a^2 to w^1: without the step through z, the factor f'(z) is missing."""
    net = perceptron()
    trace = net.forward(X)
    seed = (-T / trace.y + (1 - T) / (1 - trace.y)) / len(X)
    deltas = net.backward(trace, seed)
    gradients = net.gradients(trace, deltas)
    for z, a, inputs in (("z3", "y", "a2"), ("z2", "a2", "input")):
        skipped = deltas[a].T @ trace[inputs]  # dL/da times the input of the weight
        full = (deltas[a] * trace[a] * (1 - trace[a])).T @ trace[inputs]  # and f'(z) between them
        np.testing.assert_allclose(gradients[z]["W"], full, rtol=1e-13)
        assert not np.allclose(gradients[z]["W"], skipped, rtol=0.5)
