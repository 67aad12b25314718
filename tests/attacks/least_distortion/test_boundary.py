"""The search along the boundary: nearer than the penalty method for networks with kinks, independent of the batch."""

from itertools import pairwise

import numpy as np
import pytest
from attack_nets import assert_same, digits, relu_net
from selection import slow_except

import nnpg
from nnpg.attacks import Outcome, minimal_distortion
from nnpg.attacks.least_distortion.boundary.search import EFFORTS, has_kinks

BACKENDS = ("numpy", "numba")


@pytest.fixture(scope="module", params=slow_except({"numba"}, BACKENDS))
def net(request):
    return relu_net(request.param)


@pytest.fixture(scope="module")
def images():
    x, labels = digits(6, seed=5, m=64)
    return x.reshape(-1, 1, 8, 8), labels


def attack(net, x, targets="all", **settings):
    return minimal_distortion(net, x, targets, progress=False, **settings)


def test_which_networks_have_kinks():
    recipe = [nnpg.conv(2, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]
    assert not has_kinks(nnpg.build(recipe, input_shape=(1, 8, 8), rng=0))
    for layer in (nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Step()):
        assert has_kinks(nnpg.build([recipe[0], layer, *recipe[2:]], input_shape=(1, 8, 8), rng=0))


def test_it_is_nearer_than_the_penalty_method(net, images, monkeypatch):
    x, labels = images
    result = attack(net, x, labels=labels)
    monkeypatch.setattr("nnpg.attacks.least_distortion.attack.has_kinks", lambda net: False)
    penalty = attack(net, x, labels=labels)
    assert result.success.all()
    assert penalty.success.all()
    assert (result.size <= 1.001 * penalty.size).all()
    assert result.size.mean() < 0.995 * penalty.size.mean()


def test_it_finds_the_nearest_point_of_another_class_in_the_plane():
    """Two pixels, so that all points of a fine grid can be tried: the least distance to one of another class."""
    rng = np.random.default_rng(0)
    net = nnpg.build([nnpg.dense(12), nnpg.ReLU(), nnpg.dense(4), nnpg.Softmax()], input_shape=(2,), rng=5)
    W, b = 4 * rng.standard_normal((12, 2)), 2 * rng.standard_normal(12)
    net = net.replace("dense1", W=W.astype("f4"), b=b.astype("f4"))
    steps = np.linspace(0, 1, 801, dtype=np.float32)
    grid = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    classes = nnpg.predict(net, grid).argmax(axis=1)
    assert len(np.unique(classes)) >= 3, "there are boundaries"
    x = rng.random((20, 2), np.float32)
    labels = nnpg.predict(net, x).argmax(axis=1)
    least = [np.linalg.norm(grid[classes != t] - one, axis=1).min() for one, t in zip(x, labels, strict=True)]
    result = attack(net, x)
    assert result.success.all()
    assert (result.size < np.array(least) + 1e-3).all()
    assert (result.size > np.array(least) - 2e-3).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("norm", "polish"), [("squared_l2", True), ("l2", True), ("l1", True), ("l2", False)])
def test_every_success_is_classified_as_its_target_and_lies_in_the_box(net, images, dtype, norm, polish):
    x, labels = images
    x, labels, net = x[:4], labels[:4], net.astype(dtype)
    result = attack(net, x, labels=labels, norm=norm, polish=polish)
    assert result.success.all()
    assert result.adversarial.dtype == dtype
    assert result.adversarial.min() >= 0
    assert result.adversarial.max() <= 1
    for batch in (1, 7, 256):
        np.testing.assert_array_equal(nnpg.predict(net, result.adversarial, batch=batch).argmax(axis=1), result.targets)
    r = (result.adversarial.astype(np.float64) - x).reshape(4, -1)
    if norm != "l1":
        np.testing.assert_allclose(result.size, np.sqrt((r * r).sum(axis=1)), rtol=1e-6)
    assert (result.c > 0).all()


def test_a_target_is_reached_and_the_untargeted_attack_is_the_least_of_all(net, images):
    x, labels = (a[:4] for a in images)
    untargeted = attack(net, x, labels=labels)
    each = [attack(net, x, (labels + k) % 6) for k in range(1, 6)]
    for k, result in enumerate(each, 1):
        np.testing.assert_array_equal(nnpg.predict(net, result.adversarial).argmax(axis=1), (labels + k) % 6)
    assert (untargeted.size <= 1.001 * np.min([result.size for result in each], axis=0)).all()


def test_a_result_does_not_depend_on_the_batch(net, images):
    x, labels = images
    whole = attack(net, x, labels=labels)
    rng = np.random.default_rng(0)
    for n in (1, 5):
        rows = rng.permutation(len(x))[:n]
        assert_same(attack(net, x[rows], labels=labels[rows]), whole, rows)
    assert_same(attack(net, x, labels=labels, memory_mb=0.3), whole, slice(None))
    targets = (labels + 1) % 6
    assert_same(attack(net, x[[3]], targets[[3]]), attack(net, x[2:5], targets[2:5]), [1])


def test_a_seed_gives_the_same_bits_again_and_another_seed_gives_others(net, images):
    x, labels = (a[:3] for a in images)
    one, again, other = (attack(net, x, labels=labels, rng=seed) for seed in (1, 1, 2))
    assert_same(one, again, slice(None))
    assert (one.adversarial != other.adversarial).any()
    np.testing.assert_allclose(one.size, other.size, rtol=0.02)
    assert_same(attack(net, x, labels=labels, rng=np.random.default_rng(1)), one, slice(None))


def test_an_unreachable_target_is_not_found_and_a_reached_one_changes_nothing(net, images):
    x, labels = (a[:3] for a in images)
    b = net.layers["dense1"].b.copy()
    b[5] = -1e4
    hopeless = attack(net.replace("dense1", b=b), x, 5, evaluations=50)
    assert (hopeless.outcome == Outcome.NOT_FOUND).all()
    np.testing.assert_array_equal(hopeless.adversarial, x)
    for targets, classes in ((labels, None), ("all", (labels + 1) % 6)):
        result = attack(net, x, targets, labels=classes)
        assert (result.outcome == Outcome.ALREADY).all()
        np.testing.assert_array_equal(result.adversarial, x)
        np.testing.assert_array_equal(result.targets, labels)
        np.testing.assert_array_equal(result.evaluations, 1)


def test_an_interrupted_search_continues_where_it_stopped(net, images, tmp_path, monkeypatch):
    from nnpg.attacks.least_distortion.boundary import batches

    x, labels = images
    file, whole = tmp_path / "search.safetensors", attack(net, x, labels=labels)
    searched, search = [], batches.search_boundary

    def watched(problem, seed, effort):
        if len(searched) == 1:
            raise KeyboardInterrupt
        searched.append(len(problem.x0))
        return search(problem, seed, effort)

    monkeypatch.setattr(batches, "search_boundary", watched)
    with pytest.raises(KeyboardInterrupt):
        attack(net, x, labels=labels, checkpoint=file, memory_mb=0.3)
    done = sum(searched)
    assert 0 < done < len(x)
    searched[:] = [0, 0, 0]
    assert_same(attack(net, x, labels=labels, checkpoint=file, resume=True, memory_mb=0.3), whole, slice(None))
    assert sum(searched) == len(x) - done, "what was done is not done again"
    with pytest.raises(ValueError, match="search"):
        attack(net, x, labels=labels, checkpoint=file, resume=True, rng=3)


def test_with_less_effort_it_takes_fewer_passes_and_ends_near_the_thorough_search(net, images, tmp_path):
    x, labels = images
    thorough, quick, rough = (attack(net, x, labels=labels, effort=effort) for effort in EFFORTS)
    assert thorough.success.all()
    assert quick.success.all()
    assert rough.success.all()
    assert quick.evaluations.sum() < 0.25 * thorough.evaluations.sum()
    assert rough.evaluations.sum() < 0.65 * quick.evaluations.sum()
    assert thorough.size.mean() < quick.size.mean() < 1.1 * thorough.size.mean()
    assert thorough.size.mean() < rough.size.mean() < 1.1 * thorough.size.mean()
    file = tmp_path / "search.safetensors"
    attack(net, x[:1], labels=labels[:1], effort="quick", checkpoint=file)
    with pytest.raises(ValueError, match="search"):
        attack(net, x[:1], labels=labels[:1], checkpoint=file, resume=True)
    with pytest.raises(ValueError, match="effort must be 'thorough', 'quick' or 'rough'"):
        attack(net, x, labels=labels, effort="fast")


def test_more_rounds_never_make_it_worse(images):
    """Each round keeps the better points only."""
    from nnpg.attacks.least_distortion.boundary import search
    from nnpg.attacks.least_distortion.norms import Box
    from nnpg.attacks.objective import objective_of

    net, (x, labels) = relu_net("numba"), images
    objective, flat = objective_of(net, "softmax_cross_entropy"), x.reshape(len(x), -1)
    sizes = []
    for rounds in (0, 2, 6):
        group = objective.group_of(flat, labels)
        problem = search.BoundaryProblem.start(objective, flat, labels, group, Box(0.0, 1.0), away=True)
        effort = search.EFFORTS["thorough"]._replace(rounds=rounds)
        sizes.append(search.search_boundary(problem, 0, effort).size.mean())
    assert all(b <= a * 1.002 for a, b in pairwise(sizes))
