"""A training goes on only from its own checkpoint: everything that its bits depend on is compared or refused."""

import dataclasses
import shutil

import numpy as np
import pytest
from parameters import equal

import nnpg
from nnpg import SGD, DecayPerUnit, ModelFileError, PlainDecay, Softmax, Tanh, build, dense, train
from nnpg.files import NotWrittenError, read_tensors, write_tensors
from nnpg.files.checkpoints import OtherRunError, sum_of
from nnpg.losses import softmax_cross_entropy, squared_error


def images(seed=0, N=12):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, 4)).astype(np.float32), np.arange(N) % 3


def net_of(units=5, seed=0, dtype="float32", backend="numba", activation=None):
    recipe = [dense(units), activation or Tanh(), dense(3), Softmax()]
    return build(recipe, input_shape=(4,), rng=seed, dtype=dtype, backend=backend)


SGD_OF_THE_RUN = SGD(0.1, momentum=0.9, decay=DecayPerUnit({"dense1": 1e-3}))


def run(file, epochs=2, resume=True, **changes):
    x, t = images()
    settings = {"net": net_of(), "x": x, "targets": t, "batch": 4, "rng": 3, "optimiser": SGD_OF_THE_RUN,
                "validation": images(1)} | changes  # fmt: skip
    return train(**settings, epochs=epochs, checkpoint=file, resume=resume, progress=False)


@pytest.fixture
def file(tmp_path):
    run(tmp_path / "run.safetensors", epochs=1)
    return tmp_path / "run.safetensors"


OTHERS = {
    "units": (
        {"net": net_of(7)},
        r"its network, layers, dense1, W is 'float32 \(5, 4\) .*, this run's is 'float32 \(7, 4\)",
    ),
    "layers": (
        {"net": build([dense(3), Softmax()], input_shape=(4,), rng=0)},
        "its network, layers is of dense1, tanh1",
    ),
    "activation": (
        {"net": net_of(activation=nnpg.ReLU())},
        "its network, layers is of dense1, tanh1, dense2, softmax1, this",
    ),
    "first weights": ({"net": net_of(seed=1)}, "its network, layers, dense1, W is 'float32"),
    "dtype": ({"net": net_of(dtype="float64")}, "its network, layers, dense1, W is 'float32"),
    "backend": ({"net": net_of(backend="numpy")}, "its network, backend is 'numba', this run's is 'numpy'"),
    "seed": ({"rng": 4}, "its generator is"),
    "a generator that has moved on": ({"rng": np.random.default_rng(3).spawn(1)[0]}, "its generator is"),
    "images": ({"x": images()[0] + 1}, "its data, images is 'float32"),
    "labels": ({"targets": (images()[1] + 1) % 3}, "its data, targets is 'int64"),
    "fewer images": ({"x": images()[0][:8], "targets": images()[1][:8]}, "its data, images is 'float32"),
    "validation images": ({"validation": images(2)}, "its validation, images is 'float32"),
    "no validation": ({"validation": None}, "its validation is .*, this run's is None"),
    "loss": ({"loss": "squared_error"}, "its loss is 'softmax_cross_entropy', this run's is 'squared_error'"),
    "batch": ({"batch": 6}, "its batch is 4, this run's is 6"),
    "rate": ({"optimiser": dataclasses.replace(SGD_OF_THE_RUN, lr=0.2)}, "its optimiser, lr is 0.1, this run's is 0.2"),
    "decay": ({"optimiser": dataclasses.replace(SGD_OF_THE_RUN, decay=PlainDecay(1e-3))}, "its optimiser, decay is"),
    "strength": (
        {"optimiser": dataclasses.replace(SGD_OF_THE_RUN, decay=DecayPerUnit({"dense1": 2e-3}))},
        "its optimiser, decay, strengths, dense1 is 0.001, this run's is 0.002",
    ),
}


@pytest.mark.parametrize("change", OTHERS)
def test_another_run_s_checkpoint_is_refused_and_left_as_it_is(file, change):
    settings, words = OTHERS[change]
    before = file.read_bytes()
    with pytest.raises(OtherRunError, match=f"checkpoint of another run: {words}"):
        run(file, **settings)
    assert file.read_bytes() == before


def test_settings_of_a_layer_are_compared(tmp_path):
    x, t = np.zeros((4, 1, 4, 4), np.float32), [0, 1, 0, 1]

    def net(stride):
        pool = nnpg.MaxPool(2, stride=stride, padding=(0, 1, 0, 1) if stride == 2 else 0)
        return build([pool, nnpg.AvgPool(2), nnpg.Flatten(), dense(2)], input_shape=(1, 4, 4), rng=0)

    assert net(1).parameters["dense1"]["W"].shape == net(2).parameters["dense1"]["W"].shape
    settings = {"epochs": 1, "batch": 2, "rng": 0, "checkpoint": tmp_path / "run.safetensors"}
    train(net(1), x, t, **settings)
    with pytest.raises(OtherRunError, match="its network, layers, pool1, stride, 1 is 1, this run's is 2"):
        train(net(2), x, t, **settings, resume=True)


def test_the_same_run_goes_on_however_it_is_written(file):
    """A seed or its generator, labels of another width, a list, a loss by name or by function: one meaning."""
    x, t = images()
    more = {"x": np.asfortranarray(x), "targets": t.astype(np.uint8), "rng": np.random.default_rng(3),
            "loss": softmax_cross_entropy}  # fmt: skip
    resumed = run(file, epochs=3, **more)
    assert equal(resumed.net, run(file.with_name("whole.safetensors"), epochs=3).net)
    assert [e.epoch for e in resumed.history] == [1, 2, 3]
    assert resumed.history[0].validation_error is not None


@pytest.mark.parametrize("kind", ["MT19937", "PCG64DXSM", "Philox", "SFC64"])
def test_every_generator_of_numpy_goes_on_where_it_stood(tmp_path, kind):
    def rng():
        return np.random.Generator(getattr(np.random, kind)(5))

    whole = run(tmp_path / "whole.safetensors", epochs=3, rng=rng())
    run(tmp_path / "part.safetensors", epochs=1, rng=rng())
    assert equal(whole.net, run(tmp_path / "part.safetensors", epochs=3, rng=rng()).net)


def test_fewer_epochs_than_the_checkpoint_holds_are_refused(file):
    run(file, epochs=3)
    with pytest.raises(ValueError, match="holds 3 epochs, and 2 are asked for"):
        run(file, epochs=2)
    assert len(run(file, epochs=3).history) == 3


def test_a_state_that_cannot_be_written_is_put_elsewhere_and_work_goes_on_from_there(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole.safetensors", epochs=4)
    folder, elsewhere, write = tmp_path / "out", tmp_path / "elsewhere", nnpg.training.write_training
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))

    def gone(path, net, state, history, rng):
        if len(history) == 2:
            shutil.rmtree(folder)
        write(path, net, state, history, rng)

    monkeypatch.setattr(nnpg.training, "write_training", gone)
    with pytest.raises(NotWrittenError, match=r"cannot write .*run\.safetensors: .* It is in .*elsewhere") as error:
        run(folder / "run.safetensors", epochs=4)
    (state,) = elsewhere.glob("*/run.safetensors")
    assert str(state) in str(error.value)
    monkeypatch.undo()
    resumed = run(state, epochs=4)
    assert equal(resumed.net, whole.net)
    assert [e[:4] for e in resumed.history] == [e[:4] for e in whole.history]


class MyDecay:
    def value(self, name, parameter, w):
        return 0.0

    def gradient(self, name, parameter, w):
        return 0 * w


class MySGD(SGD):
    pass


class MyTanh(Tanh):
    pass


def my_loss(net):
    return dataclasses.replace(softmax_cross_entropy(net), seed=squared_error(net).seed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": my_loss}, "could not tell your own loss from another one later"),
        ({"optimiser": MySGD(0.1)}, "the optimiser holds a MySGD, which is not nnpg's own"),
        ({"optimiser": SGD(0.1, decay=MyDecay())}, "the optimiser holds a MyDecay, which is not nnpg's own"),
        ({"net": net_of(activation=("tanh1", MyTanh()))}, "the network holds a MyTanh, which is not nnpg's own"),
        ({"net": net_of().intervene("tanh1", nnpg.Clamp(0, 1))}, "interventions on tanh1"),
    ],
)
def test_what_a_checkpoint_cannot_name_is_refused_before_training(tmp_path, settings, words, monkeypatch):
    monkeypatch.setattr(nnpg.training, "step", None)
    monkeypatch.setattr(nnpg.programs, "find", None)
    with pytest.raises(ValueError, match=words):
        run(tmp_path / "run.safetensors", **settings)
    assert not list(tmp_path.iterdir())


def changed(file, change):
    tensors, about = read_tensors(file)
    change(tensors, about)
    if isinstance(about["state"], dict):
        about["sum"] = sum_of(tensors, about["state"])  # so that what is wrong is found by what it means
    write_tensors(file, tensors, about)


def test_a_bit_that_has_changed_is_found(file):
    tensors, about = read_tensors(file)
    tensors["weights/dense1.W"][0, 0] += 1e-6
    write_tensors(file, tensors, about)
    with pytest.raises(ModelFileError, match=r"run\.safetensors: a damaged checkpoint: .*the sum that was written"):
        run(file)


@pytest.mark.parametrize(
    "change",
    [
        lambda t, a: t.pop("history"),
        lambda t, a: t.update(history=t["history"] + 1),
        lambda t, a: t.update(history=t["history"].astype(np.float32)),
        lambda t, a: t.update(history=np.repeat(t["history"], 2, axis=0)),
        lambda t, a: t.pop("weights/dense1.W"),
        lambda t, a: [t.pop("weights/dense1.W"), t.pop("weights/dense1.b")],
        lambda t, a: [t.pop("velocity/dense1.W"), t.pop("velocity/dense1.b")],
        lambda t, a: t.update({"weights/dense1.W": np.zeros((5, 400_000), np.float32)}),
        lambda t, a: t.update({"weights/dense1.b": np.zeros(5)}),
        lambda t, a: t.update({"velocity/dense1.b": np.zeros(6, np.float32)}),
        lambda t, a: a["state"].update(steps=4),
        lambda t, a: a["state"].update(steps=3.0),
        lambda t, a: a["state"].update(generator=None),
        lambda t, a: a["state"].update(generator={"bit_generator": "MT19937"}),
        lambda t, a: a["state"]["generator"]["state"].update(state=-1),
        lambda t, a: a["state"]["generator"]["state"].update(state="1"),
        lambda t, a: a.update(state=3),
        lambda t, a: a.update(format="nnpg-network-1"),
        lambda t, a: a.update(format="nnpg-attack-2"),
    ],
)
def test_a_damaged_checkpoint_is_refused_by_name(file, change):
    changed(file, change)
    with pytest.raises(ModelFileError, match=r"run\.safetensors: .*(to start afresh|found 3)"):
        run(file)
