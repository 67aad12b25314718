"""The computations of LD-7 to LD-14 and TH-6, on cases whose answer is known by hand."""

from dataclasses import replace

import numpy as np
import pytest
from attack_nets import digits, sigmoid_net

from experiments.experiment import Context
from experiments.lo_ding.masks import choice_of_eta, ld7_net_a, ld13_nearest_masks
from experiments.lo_ding.masks.ld10_gradient_moments import moments
from experiments.lo_ding.masks.transfer import donors
from experiments.models import class_masks
from experiments.models.cifar import SCALES, Config, halved, load_images, nets_a, nets_m, spread_indices
from experiments.models.masks import SIZES, Reached, in_colour, reached_by
from experiments.models.stages import AT_ERROR, CONVERGED, FULL, nets_by_stage
from nnpg import predict
from nnpg.attacks import gradient_masks, linear, mask_sweep, noise_like, scaled, to_unit
from nnpg.data import faces
from nnpg.training import Epoch


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar")
    return Context(folder, folder / "models", None, None, "numpy", progress=False)


@pytest.fixture(scope="module")
def trained(context):
    """Net A on the smallest data, and its training images."""
    config = replace(SCALES["smoke"], nets=1, iterations=20)
    images = load_images(config, context)
    return nets_a(config, context, images)[0].net, images.train


def test_the_nets_of_the_group_are_trained_once(context):
    config = SCALES["smoke"]
    images = load_images(config, context)
    assert not set(images.fit) & set(images.held_out)
    assert len(images.fit) + len(images.held_out) == len(images.train)
    nets = {name: make(config, context, images)[0] for name, make in {"A": nets_a, "M": nets_m}.items()}
    wide, narrow = nets["A"].net, nets_a(config, context, images, "2/2")[0].net
    assert wide.layers["pool2"].size == (3, 3)
    assert narrow.layers["pool2"].size == (2, 2)
    assert wide.layers["dense1"].W.shape == narrow.layers["dense1"].W.shape
    assert nets["M"].net.layers["dense1"].W.shape[0] == 500
    stamps = {f: f.stat().st_mtime_ns for f in context.models.iterdir()}
    first, second = (done.net.layers["conv1"].W for done in nets_a(config, context, images))
    assert (first == wide.layers["conv1"].W).all()
    assert not (first == second).all()
    assert {f: f.stat().st_mtime_ns for f in context.models.iterdir()} == stamps


def test_the_stages_are_those_of_the_same_nets(context):
    config = replace(SCALES["smoke"], iterations=8, nets=1)
    images = load_images(config, context)
    by_stage = {stage: nets[0] for stage, nets in nets_by_stage(config, context, images).items()}
    full = by_stage[FULL].history
    stopped = len(by_stage[AT_ERROR].history)
    errors = [abs(e.validation_error - 0.3277) for e in full]
    assert errors[stopped - 1] == min(errors)
    assert [e.loss for e in by_stage[AT_ERROR].history] == [e.loss for e in full[:stopped]]
    assert len(by_stage[CONVERGED].history) == 4
    assert by_stage[CONVERGED].history[-1].loss < full[-1].loss


def test_small_images_are_the_means_of_four_pixels(context):
    images = load_images(SCALES["smoke"], context)
    small = halved(images).train.x
    assert small[3, 0, 2, 1] == pytest.approx(images.train.x[3, 0, 4:6, 2:4].mean())


def test_success_at_an_eta_is_that_of_the_mask_of_that_size(context, trained):
    net, data = trained[0], trained[1].subset(spread_indices(trained[1], 12))
    for of in ("prob", "logprob", "logit"):
        reached = reached_by(net, data, context, of)
        masks = gradient_masks(net, data.x, reached.targets, of=of)
        np.testing.assert_allclose(reached.lengths, np.sqrt((masks**2).mean(axis=(2, 3, 4))), rtol=1e-4)
        for number in (0, 9, 21):
            etas = SIZES[number] / reached.lengths
            adversarial = data.x[:, None] + etas[..., None, None, None] * masks
            exact = predict(net, adversarial.reshape(-1, *data.image_shape)).argmax(axis=1)
            assert ((exact.reshape(etas.shape) == reached.targets) == reached.at(etas)).mean() > 0.99
            assert (reached.at(1.15 * etas) == reached.at(etas)).all()
        assert (reached.at(0.0) == reached.success[0]).all()


def reached(least, targets, lengths):
    """Targets are reached from these sizes on (numbers of SIZES)."""
    success = np.arange(len(SIZES) + 1)[:, None, None] > np.array(least)
    return Reached(success, np.array(targets), np.array(lengths, float))


def test_half_of_the_images_choose_eta_and_the_other_half_judge_it():
    least = [[5], [5], [5], [30]]  # the fourth image is never reached
    found = reached(least, [[0], [0], [0], [0]], [[1]] * 4)
    shares = choice_of_eta.judged_shares(found, SIZES, 1)
    assert shares == {
        choice_of_eta.FOR_ALL: 0.5, choice_of_eta.A_TARGET: 0.5, choice_of_eta.AN_IMAGE: 0.5,
    }  # fmt: skip
    assert choice_of_eta.chosen_etas(found, 1) == pytest.approx(SIZES[5], rel=0.2)
    found = reached([[5], [5]], [[0], [0]], [[1], [0.1]])  # the second image needs an eta ten times as large
    shares = choice_of_eta.judged_shares(found, SIZES, 1)
    assert (shares[choice_of_eta.FOR_ALL], shares[choice_of_eta.AN_IMAGE]) == (0, 1)


def test_the_unit_of_eta_is_chosen_by_the_other_nets():
    assert choice_of_eta.unit_of([7000 / 255]) == "mask in grey levels"
    assert choice_of_eta.unit_of([6500.0, 7500.0]) == "pixels in 0 .. 1"
    size = int(abs(SIZES * 255**2 - 7000).argmin())  # 0.108
    same = [reached([[size]] * 4, [[0]] * 4, [[1]] * 4) for _ in range(3)]
    etas = np.geomspace(1e-3, 1e3, 400)
    assert choice_of_eta.in_range(same, etas, 1) == [1, 1, 1]
    far = reached([[size]] * 4, [[0]] * 4, [[1e-3]] * 4)  # its best eta is 1000 times as large, in the others' unit
    assert choice_of_eta.in_range([same[0], same[0], far], etas, 1)[2] == 0
    two = reached([[3, 9]] * 4, [[0, 1]] * 4, [[1, 1]] * 4)
    assert choice_of_eta.spread(two, etas, 2) == pytest.approx(SIZES[9] / SIZES[3], rel=0.05)


def test_donors_of_masks(trained):
    rng = np.random.default_rng(0)
    known = rng.random((50, 1, 2, 2)).astype("float32")
    found = donors.k_nearest(known[:7] + np.float32(1e-4), known, 3)
    gaps = ((known[:7, None] - known[None]) ** 2).sum(axis=(2, 3, 4))
    assert (found == gaps.argsort(axis=1)[:, :3]).all()
    net, data = trained
    x, t = data.x, data.labels
    masks, rows, targets = linear(net), np.arange(2), np.array([[0], [1]])
    mean = donors.mean_of(masks, x[np.array([[5, 6], [7, 8]])])(x[:2], targets, rows)
    each = [masks(x[list(pair)], targets, rows) for pair in ((5, 7), (6, 8))]
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-5)
    of_class = donors.of_class(masks, data, np.array([3, 3]))(x[:2], targets, rows)
    members = np.flatnonzero(t == 3)
    expected = [masks(x[members], np.full((len(members), 1), k), members).mean(axis=0)[0] for k in (0, 1)]
    np.testing.assert_allclose(of_class[:, 0], expected, rtol=1e-4, atol=1e-7)


def test_numbers_of_steps_after_which_a_mask_is_kept():
    data = faces(identities=2)  # 22 images: 3 steps an epoch
    config = class_masks.Config(steps=12, batch=8)
    assert class_masks.steps_kept(config, data) == [1, 2, 5, 10, 12]
    assert class_masks.epochs(config, data) == 4


def test_chosen_images_are_spread_evenly_and_distinct():
    data = faces(identities=2)
    assert spread_indices(data, 3).tolist() == [0, 10, 21]
    assert spread_indices(data, 500).tolist() == list(range(22))


def test_masks_as_pictures():
    W = np.array([0.0, 0.1, -0.2, 2.0], "float32").reshape(1, 1, 2, 2)
    assert in_colour(W, 1.0).ravel() == pytest.approx([0.5, 0.55, 0.4, 1.0])
    assert in_colour(W[..., :1, :]).ravel() == pytest.approx([0.5, 1.0])
    assert (in_colour(0 * W) == 0.5).all()


def test_moments_of_known_distributions():
    rng = np.random.default_rng(0)
    g = np.stack([rng.normal(size=(100, 100)), rng.laplace(size=(100, 100)), rng.exponential(size=(100, 100)) - 1])
    mean, skew, tails = (m[0] for m in moments(1e-12 * g[None]))
    assert abs(mean).max() < 0.05
    assert skew == pytest.approx([0, 0, 2], abs=0.25)
    assert tails[:2] == pytest.approx([0, 3], abs=0.6)


class Trained:
    """A training with these validation errors."""

    def __init__(self, *errors):
        self.history = [Epoch(n, 0.0, 0.0, error, 0.0) for n, error in enumerate(errors, start=1)]


def test_when_the_papers_error_was_reached():
    found = ld7_net_a.first_row([Trained(0.5, 0.32, 0.3), Trained(0.3, 0.4, 0.5), Trained(0.5, 0.4, 0.4)], 100, 0.3277)
    assert (found.ours, found.n, found.over) == (200, 3, "nets")


def test_a_mask_works_if_it_does_more_than_noise():
    net, (x, t) = sigmoid_net(), digits(60)
    masks = scaled(to_unit(linear(net)), np.full(6, 0.3))
    sweeps = {ld13_nearest_masks.NEAREST: mask_sweep(net, x, t, "all", (0, 1), masks=masks),
             ld13_nearest_masks.NOISE: mask_sweep(net, x, t, "all", (0, 1), masks=noise_like(masks, 0))}  # fmt: skip
    assert any(ld13_nearest_masks.works(sweeps, k) for k in range(6))
    assert not any(
        ld13_nearest_masks.works(dict.fromkeys(sweeps, sweeps[ld13_nearest_masks.NOISE]), k) for k in range(6)
    )


@pytest.mark.data
@pytest.mark.slow
def test_net_a_on_cifar10_reaches_the_papers_error(data_dir, tmp_path):
    """After two epochs: 37% measured; the paper's 33% takes five."""
    context = Context(tmp_path, tmp_path / "models", str(data_dir), None, "numba", progress=False)
    config = Config(iterations=704, nets=1)
    images = load_images(config, context)
    assert nets_a(config, context, images)[0].history[-1].validation_error < 0.42
