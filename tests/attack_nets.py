"""Networks to attack, and the exact answers where there are some."""

import os
from functools import cache

import numpy as np
from scipy.optimize import minimize

import nnpg


def digits(N, seed=0, m=60, K=6):
    """Noisy copies of K patterns in [0, 1], many pixels 0 as in drawings, and their labels."""
    rng = np.random.default_rng(7)
    patterns = (rng.random((K, m)) < 0.35) * rng.uniform(0.5, 1, (K, m))
    rng = np.random.default_rng(seed)
    t = np.arange(N) % K
    x = np.clip(patterns[t] + 0.25 * rng.normal(size=(N, m)) * (rng.random((N, m)) < 0.5), 0, 1)
    return x.astype(np.float32), t


def softmax_net(decay, dtype="float32"):
    """Return a softmax layer alone, trained to the minimum."""
    x, t = digits(300, seed=1)
    net = nnpg.build([nnpg.dense(6), nnpg.Softmax()], input_shape=(60,), rng=0, dtype="float64")
    return nnpg.train_lbfgs(net, x, t, decay=nnpg.DecayPerUnit(decay)).net.astype(dtype)


def sigmoid_net(backend="numpy", dtype="float32"):
    """60-20-20-6, trained until it makes no mistake."""
    return _sigmoid_net().astype(dtype).to(backend)


@cache
def _sigmoid_net():
    x, t = digits(300, seed=1)
    net = nnpg.build(
        [nnpg.dense(20), nnpg.Sigmoid(), nnpg.dense(20), nnpg.Sigmoid(), nnpg.dense(6), nnpg.Softmax()],
        input_shape=(60,), rng=0, dtype="float64",
    )  # fmt: skip
    return nnpg.train_lbfgs(net, x, t, decay=nnpg.DecayPerUnit(1e-4), iterations=150).net


def other_targets(labels, K, seed=0):
    """For each image, a class other than its true one."""
    return (labels + np.random.default_rng(seed).integers(1, K, len(labels))) % K


def exact_distortion(net, x, target):
    """The least RMS change for which a softmax layer's target leads: a convex quadratic programme, by its dual.

    min |v - x|^2 / 2  such that  A v + b >= 0, 0 <= v <= 1;   v = clip(x + A' lambda), lambda >= 0.
    """
    W, b = (np.asarray(a, np.float64) for a in next(iter(net.parameters.values())).values())
    distances = []
    for one, t in zip(x.astype(np.float64), target, strict=True):
        A, beyond = np.delete(W[t] - W, t, 0), np.delete(b[t] - b, t)

        def dual(multipliers, one=one, A=A, beyond=beyond):
            v = np.clip(one + A.T @ multipliers, 0, 1)
            slack = A @ v + beyond
            return multipliers @ slack - ((v - one) ** 2).sum() / 2, slack

        bounds = [(0, None)] * len(A)
        options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 20000, "maxfun": 50000}
        best = minimize(dual, np.zeros(len(A)), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        v = np.clip(one + A.T @ best.x, 0, 1)
        assert (A @ v + beyond).min() > -1e-5
        distances.append(np.sqrt(((v - one) ** 2).mean()))
    return np.array(distances)


def relu_net(backend="numpy"):
    """A convolution with ReLU and pooling, on 8 x 8 pixels; it makes no mistake on its training images."""
    return _relu_net().to(backend)


@cache
def _relu_net():
    x, t = digits(300, seed=1, m=64)
    net = nnpg.build(
        [nnpg.conv(6, 3), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(6), nnpg.Softmax()],
        input_shape=(1, 8, 8), rng=0,
    )  # fmt: skip
    sgd = nnpg.SGD(lr=0.05, momentum=0.9)
    return nnpg.train(net, x.reshape(-1, 1, 8, 8), t, epochs=20, batch=20, rng=0, optimiser=sgd).net


def assert_same(result, expected, rows=slice(None)):
    """Raise an error unless a result of `minimal_distortion` has the same bits as these rows of another one."""
    for name in ("adversarial", "targets", "outcome", "distortion", "size", "c", "evaluations"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name)[rows], err_msg=name)


def assert_same_beside_others(backend, result, expected, rows=slice(None)):
    """Raise an error unless these images have the same result beside other ones: the same bits on a CPU.

    On a device the search multiplies small matrices for all its images together, which may round differently when there
    are more of them: there, outcomes are the same, and numbers as close as those of two backends (docs/gpu.md).
    """
    if backend.name != "cupy" or os.environ.get("NNPG_CUDA") != "device":
        assert_same(result, expected, rows)
        return
    for name in ("targets", "outcome"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name)[rows], err_msg=name)
    for name, atol in (("distortion", 1e-6), ("size", 1e-6), ("adversarial", 1e-4)):
        np.testing.assert_allclose(getattr(result, name), getattr(expected, name)[rows], 1e-6, atol, err_msg=name)
