"""The least change that is enough: against exact answers, inside the box, honest about failure, alone or in company."""

import tracemalloc

import numpy as np
import pytest
from attack_nets import digits, exact_distortion, other_targets, sigmoid_net, softmax_net

import nnpg
from nnpg import ModelFileError, Softmax, build, dense
from nnpg.attacks import Outcome, minimal_distortion
from nnpg.attacks.objective import BLOCK, RIVALS, objective_of
from nnpg.data import load_mnist
from nnpg.files import read_tensors, write_tensors
from nnpg.files.checkpoints import sum_of
from nnpg.losses import softmax_cross_entropy


@pytest.fixture(scope="module")
def sigmoid():
    return sigmoid_net()


@pytest.fixture(scope="module")
def images():
    x, labels = digits(70)
    return x, labels, other_targets(labels, 6)


def same(a, b, rows=slice(None)):
    for name in ("adversarial", "targets", "outcome", "distortion", "size", "c", "evaluations"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name)[rows], err_msg=name)


# Exact answers


@pytest.mark.parametrize("decay", [1e-4, 1e-2, 1.0])
def test_a_softmax_layer_within_1_percent_of_the_exact_least_distortion(decay):
    net, (x, labels) = softmax_net(decay), digits(60)
    t = other_targets(labels, 6)
    awake = nnpg.predict(net, x).argmax(axis=1) != t
    x, t = x[awake][:50], t[awake][:50]
    found, exact = minimal_distortion(net, x, t), exact_distortion(net, x, t)
    assert len(x) == 50
    assert found.success.all()
    assert (found.distortion < 1.01 * exact).all()
    assert (found.distortion > 0.9999 * exact).all(), "less than the least: the exact answer is wrong"


def test_the_largest_c_is_that_at_which_success_ends(images):
    """Two classes and no box in the way: the minimiser of c |r|^2 + loss meets the boundary at c = |w|^2 / (4 gap)."""
    rng = np.random.default_rng(0)
    W = rng.normal(size=(2, 40))
    net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(40,), rng=0, dtype="float64")
    net = net.replace("dense1", W=W, b=np.zeros(2))
    x = rng.uniform(-0.1, 0.1, (20, 40))
    z = nnpg.predict(net, x)
    t = z.argmin(axis=1)
    w, gap = W[0] - W[1], abs(x @ (W[0] - W[1]))
    found = minimal_distortion(net, x, t, box=(-9, 9), polish=False, tolerance=1e-4)
    np.testing.assert_allclose(found.c, w @ w / (4 * gap), rtol=1e-2)
    assert (found.c <= w @ w / (4 * gap) * (1 + 1e-6)).all(), "the minimiser at that c succeeds"
    np.testing.assert_allclose(found.size, gap / np.linalg.norm(w), rtol=1e-3)
    np.testing.assert_allclose(found.distortion, found.size / np.sqrt(40), rtol=1e-6)


def test_the_least_l1_change_fills_the_strongest_pixels_first():
    """Two classes, a box: the exact answer takes pixels to their bounds, those with the largest |w| first."""
    rng = np.random.default_rng(3)
    net = nnpg.build([nnpg.dense(2), nnpg.Softmax()], input_shape=(30,), rng=0, dtype="float64")
    net = net.replace("dense1", W=rng.normal(size=(2, 30)), b=np.zeros(2))
    x = rng.random((15, 30))
    t = nnpg.predict(net, x).argmin(axis=1)
    W = net.layers["dense1"].W
    exact = []
    for one, target in zip(x, t, strict=True):
        w = W[target] - W[1 - target]
        gap, room, cost = -w @ one, np.where(w > 0, 1 - one, one), 0.0
        for i in np.argsort(-abs(w)):
            step = min(room[i], gap / abs(w[i]))
            gap, cost = gap - step * abs(w[i]), cost + step
        exact.append(cost)
    found = minimal_distortion(net, x, t, norm="l1", tolerance=1e-3)
    assert found.success.all()
    np.testing.assert_allclose(found.size, abs(found.adversarial - x).sum(axis=1), rtol=1e-6)
    assert (found.size > np.array(exact) * (1 - 1e-6)).all()
    assert (found.size < np.array(exact) * 1.01).all()
    assert ((abs(found.adversarial - x) > 1e-6).sum(axis=1) < 15).all(), "most pixels are left alone"


def test_without_polish_it_ends_at_a_stationary_point_of_c_r_plus_loss(sigmoid, images):
    """For |r|^2, and for |r| with its own c: the projected gradient there is a small part of what the loss pulls."""
    x, _, t = images
    net = sigmoid.astype("float64")
    loss, rows = softmax_cross_entropy(net), np.arange(len(x))
    for norm in ("squared_l2", "l2"):
        found = minimal_distortion(net, x, t, norm=norm, polish=False, tolerance=1e-3)
        trace = net.forward(found.adversarial, stop=loss.layer)
        pull = net.backward(trace, loss.seed(net.backend, trace.y, t))["input"]
        r, c = found.adversarial - x.astype(np.float64), found.c[:, None]
        g = pull + c * (2 * r if norm == "squared_l2" else r / np.linalg.norm(r, axis=1)[rows, None])
        projected = np.clip(found.adversarial - g, 0, 1) - found.adversarial
        share = np.linalg.norm(projected, axis=1) / np.linalg.norm(pull, axis=1)
        assert np.median(share) < 0.02
        assert share.max() < 0.2


def test_polish_makes_images_better_and_never_worse(sigmoid, images):
    x, _, t = images
    plain, polished = (minimal_distortion(sigmoid, x, t, polish=p) for p in (False, True))
    assert polished.success.all()
    assert (polished.distortion <= plain.distortion).all()
    assert polished.distortion.mean() < 0.999 * plain.distortion.mean()
    np.testing.assert_array_equal(polished.c, plain.c)


# What is promised of every result


@pytest.mark.parametrize("norm", ["squared_l2", "l2", "l1"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_success_is_one_and_lies_in_the_box(sigmoid, images, norm, dtype):
    x, _, t = images
    net = sigmoid.astype(dtype)
    found = minimal_distortion(net, x, t, norm=norm)
    assert found.success.all()
    assert found.adversarial.dtype == dtype
    assert found.adversarial.min() >= 0
    assert found.adversarial.max() <= 1
    for batch in (1, 7, 256):  # whatever the order of summation
        np.testing.assert_array_equal(nnpg.predict(net, found.adversarial, batch=batch).argmax(axis=1), t)
    r = found.adversarial.astype(np.float64) - x
    np.testing.assert_allclose(found.distortion, np.sqrt((r * r).mean(axis=1)), rtol=1e-6)
    assert (found.evaluations > 3).all()


def test_other_boxes_and_other_shapes(backend):
    """A convolutional network on every backend; an image's bits do not hang on its company there either."""
    rng = np.random.default_rng(0)
    net = nnpg.build(
        [nnpg.conv(4, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(5), nnpg.Softmax()],
        input_shape=(2, 8, 8), rng=0,
    ).to(backend)  # fmt: skip
    x = rng.uniform(-1, 1, (9, 2, 8, 8)).astype(np.float32)
    t = nnpg.predict(net, x).argmin(axis=1)
    found = minimal_distortion(net, x, t, box=(-1, 1))
    assert found.success.all()
    assert found.adversarial.shape == x.shape
    assert abs(found.adversarial).max() <= 1
    assert (nnpg.predict(net, found.adversarial).argmax(axis=1) == t).all()
    assert (found.adversarial.min() < -0.9) or (found.adversarial.max() > 0.9)
    same(minimal_distortion(net, x[[4]], t[[4]], box=(-1, 1)), found, [4])


def test_no_success_is_never_passed_off_as_one(sigmoid, images):
    """A class that cannot win, and too few evaluations: the image comes back as it was, its numbers NaN."""
    x, _, t = images
    b = sigmoid.layers["dense3"].b.copy()
    b[5] = -1e4
    hopeless = sigmoid.replace("dense3", b=b)
    found = minimal_distortion(hopeless, x[:8], [5, 5, *t[2:8] % 5], evaluations=200)
    assert (found.outcome[:2] == Outcome.NOT_FOUND).all()
    assert not found.success[:2].any()
    np.testing.assert_array_equal(found.adversarial[:2], x[:2])
    assert np.isnan(found.distortion[:2]).all()
    assert np.isnan(found.c[:2]).all()
    assert found.success[2:].all()
    hasty = minimal_distortion(sigmoid, x, t, evaluations=2, polish=False)
    np.testing.assert_array_equal(nnpg.predict(sigmoid, hasty.adversarial).argmax(axis=1) == t, hasty.success)
    assert 0 < hasty.success.sum() < len(x)
    assert (hasty.outcome[hasty.success] == Outcome.UNSETTLED).all()
    assert "of 70 images are classified" in repr(hasty)


def test_an_image_that_is_its_target_already_is_left_alone(sigmoid, images):
    x, _, _ = images
    found = minimal_distortion(sigmoid, x, nnpg.predict(sigmoid, x).argmax(axis=1))
    assert (found.outcome == Outcome.ALREADY).all()
    np.testing.assert_array_equal(found.adversarial, x)
    np.testing.assert_array_equal(found.distortion, 0)
    assert np.isinf(found.c).all()
    assert (found.evaluations == 1).all()


def test_the_untargeted_attack_is_the_least_over_all_other_classes(sigmoid, images):
    x, labels, _ = images
    x, labels = x[:10], labels[:10]
    found = minimal_distortion(sigmoid, x, "all", labels=labels)
    each = [minimal_distortion(sigmoid, x, (labels + k) % 6) for k in range(1, 6)]
    least = np.array([e.distortion for e in each])
    np.testing.assert_array_equal(found.distortion, least.min(axis=0))
    np.testing.assert_array_equal(found.targets, (labels + 1 + least.argmin(axis=0)) % 6)
    np.testing.assert_array_equal(found.evaluations, sum(e.evaluations for e in each))
    assert (nnpg.predict(sigmoid, found.adversarial).argmax(axis=1) == found.targets).all()


# Alone or in company


def test_a_result_does_not_depend_on_the_batch(sigmoid, images):
    """The same bits alone, in batches of any size, in any order, and whatever the budget of memory."""
    x, _, t = images
    whole = minimal_distortion(sigmoid, x, t)
    rng = np.random.default_rng(0)
    for n in (1, 1, 2, 5, 33, 69):
        some = rng.permutation(len(x))[:n]
        same(minimal_distortion(sigmoid, x[some], t[some]), whole, some)
    same(minimal_distortion(sigmoid, x, t, memory_mb=0.25), whole)


def test_the_positions_of_a_group_give_the_same_bits(sigmoid, images):
    """An image in any position of its group, among any other images."""
    x, _, t = images
    objective = objective_of(sigmoid, "softmax_cross_entropy")
    assert sorted(np.concatenate(objective.groups)) == list(range(objective.block))
    group = objective.group_of(x, t)
    np.testing.assert_array_equal(group, [objective.group_of(x[[n]], t[[n]])[0] for n in range(len(x))])
    evaluation = objective.evaluate(x, t, group)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(x))
        again = objective.evaluate(x[order], t[order], group[order])
        for name in ("loss", "gradient", "margin", "threshold", "margin_per_loss"):
            np.testing.assert_array_equal(getattr(again, name), getattr(evaluation, name)[order])


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
    assert peaks[1] > 1.5 * peaks[0], "a larger budget is made use of"
    with pytest.raises(ValueError, match=r"memory_mb=0.1 is too little: \d images of 6000 pixels with history=4 take"):
        minimal_distortion(wide, x, t, memory_mb=0.1)


# Interrupted and resumed


def test_an_interrupted_attack_goes_on_where_it_was(sigmoid, images, tmp_path, monkeypatch):
    """What was finished is not done again, and everything comes out the same bits."""
    from nnpg.attacks.least_distortion.solver import Solver

    x, _, t = images
    file, whole = tmp_path / "attack.safetensors", minimal_distortion(sigmoid, x, t)
    iterations, iterate = [0], Solver.iterate

    def interrupted(self):
        iterations[0] += 1
        if iterations[0] == 16:
            raise KeyboardInterrupt
        return iterate(self)

    monkeypatch.setattr("nnpg.attacks.least_distortion.solver.Solver.iterate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        minimal_distortion(sigmoid, x, t, checkpoint=file)
    monkeypatch.setattr("nnpg.attacks.least_distortion.solver.Solver.iterate", iterate)
    seen, add = [], Solver.add

    def watched(self, index, *rest):
        seen.extend(index.tolist())
        return add(self, index, *rest)

    monkeypatch.setattr("nnpg.attacks.least_distortion.solver.Solver.add", watched)
    same(minimal_distortion(sigmoid, x, t, checkpoint=file, resume=True), whole)
    assert 0 < len(seen) < len(x), "some were done, some were not"
    seen.clear()
    same(minimal_distortion(sigmoid, x, t, checkpoint=file, resume=True), whole)
    assert not seen
    assert [p.name for p in tmp_path.iterdir()] == ["attack.safetensors"]


def test_a_checkpoint_is_neither_overwritten_nor_mixed_with_another_attack(sigmoid, images, tmp_path):
    x, _, t = images
    file = tmp_path / "attack.safetensors"
    minimal_distortion(sigmoid, x[:3], t[:3], checkpoint=file)
    with pytest.raises(FileExistsError, match="resume=True"):
        minimal_distortion(sigmoid, x[:3], t[:3], checkpoint=file)
    clamped = [sigmoid.intervene("dense1", nnpg.Clamp(-1, high)) for high in (1, 2)]
    minimal_distortion(clamped[0], x[:3], t[:3], checkpoint=tmp_path / "clamped.safetensors")
    for words, other in {
        "its images": {"x": x[1:4]},
        "its targets": {"targets": (t[:3] + 1) % 6},
        "its norm": {"norm": "l1"},
        "its polish": {"polish": False},
        "its settings, 1 is 0.01, this run's is 0.02": {"tolerance": 0.02},
        "its settings, 2, 2": {"box": (0, 2)},
        "its loss": {"loss": "squared_error"},
        "its network, layers, dense1, b": {"net": sigmoid.replace("dense1", b=sigmoid.layers["dense1"].b + 1)},
        "its network, backend": {"net": sigmoid.to("numba")},
        "its network, interventions is of": {"net": clamped[1]},
        "its network, interventions, dense1, 1, high is 1": {
            "net": clamped[1], "checkpoint": tmp_path / "clamped.safetensors"},
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=f"the checkpoint of another run: {words}"):
            minimal_distortion(
                **({"net": sigmoid, "x": x[:3], "targets": t[:3], "checkpoint": file, "resume": True} | other)
            )


def test_what_a_checkpoint_cannot_name_is_refused_before_the_attack(sigmoid, images, tmp_path):
    class Mine(nnpg.Tanh):
        pass

    x, _, t = images
    own = build([dense(5), ("mine", Mine()), dense(6), Softmax()], input_shape=x.shape[1:], rng=0)
    for words, changed in {
        "your own loss": {"loss": lambda net: softmax_cross_entropy(net)},
        "the network holds a Mine, which is not nnpg's own": {"net": own},
    }.items():
        with pytest.raises(ValueError, match=words):
            minimal_distortion(
                **({"net": sigmoid, "x": x, "targets": t, "checkpoint": tmp_path / "attack.safetensors"} | changed)
            )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("adversarial"),
        lambda t: t.update(size=t["size"][:1]),
        lambda t: t.update(outcome=t["outcome"] + np.int8(50)),
        lambda t: t.update(rows=t["rows"] + 10**12),
        lambda t: t.update(rows=t["rows"][::-1].copy()),
        lambda t: t.update(adversarial=t["adversarial"][:, :5]),
        lambda t: t.update(evaluations=t["evaluations"].astype(np.int32)),
    ],
)
def test_a_damaged_checkpoint_of_an_attack_is_refused_by_name(sigmoid, images, tmp_path, change):
    x, _, t = images
    file = tmp_path / "attack.safetensors"
    minimal_distortion(sigmoid, x[:3], t[:3], checkpoint=file)
    tensors, about = read_tensors(file)
    change(tensors)
    write_tensors(file, tensors, about | {"sum": sum_of(tensors, about["state"])})
    with pytest.raises(ModelFileError, match=r"attack\.safetensors: a damaged checkpoint"):
        minimal_distortion(sigmoid, x[:3], t[:3], checkpoint=file, resume=True)


def test_a_bar_counts_the_images(sigmoid, images, capsys):
    x, labels, _ = images
    minimal_distortion(sigmoid, x[:4], "all", labels=labels[:4], progress=True)
    assert "4/4" in capsys.readouterr().err


# Losses and input


@pytest.mark.parametrize("loss", ["squared_error", "binary_cross_entropy"])
def test_other_losses_lead_to_the_boundary_too(sigmoid, images, loss):
    x, _, t = images
    usual = minimal_distortion(sigmoid, x[:20], t[:20])
    found = minimal_distortion(sigmoid, x[:20], t[:20], loss=loss)
    assert found.success.mean() >= 0.9
    assert found.distortion[found.success].mean() < 1.3 * usual.distortion.mean()


def test_a_loss_that_does_not_read_the_scores_is_refused(sigmoid, images):
    def elsewhere(net):
        from dataclasses import replace

        return replace(softmax_cross_entropy(net), layer="sigmoid1", name="mine")

    with pytest.raises(ValueError, match="'mine' reads 'sigmoid1', but an attack needs one that reads the scores"):
        minimal_distortion(sigmoid, images[0], 0, loss=elsewhere)


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
    """Szegedy's three decays; also that each image is the same alone."""
    train = load_mnist(data_dir)
    x, labels = train.x.reshape(-1, 784), train.labels
    for decay in (1e-4, 1e-2, 1.0):
        net = nnpg.build([nnpg.dense(10), nnpg.Softmax()], input_shape=(784,), rng=0)
        net = nnpg.train_lbfgs(net, x[:4000], labels[:4000], iterations=60, decay=nnpg.DecayPerUnit(decay)).net
        t = other_targets(labels[:60], 10)
        awake = np.flatnonzero(nnpg.predict(net, x[:60]).argmax(axis=1) != t)[:50]
        found = minimal_distortion(net, x[awake], t[awake])
        exact = exact_distortion(net, x[awake], t[awake])
        assert found.success.all()
        assert len(awake) == 50
        assert (found.distortion < 1.01 * exact).all()
        same(minimal_distortion(net, x[awake[[17]]], t[awake[[17]]]), found, [17])
