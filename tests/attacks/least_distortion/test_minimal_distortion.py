"""The least distortion: against exact answers, inside the box, failures reported, independent of the batch."""

import tracemalloc

import numpy as np
import pytest
from attack_nets import (
    assert_same,
    assert_same_beside_others,
    digits,
    exact_distortion,
    other_targets,
    sigmoid_net,
    softmax_net,
)

import nnpg
from nnpg.attacks import Outcome, minimal_distortion
from nnpg.attacks.objective import BLOCK, RIVALS
from nnpg.data import load_mnist
from nnpg.losses import softmax_cross_entropy


@pytest.fixture(scope="module")
def sigmoid():
    return sigmoid_net()


@pytest.fixture(scope="module")
def images():
    x, labels = digits(70)
    return x, labels, other_targets(labels, 6)


# Exact answers


@pytest.mark.parametrize("decay", [1e-4, 1e-2, 1.0])
def test_a_softmax_layer_is_within_1_percent_of_the_exact_least_distortion(decay):
    net, (x, labels) = softmax_net(decay), digits(60)
    t = other_targets(labels, 6)
    differs = nnpg.predict(net, x).argmax(axis=1) != t
    x, t = x[differs][:50], t[differs][:50]
    result, exact = minimal_distortion(net, x, t), exact_distortion(net, x, t)
    assert len(x) == 50
    assert result.success.all()
    assert (result.distortion < 1.01 * exact).all()
    assert (result.distortion > 0.9999 * exact).all(), "smaller than the minimum: the exact answer is wrong"


def test_c_is_the_largest_at_which_the_minimiser_succeeds(images):
    """Two classes and no box in the way: the minimiser of c |r|^2 + loss meets the boundary at c = |w|^2 / (4 gap)."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(2, 40))
    net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(40,), rng=0, dtype="float64")
    net = net.replace("dense1", W=W, b=np.zeros(2))
    x = rng.uniform(-0.1, 0.1, (20, 40))
    z = nnpg.predict(net, x)
    t = z.argmin(axis=1)
    w, gap = W[0] - W[1], abs(x @ (W[0] - W[1]))
    result = minimal_distortion(net, x, t, box=(-9, 9), polish=False, tolerance=1e-4)
    np.testing.assert_allclose(result.c, w @ w / (4 * gap), rtol=1e-2)
    assert (result.c <= w @ w / (4 * gap) * (1 + 1e-6)).all(), "the minimiser at that c succeeds"
    np.testing.assert_allclose(result.size, gap / np.linalg.norm(w), rtol=1e-3)
    np.testing.assert_allclose(result.distortion, result.size / np.sqrt(40), rtol=1e-6)


def test_the_least_l1_change_fills_the_strongest_pixels_first():
    """Two classes, a box: the exact answer moves pixels to their bounds, those with the largest |w| first."""
    rng = np.random.default_rng(3)
    net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(30,), rng=0, dtype="float64")
    net = net.replace("dense1", W=rng.normal(size=(2, 30)), b=np.zeros(2))
    x = rng.random((15, 30))
    t = nnpg.predict(net, x).argmin(axis=1)
    W = net.layers["dense1"].W
    exact = []
    for one, target in zip(x, t, strict=True):
        w = W[target] - W[1 - target]
        gap, span, cost = -w @ one, np.where(w > 0, 1 - one, one), 0.0
        for i in np.argsort(-abs(w)):
            step = min(span[i], gap / abs(w[i]))
            gap, cost = gap - step * abs(w[i]), cost + step
        exact.append(cost)
    result = minimal_distortion(net, x, t, norm="l1", tolerance=1e-3)
    assert result.success.all()
    np.testing.assert_allclose(result.size, abs(result.adversarial - x).sum(axis=1), rtol=1e-6)
    assert (result.size > np.array(exact) * (1 - 1e-6)).all()
    assert (result.size < np.array(exact) * 1.01).all()
    assert ((abs(result.adversarial - x) > 1e-6).sum(axis=1) < 15).all(), "most pixels are unchanged"


def test_without_polish_it_ends_at_a_stationary_point_of_c_r_plus_loss(sigmoid, images):
    """For |r|^2, and for |r| with its own c: the projected gradient there is a small part of the loss's gradient."""
    x, _, t = images
    net = sigmoid.astype("float64")
    loss, rows = softmax_cross_entropy(net), np.arange(len(x))
    for norm in ("squared_l2", "l2"):
        result = minimal_distortion(net, x, t, norm=norm, polish=False, tolerance=1e-3)
        trace = net.forward(result.adversarial, stop=loss.layer)
        loss_gradient = net.backward(trace, loss.seed(net.backend, trace.y, t))["input"]
        r, c = result.adversarial - x.astype(np.float64), result.c[:, None]
        g = loss_gradient + c * (2 * r if norm == "squared_l2" else r / np.linalg.norm(r, axis=1)[rows, None])
        projected = np.clip(result.adversarial - g, 0, 1) - result.adversarial
        share = np.linalg.norm(projected, axis=1) / np.linalg.norm(loss_gradient, axis=1)
        assert np.median(share) < 0.02
        assert share.max() < 0.2


def test_polish_lowers_the_distortion_and_never_raises_it(sigmoid, images):
    x, _, t = images
    plain, polished = (minimal_distortion(sigmoid, x, t, polish=p) for p in (False, True))
    assert polished.success.all()
    assert (polished.distortion <= plain.distortion).all()
    assert polished.distortion.mean() < 0.999 * plain.distortion.mean()
    np.testing.assert_array_equal(polished.c, plain.c)


# Every result


@pytest.mark.parametrize("norm", ["squared_l2", "l2", "l1"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_success_is_classified_as_its_target_and_lies_in_the_box(sigmoid, images, norm, dtype):
    x, _, t = images
    net = sigmoid.astype(dtype)
    result = minimal_distortion(net, x, t, norm=norm)
    assert result.success.all()
    assert result.adversarial.dtype == dtype
    assert result.adversarial.min() >= 0
    assert result.adversarial.max() <= 1
    for batch in (1, 7, 256):  # whatever the order of summation
        np.testing.assert_array_equal(nnpg.predict(net, result.adversarial, batch=batch).argmax(axis=1), t)
    r = result.adversarial.astype(np.float64) - x
    np.testing.assert_allclose(result.distortion, np.sqrt((r * r).mean(axis=1)), rtol=1e-6)
    assert (result.evaluations > 3).all()


def test_other_boxes_and_other_shapes(backend):
    """A convolutional network on every backend: here too, the result of an image does not depend on the others."""
    rng = np.random.default_rng(0)
    net = nnpg.build(
        [nnpg.conv(2, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
        input_shape=(2, 6, 6), rng=0,
    ).to(backend)  # fmt: skip
    x = rng.uniform(-1, 1, (4, 2, 6, 6)).astype(np.float32)
    t = nnpg.predict(net, x).argmin(axis=1)
    result = minimal_distortion(net, x, t, box=(-1, 1))
    assert result.success.all()
    assert result.adversarial.shape == x.shape
    assert abs(result.adversarial).max() <= 1
    assert (nnpg.predict(net, result.adversarial).argmax(axis=1) == t).all()
    assert (result.adversarial.min() < -0.9) or (result.adversarial.max() > 0.9)
    assert_same_beside_others(backend, minimal_distortion(net, x[[2]], t[[2]], box=(-1, 1)), result, [2])


def test_a_failure_is_never_reported_as_a_success(sigmoid, images):
    """A class that cannot win, and too few evaluations: the image is returned unchanged, and its numbers are NaN."""
    x, _, t = images
    b = sigmoid.layers["dense3"].b.copy()
    b[5] = -1e4
    hopeless = sigmoid.replace("dense3", b=b)
    result = minimal_distortion(hopeless, x[:8], [5, 5, *t[2:8] % 5], evaluations=200)
    assert (result.outcome[:2] == Outcome.NOT_FOUND).all()
    assert not result.success[:2].any()
    np.testing.assert_array_equal(result.adversarial[:2], x[:2])
    assert np.isnan(result.distortion[:2]).all()
    assert np.isnan(result.c[:2]).all()
    assert result.success[2:].all()
    short = minimal_distortion(sigmoid, x, t, evaluations=2, polish=False)
    np.testing.assert_array_equal(nnpg.predict(sigmoid, short.adversarial).argmax(axis=1) == t, short.success)
    assert 0 < short.success.sum() < len(x)
    assert (short.outcome[short.success] == Outcome.UNSETTLED).all()
    assert "of 70 images are classified" in repr(short)


def test_an_image_that_is_classified_as_its_target_is_returned_unchanged(sigmoid, images):
    x, _, _ = images
    result = minimal_distortion(sigmoid, x, nnpg.predict(sigmoid, x).argmax(axis=1))
    assert (result.outcome == Outcome.ALREADY).all()
    np.testing.assert_array_equal(result.adversarial, x)
    np.testing.assert_array_equal(result.distortion, 0)
    assert np.isinf(result.c).all()
    assert (result.evaluations == 1).all()


def test_the_untargeted_attack_is_the_least_over_all_other_classes(sigmoid, images):
    x, labels, _ = images
    x, labels = x[:10], labels[:10]
    result = minimal_distortion(sigmoid, x, "all", labels=labels)
    each = [minimal_distortion(sigmoid, x, (labels + k) % 6) for k in range(1, 6)]
    least = np.array([e.distortion for e in each])
    np.testing.assert_array_equal(result.distortion, least.min(axis=0))
    np.testing.assert_array_equal(result.targets, (labels + 1 + least.argmin(axis=0)) % 6)
    np.testing.assert_array_equal(result.evaluations, sum(e.evaluations for e in each))
    assert (nnpg.predict(sigmoid, result.adversarial).argmax(axis=1) == result.targets).all()


# Independent of the batch


def test_a_result_does_not_depend_on_the_batch(sigmoid, images):
    """The same bits alone, in batches of any size, in any order, and for any memory_mb."""
    x, _, t = images
    whole = minimal_distortion(sigmoid, x, t)
    rng = np.random.default_rng(0)
    for n in (1, 1, 2, 5, 33, 69):
        rows = rng.permutation(len(x))[:n]
        assert_same(minimal_distortion(sigmoid, x[rows], t[rows]), whole, rows)
    assert_same(minimal_distortion(sigmoid, x, t, memory_mb=0.25), whole)


@pytest.mark.slow
def test_memory_stays_within_its_budget():
    wide = nnpg.build([nnpg.dense(6), nnpg.Softmax()], input_shape=(6000,), rng=0)
    x = np.random.default_rng(0).random((60, 6000), dtype=np.float32)
    t = nnpg.predict(wide, x).argmin(axis=1)
    results, network = 3 * x.nbytes, 2 * (1 + RIVALS) * BLOCK * x[0].nbytes  # deltas of a block, and their copy
    peaks = []
    for budget in (8.0, 40.0):
        tracemalloc.start()
        minimal_distortion(wide, x, t, memory_mb=budget)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert peaks[-1] < budget * 1e6 + results + network
    assert peaks[1] > 1.5 * peaks[0], "a larger budget is used"
    with pytest.raises(ValueError, match=r"memory_mb=0.1 is too little: \d images of 6000 pixels with history=4 take"):
        minimal_distortion(wide, x, t, memory_mb=0.1)


# Progress


def test_a_bar_counts_the_images(sigmoid, images, capsys):
    x, labels, _ = images
    minimal_distortion(sigmoid, x[:4], "all", labels=labels[:4], progress=True)
    assert "4/4" in capsys.readouterr().err


# Losses and input


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_other_losses_reach_the_boundary_too(sigmoid, images, loss):
    x, _, t = images
    usual = minimal_distortion(sigmoid, x[:20], t[:20])
    result = minimal_distortion(sigmoid, x[:20], t[:20], loss=loss)
    assert result.success.mean() >= 0.9
    assert result.distortion[result.success].mean() < 1.3 * usual.distortion.mean()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": np.zeros((2, 59))}, r"shape \(N, 60\), not an array float64 \(2, 59\)"),
        ({"x": np.zeros((0, 60))}, "at least one image"),
        (
            {"x": np.full((2, 60), 1.5)},
            r"in the box 0 .. 1; image 0 goes from 1.5 to 1.5: scale the images, or pass box",
        ),
        ({"x": np.full((2, 60), np.nan)}, "image 0 holds NaN or infinity"),
        ({"norm": "l3"}, "norm must be 'squared_l2', 'l2' or 'l1', not 'l3'"),
        ({"tolerance": 0}, "tolerance must be a finite number above 0 and below 1, not 0"),
        ({"epsilon": 0}, "epsilon must be a finite number above 0, not 0"),
        ({"kappa": -1}, "kappa must be a finite number of at least 0, not -1"),
        ({"targets": 6}, "targets must be a class 0 .. 5, one for each of 2 images, or one of .*, not 6"),
        ({"targets": "nearest of all"}, "one of 'random', 'least_likely', 'nearest', 'all', not 'nearest of all'"),
        ({"targets": "random"}, "pass rng=a seed"),
    ],
)
def test_bad_input_is_refused_before_any_work(sigmoid, change, words):
    with pytest.raises(ValueError, match=words):
        minimal_distortion(sigmoid, **({"x": np.zeros((2, 60)), "targets": 1} | change))


@pytest.mark.data
def test_softmax_layers_on_mnist_within_1_percent_of_the_exact_least_distortion(data_dir):
    """Szegedy's three decays; the result per image is also the same when it is attacked alone."""
    train = load_mnist(data_dir)
    x, labels = train.x.reshape(-1, 784), train.labels
    for decay in (1e-4, 1e-2, 1.0):
        net = nnpg.build([nnpg.dense(10), nnpg.Softmax()], input_shape=(784,), rng=0)
        net = nnpg.train_lbfgs(net, x[:4000], labels[:4000], iterations=60, decay=nnpg.DecayPerUnit(decay)).net
        t = other_targets(labels[:60], 10)
        differs = np.flatnonzero(nnpg.predict(net, x[:60]).argmax(axis=1) != t)[:50]
        result = minimal_distortion(net, x[differs], t[differs])
        exact = exact_distortion(net, x[differs], t[differs])
        assert result.success.all()
        assert len(differs) == 50
        assert (result.distortion < 1.01 * exact).all()
        assert_same(minimal_distortion(net, x[differs[[17]]], t[differs[[17]]]), result, [17])
