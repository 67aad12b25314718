"""Masks from the prediction gradient and their line search, on networks whose answer is known by hand."""

import numpy as np
import pytest
from attack_nets import digits, sigmoid_net

import nnpg
from nnpg import ModelFileError
from nnpg.analysis.statistics import wilson
from nnpg.attacks import (
    MaskOutcome,
    apply_masks,
    borrowed,
    confidence,
    distortion,
    error,
    gradient_masks,
    linear,
    mask_sweep,
    noise_like,
    scaled,
    shared,
    target_success,
    to_unit,
)
from nnpg.files import read_tensors, write_tensors
from nnpg.files.checkpoints import sum_of


def softmax_of(W, b=None):
    """Return a softmax layer with these weights."""
    W = np.asarray(W, "float64")
    net = nnpg.build([nnpg.dense(len(W)), nnpg.Softmax()], input_shape=(W.shape[1],), rng=0, dtype="float64")
    return net.replace("dense1", W=W, b=np.zeros(len(W)) if b is None else np.asarray(b, "float64"))


@pytest.fixture(scope="module")
def net():
    return sigmoid_net(dtype="float64")


@pytest.fixture(scope="module")
def images():
    x, t = digits(7)
    return x.astype("float64"), t


@pytest.mark.parametrize("of", ["prob", "logit", "logprob"])
@pytest.mark.parametrize("T", [1, 3])
def test_a_mask_is_the_derivative_of_the_targets_output(net, images, of, T):
    x, t = images
    targets = (t[:, None] + np.arange(1, T + 1)) % 6
    masks = gradient_masks(net, x, targets, of=of)
    step, r = 1e-6, np.random.default_rng(0).normal(size=x.shape)

    def value(x):
        trace = net.forward(x)
        z = trace[net.names[-2]]
        y = {"prob": trace.y, "logit": z, "logprob": np.log(trace.y)}[of]
        return np.take_along_axis(y, targets, axis=1)

    numeric = (value(x + step * r) - value(x - step * r)) / (2 * step)
    np.testing.assert_allclose(np.einsum("ntm,nm->nt", masks, r), numeric, rtol=1e-5, atol=1e-9)
    assert (gradient_masks(net, x, targets, of=of, sign=True) == np.sign(masks)).all()


def test_the_sweep_has_the_results_of_the_images_one_by_one(net, images):
    x, t = images
    etas = [0.0, 0.5, 3.0, 40.0]
    for clip in (False, True):
        sweep = mask_sweep(net, x, t, "all", etas, clip=clip)
        assert sweep.targets.shape == (7, 5)
        for n, j in [(0, 0), (3, 2), (6, 4)]:
            k = int(sweep.targets[n, j])
            W = gradient_masks(net, x[n : n + 1], [[k]])[:, 0]
            for e, eta in enumerate(etas):
                adversarial = x[n : n + 1] + eta * W
                adversarial = adversarial.clip(0, 1) if clip else adversarial
                y = nnpg.predict(net, adversarial)
                assert sweep.predicted[e, n, j] == y.argmax()
                assert sweep.target_confidence[e, n, j] == pytest.approx(y[0, k], rel=1e-5)
                assert sweep.label_confidence[e, n, j] == pytest.approx(y[0, t[n]], rel=1e-5)
                size = np.sqrt(((adversarial - x[n]) ** 2).mean())
                assert sweep.distortion[e, n, j] == pytest.approx(size, rel=1e-5, abs=1e-9)


def test_the_least_eta_is_where_the_two_scores_meet():
    net = softmax_of([[1, 0], [0, 1]])
    etas = np.linspace(0, 1, 101)
    sweep = mask_sweep(net, [[0.75, 0.25]], [0], 1, etas, masks=linear(net, of="logit"))  # mask (0, 1): 0.5 is needed
    assert sweep.least_eta[0, 0] == pytest.approx(0.51)
    assert sweep.least_distortion[0, 0] == pytest.approx(0.51 / np.sqrt(2), rel=1e-6)
    assert (sweep.success[:51].any(), sweep.success[51:].all()) == (False, True)
    assert sweep.best() == 51  # the smallest of those that do as well
    assert sweep.success_curve(1).tolist() == sweep.success_curve().tolist()


def test_every_image_and_target_has_an_outcome():
    # class 2 is class 0 with a lower bias: its mask raises both alike; class 3 has no weights, and so no mask
    net = softmax_of([[2, 0], [0, 2], [2, 0], [0, 0]], [0, 0, -1, -9])
    sweep = mask_sweep(net, [[0.9, 0.1], [0.1, 0.9]], [0, 0], "all", [0, 0.5, 1.5], masks=linear(net, of="logit"))
    assert sweep.targets.tolist() == [[1, 2, 3], [1, 2, 3]]
    assert [[MaskOutcome(o).name for o in row] for row in sweep.outcome] == [
        ["MASKED", "NOT_MASKED", "NO_GRADIENT"],
        ["ALREADY", "NOT_MASKED", "NO_GRADIENT"],
    ]
    assert np.isnan(sweep.least_eta[0, 1])
    assert np.isnan(sweep.least_distortion[0, 2])
    assert sweep.least_eta[1, 0] == 0


def test_shares_are_of_the_given_target(net, images):
    x, t = images
    sweep = mask_sweep(net, x, t, "all", [0.0, 30.0])
    for k in range(6):
        hits = sum(sweep.predicted[1, n, j] == k for n in range(7) for j in range(5) if sweep.targets[n, j] == k)
        of = int((sweep.targets == k).sum())
        assert sweep.target_success(1, k) == wilson(int(hits), of)
        assert sweep.error(1, k).value >= sweep.target_success(1, k).value  # no target is the label
    whole = np.mean([sweep.predicted[1, n, j] != t[n] for n in range(7) for j in range(5)])
    assert sweep.error_curve()[1] == pytest.approx(whole)


def test_masks_of_other_images_and_classes(net, images):
    x, t = images
    rows, targets = np.arange(7), ((t + 1) % 6)[:, None]
    donors = x[::-1].copy()
    assert (borrowed(linear(net), donors)(x, targets, rows) == gradient_masks(net, donors, targets)).all()
    assert (borrowed(linear(net), donors)(x[2:4], targets[2:4], rows[2:4])
            == gradient_masks(net, donors[2:4], targets[2:4])).all()  # fmt: skip
    table = np.random.default_rng(0).normal(size=(6, 60))
    assert (shared(table)(x, targets, rows)[:, 0] == table[targets[:, 0]]).all()
    sized = scaled(shared(table), np.arange(6.0))(x, targets, rows)[:, 0]
    np.testing.assert_allclose(sized, table[targets[:, 0]] * targets)
    unit = to_unit(linear(net))(x, targets, rows)
    np.testing.assert_allclose(np.sqrt((unit**2).mean(axis=-1)), 1)


def test_noise_has_the_length_of_the_mask_and_another_direction_for_each_row(net, images):
    x, t = images
    rows, targets = np.arange(7), ((t[:, None] + [1, 2]) % 6)
    noise = noise_like(linear(net), 3)
    drawn, masks = noise(x, targets, rows), gradient_masks(net, x, targets)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=-1), np.linalg.norm(masks, axis=-1))
    assert (noise(x[4:], targets[4:], rows[4:]) == drawn[4:]).all()  # in any block
    assert abs(np.corrcoef(drawn[0, 0], drawn[1, 0])[0, 1]) < 0.5
    assert not (noise_like(linear(net), 4)(x, targets, rows) == drawn).any()


def test_a_float32_mask_that_is_too_small_to_change_its_image_has_its_own_outcome():
    net = softmax_of(np.eye(2) * 400).astype("float32")
    x = np.array([[0.9, 0.5]], "float32")  # y_1 is e^-160: its gradient is 0 in float32
    sweep = mask_sweep(net, x, [0], 1, [0, 1.0])
    assert sweep.outcome.tolist() == [[MaskOutcome.NO_GRADIENT]]


def test_a_transfer_takes_the_other_networks_masks(net, images):
    x, t = images
    other = softmax_of(np.random.default_rng(1).normal(size=(6, 60)))
    sweep = mask_sweep(other, x, t, "all", [0, 5.0], masks=linear(net))
    y = nnpg.predict(other, apply_masks(x, gradient_masks(net, x, sweep.targets)[:, 2], 5.0))
    assert sweep.predicted[1, :, 2].tolist() == y.argmax(axis=1).tolist()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": np.full((2, 60), 1.5)}, r"must lie in the box 0 .. 1; image 0 goes from 1.5 to 1.5"),
        ({"x": np.full((2, 60), np.nan)}, r"x must be finite, but image 0 holds NaN"),
        ({"x": np.zeros((2, 3, 4, 5))}, r"shape \(N, 60\), not an array float64 \(2, 3, 4, 5\)"),
        ({"targets": 1}, r"image 1 has label 1, which is its target too: leave it out"),
        ({"targets": [3, 6]}, r"targets must be a class 0 .. 5, one for each of 2 images"),
        ({"targets": -1}, r"targets must be a class"),
        ({"targets": [1, 2, 3]}, r"targets must be a class"),
        ({"targets": "farthest"}, r"one of 'random', 'least_likely', 'nearest', 'all'"),
        ({"targets": "random"}, r"pass rng="),
        ({"labels": [0, 9]}, r"whole numbers 0 .. 5"),
        ({"etas": [0.1, 0.2]}, r"ascend from 0"),
        ({"etas": [0.0, 2.0, 1.0]}, r"ascend from 0"),
        ({"masks": shared(np.zeros((6, 7)))}, r"its input's shape \(60,\), not \(7,\)"),
    ],
)
def test_bad_input_is_refused_before_any_work(net, monkeypatch, change, words):
    monkeypatch.setattr("nnpg.attacks.sweep._sweep_images", lambda *_: pytest.fail("work was begun"))
    settings = {"x": np.zeros((2, 60)), "labels": [0, 1], "targets": "all", "etas": [0.0, 1.0], "masks": None} | change
    with pytest.raises(ValueError, match=words):
        mask_sweep(
            net, settings["x"], settings["labels"], settings["targets"], settings["etas"], masks=settings["masks"]
        )


def test_masks_of_a_network_with_another_input_are_refused(net):
    small = softmax_of(np.eye(6, 4))
    with pytest.raises(ValueError, match="image of shape"):
        mask_sweep(net, np.zeros((2, 60)), [0, 1], "all", [0.0, 1.0], masks=linear(small))


def test_an_interrupted_sweep_continues_where_it_stopped(net, tmp_path, monkeypatch):
    x, t = digits(70)
    whole, file, asked = mask_sweep(net, x, t, "all", [0.0, 9.0]), tmp_path / "sweep.safetensors", []

    def interrupted(net, x, targets, **settings):
        asked.append(len(x))
        if len(asked) == 4:  # the first call only looks at the first image
            raise KeyboardInterrupt
        return gradient_masks(net, x, targets, **settings)

    masks = linear(net)
    monkeypatch.setattr("nnpg.attacks.masks.gradient_masks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mask_sweep(net, x, t, "all", [0.0, 9.0], masks=masks, checkpoint=file)
    with pytest.raises(FileExistsError, match="resume"):
        mask_sweep(net, x, t, "all", [0.0, 9.0], masks=masks, checkpoint=file)
    asked[:] = [0] * 10
    again = mask_sweep(net, x, t, "all", [0.0, 9.0], masks=masks, checkpoint=file, resume=True)
    assert asked[10:] == [1, 6]  # of 70, 64 were done
    for name in ("predicted", "target_confidence", "label_confidence", "distortion"):
        assert (getattr(again, name) == getattr(whole, name)).all()
    for words, other in {
        "its etas": {"etas": [0.0, 8.0]},
        "its settings": {"clip": True},
        "its masks, of": {"masks": linear(net, of="logit")},
        "its masks, net, backend": {"masks": linear(softmax_of(np.eye(6, 60)))},
        "its masks": {"masks": to_unit(linear(net))},
    }.items():
        settings = {"etas": [0.0, 9.0], "masks": masks, "clip": False} | other
        with pytest.raises(ValueError, match=f"checkpoint of another run: {words}"):
            mask_sweep(net, x, t, "all", **settings, checkpoint=file, resume=True)


def test_a_masker_of_the_user_s_own_has_no_checkpoint(net, tmp_path):
    x, t = digits(4)
    with pytest.raises(ValueError, match="the masker holds a function, which is not nnpg's own"):
        mask_sweep(net, x, t, "all", [0.0, 9.0], masks=lambda x, targets, rows: gradient_masks(net, x, targets),
                   checkpoint=tmp_path / "sweep.safetensors")  # fmt: skip
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.pop("distortion"),
        lambda t: t.update(predicted=t["predicted"].astype(np.int32)),
        lambda t: t.update({name: np.repeat(a, 2, axis=1) for name, a in t.items()}),
        lambda t: t.update(distortion=t["distortion"][:1]),
    ],
)
def test_a_damaged_checkpoint_of_a_sweep_is_refused_by_name(net, tmp_path, change):
    x, t = digits(4)
    file = tmp_path / "sweep.safetensors"
    mask_sweep(net, x, t, "all", [0.0, 9.0], checkpoint=file)
    tensors, about = read_tensors(file)
    change(tensors)
    write_tensors(file, tensors, about | {"sum": sum_of(tensors, about["state"])})
    with pytest.raises(ModelFileError, match=r"sweep\.safetensors: a damaged checkpoint"):
        mask_sweep(net, x, t, "all", [0.0, 9.0], checkpoint=file, resume=True)


def test_metrics_by_hand():
    assert target_success([1, 2, 2, 2], [1, 1, 2, 2]) == wilson(3, 4)
    assert error([1, 2, 2, 2], [1, 1, 1, 2]) == wilson(2, 4)
    assert distortion(np.zeros((2, 2)), [[0.3, 0.4], [0.0, -1.0]]) == pytest.approx([np.sqrt(0.125), np.sqrt(0.5)])
    assert confidence(np.array([[0.1, 0.9], [0.6, 0.4]]), [1, 1]).tolist() == [0.9, 0.4]
    adversarial = apply_masks(np.zeros((2, 2)), np.ones((2, 2)), [0.5, 2.0], (0, 1))
    assert adversarial.tolist() == [[0.5, 0.5], [1, 1]]
