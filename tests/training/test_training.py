"""The training loop: it learns, it is deterministic, it resumes to the same bits, and it says why it cannot go on."""

import numpy as np
import pytest
from parameters import equal

import nnpg
from nnpg import SGD, DecayPerUnit, Dropout, PlainDecay, Tanh, TrainingDiverged, build, conv, dense, error_rate, train
from nnpg.losses import loss_for
from nnpg.optimisers import penalty


def blobs(n=60, seed=0):
    """Three separable clouds of 4 x 4 images."""
    rng = np.random.default_rng(seed)
    t = np.arange(n) % 3
    x = rng.normal(size=(n, 1, 4, 4)) * 0.3
    x[np.arange(n), 0, t, t] += 2
    return x.astype(np.float32), t


def small_net(seed=0, dtype="float32"):
    recipe = [conv(3, 3), Tanh(), nnpg.Flatten(), Dropout(0.2), dense(3), nnpg.Softmax()]
    return build(recipe, input_shape=(1, 4, 4), rng=seed, dtype=dtype)


def test_it_learns_what_can_be_learned():
    x, t = blobs()
    net = small_net()
    done = train(net, x, t, epochs=20, batch=8, rng=0, optimiser=SGD(0.1, momentum=0.9), validation=blobs(seed=1))
    assert error_rate(net, x, t) > 0.3
    assert error_rate(done.net, x, t) == 0.0
    assert [e.epoch for e in done.history] == list(range(1, 21))
    assert done.history[-1].validation_error == error_rate(done.net, *blobs(seed=1))
    assert done.history[-1].loss < done.history[0].loss


def test_the_network_that_was_given_is_not_changed():
    x, t = blobs()
    net, twin = small_net(), small_net()
    train(net, x, t, epochs=1, batch=8, rng=0)
    assert equal(net, twin)


def test_one_full_batch_step_is_the_formula():
    """w' = w - lr * mean gradient, dropout off."""
    x, t = blobs()
    net = build([nnpg.Flatten(), dense(3), nnpg.Softmax()], input_shape=(1, 4, 4), rng=0, dtype="float64")
    trace = net.forward(x)
    hot = np.eye(3)[t]
    W = net.layers["dense1"].W - 0.1 * (trace["softmax1"] - hot).T @ trace["flatten1"] / len(x)
    done = train(net, x, t, epochs=1, batch=len(x), rng=0, optimiser=SGD(0.1))
    np.testing.assert_allclose(done.net.layers["dense1"].W, W, rtol=1e-12)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    x, t = blobs()
    a, b, c = (train(small_net(), x, t, epochs=3, batch=8, rng=seed).net for seed in (0, 0, 1))
    assert equal(a, b)
    assert not equal(a, c)


def test_a_resumed_run_ends_in_the_same_bits(tmp_path):
    x, t = blobs()
    settings = {"batch": 8, "optimiser": SGD(0.1, momentum=0.9, decay=PlainDecay(1e-3), lr_decay=1e-3)}
    whole = train(small_net(), x, t, epochs=6, rng=3, **settings)
    file = tmp_path / "run.safetensors"
    train(small_net(), x, t, epochs=2, rng=3, checkpoint=file, **settings)
    resumed = train(small_net(), x, t, epochs=6, rng=3, checkpoint=file, resume=True, **settings)
    assert equal(whole.net, resumed.net)
    assert [e[:3] for e in whole.history] == [e[:3] for e in resumed.history]
    assert [p.name for p in tmp_path.iterdir()] == ["run.safetensors"], "no temporary files are left"


def test_an_interrupt_leaves_a_whole_checkpoint(tmp_path, monkeypatch):
    x, t = blobs()
    calls = {"n": 0}
    original = nnpg.training.step

    def interrupted(*args):
        calls["n"] += 1
        if calls["n"] == 20:  # in the middle of the third epoch of 8 steps
            raise KeyboardInterrupt
        return original(*args)

    file = tmp_path / "run.safetensors"
    monkeypatch.setattr(nnpg.training, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(small_net(), x, t, epochs=4, batch=8, rng=0, checkpoint=file)
    monkeypatch.undo()
    resumed = train(small_net(), x, t, epochs=4, batch=8, rng=0, checkpoint=file, resume=True)
    assert equal(resumed.net, train(small_net(), x, t, epochs=4, batch=8, rng=0).net)


def test_a_checkpoint_is_not_overwritten(tmp_path):
    x, t = blobs()
    file = tmp_path / "run.safetensors"
    train(small_net(), x, t, epochs=1, batch=8, rng=0, checkpoint=file)
    with pytest.raises(FileExistsError, match="resume=True"):
        train(small_net(), x, t, epochs=2, batch=8, rng=0, checkpoint=file)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, t: (x[:, :, :3], t), r"shape \(N, 1, 4, 4\), not an array float32 \(60, 1, 3, 4\)"),
        (lambda x, t: (x[:0], t[:0]), "at least one image"),
        (lambda x, t: (x, t[:-1]), r"targets must be 60 whole numbers 0 .. 2, one for each image, not int64 \(59,\)"),
        (lambda x, t: (x, t + 1), r"whole numbers 0 .. 2, one for each image, not int64 \(60,\) from 1 to 3"),
        (lambda x, t: (x, t.astype(float)), r"whole numbers 0 .. 2, one for each image, not float64"),
        (lambda x, t: (x, np.zeros((60, 4))), r"an array \(60, 3\) of finite numbers, not an array float64 \(60, 4\)"),
        (lambda x, t: (np.where(x > 2.5, np.nan, x), t), "x must be finite, but image 3 holds NaN or infinity"),
    ],
)
def test_data_that_does_not_fit_is_refused_before_any_work(change, words):
    with pytest.raises(ValueError, match=words):
        train(small_net(), *change(*blobs()), epochs=1, batch=8, rng=0)


def test_impossible_epochs_or_batch():
    with pytest.raises(ValueError, match="epochs must be a whole number of at least 0, not -1"):
        train(small_net(), *blobs(), epochs=-1, batch=8, rng=0)
    with pytest.raises(ValueError, match="batch must be a whole number of at least 1, not 0"):
        train(small_net(), *blobs(), epochs=1, batch=0, rng=0)


def test_divergence_is_named_with_epoch_layer_and_advice():
    x, t = blobs()
    net = build([nnpg.Flatten(), dense(8), nnpg.ReLU(), dense(3)], input_shape=(1, 4, 4), rng=0)
    with pytest.raises(
        TrainingDiverged, match=r"epoch \d+, step \d+: dense\d\.\w .*Lower the learning rate \(lr=1e\+30\)"
    ):
        train(net, x, t, epochs=5, batch=8, rng=0, optimiser=SGD(1e30), loss="squared_error")


def test_dropout_masks_change_from_step_to_step_and_are_off_when_predicting():
    net, rng = small_net(), np.random.default_rng(0)
    x, _ = blobs()
    a, b = (net.drawn(rng).forward(x)["dropout1"] for _ in range(2))
    assert (a != b).any()
    np.testing.assert_array_equal(nnpg.predict(net, x), nnpg.predict(net, x))


def test_lbfgs_reaches_a_minimum_of_loss_plus_decay():
    """At the minimum of the mean loss plus decay, the gradient of both together is 0."""
    x, t = blobs()
    net = build([nnpg.Flatten(), dense(3), nnpg.Softmax()], input_shape=(1, 4, 4), rng=0, dtype="float64")
    decay = DecayPerUnit(0.01)
    done = nnpg.train_lbfgs(net, x, t, decay=decay, batch=7)
    assert done.converged
    assert list(done.losses) == sorted(done.losses, reverse=True)
    loss = loss_for(done.net, "softmax_cross_entropy")
    trace = done.net.forward(x, stop=loss.layer)
    seed = loss.seed(net.backend, trace.y, t) / len(x)
    g = done.net.gradients(trace, done.net.backward(trace, seed))["dense1"]["W"]
    np.testing.assert_allclose(g + decay.gradient("dense1", "W", done.net.layers["dense1"].W), 0, atol=2e-6)
    value = loss.value(net.backend, trace.y, t).mean() + penalty(done.net, decay)
    np.testing.assert_allclose(done.losses[-1], value, rtol=1e-12)


def test_lbfgs_in_float32_keeps_float32():
    x, t = blobs()
    net = build([nnpg.Flatten(), dense(3), nnpg.Softmax()], input_shape=(1, 4, 4), rng=0)
    done = nnpg.train_lbfgs(net, x, t, iterations=5)
    assert done.net.dtype == np.float32
    assert done.losses[-1] < done.losses[0]


def test_no_mask_is_left_in_the_trained_network_nor_in_its_validation() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(40, 6)).astype(np.float32), rng.integers(0, 3, 40)
    net = build([dense(30), Tanh(), Dropout(0.5), dense(3), nnpg.Softmax()], input_shape=(6,), rng=0)
    done = train(net, x, t, epochs=3, batch=8, rng=0, validation=(x, t), progress=False)
    assert done.net.layers["dropout1"].key is None
    assert done.history[-1].validation_error == error_rate(done.net, x, t)
