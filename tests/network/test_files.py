"""Files: exact, whole, and refused in words."""

import json

import numpy as np
import pytest

import nnpg
from nnpg import (
    Center,
    Conv,
    Dropout,
    LocalResponseNorm,
    MaxPool,
    ModelFileError,
    Network,
    build,
    conv,
    dense,
    load_network,
    save,
)
from nnpg.files import describe, header_of, read_tensors, tensors_of, write_tensors


def every_layer():
    return build(
        [
            Center(np.array(0.5)),
            conv(4, 3, stride=2, padding=(1, 0, 2, 1), groups=1),
            LocalResponseNorm(3),
            nnpg.ReLU(),
            MaxPool(2, stride=1),
            ("middle", conv(4, 2, groups=2, bias=False)),
            nnpg.Sigmoid(),
            nnpg.AvgPool(2),
            nnpg.Flatten(),
            Dropout(0.3),
            dense(3),
            nnpg.Step(at_zero=1),
            nnpg.Tanh(),
            nnpg.Softmax(),
        ],
        input_shape=(2, 12, 12),
        rng=0,
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer_comes_back_exactly(tmp_path, dtype):
    net = every_layer().astype(dtype)
    same = load_network(save(net, tmp_path / "net.safetensors", {"seed": 3}))
    assert repr(same) == repr(net)
    x = np.random.default_rng(0).random((3, 2, 12, 12))
    np.testing.assert_array_equal(same.predict(x), net.predict(x))
    for name, layer in net.layers.items():
        assert nnpg.layers.hyper_parameters(same.layers[name]) == nnpg.layers.hyper_parameters(layer)
    assert same.layers["middle"].b is None
    assert describe(tmp_path / "net.safetensors")["provenance"] == {"seed": 3}


def test_a_file_is_whole_or_not_there(tmp_path, monkeypatch):
    file = save(every_layer(), tmp_path / "net.safetensors")
    before = file.read_bytes()

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", broken)
    with pytest.raises(OSError, match="disk full"):
        save(every_layer().replace("dense1", b=np.ones(3, np.float32)), file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_no_network_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nnpg train"):
        load_network(tmp_path / "none.safetensors")
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"not a tensor file at all")
    with pytest.raises(ModelFileError, match="not a safetensors file"):
        load_network(junk)
    whole = save(every_layer(), tmp_path / "net.safetensors").read_bytes()
    junk.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFileError, match="only a part"):
        load_network(junk)
    from safetensors.numpy import save as to_bytes

    junk.write_bytes(to_bytes({"a": np.zeros(2)}))
    with pytest.raises(ModelFileError, match="nnpg did not write it"):
        load_network(junk)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t, h: h.update(format="nnpg-network-99"),
            "expected the format 'nnpg-network-1', found 'nnpg-network-99'",
        ),
        (lambda t, h: h["architecture"][0].update(layer="Telepathy"), "'Telepathy'; this version knows Dense"),
        (lambda t, h: t.pop("conv1.W"), "'conv1' should have the array 'W'"),
        (lambda t, h: t.update({"conv9.W": np.zeros(2)}), "owns the array 'conv9.W'"),
        (lambda t, h: t.update({"dense1.W": np.zeros((3, 5), np.float32)}), "the arrays do not fit"),
        (lambda t, h: h["architecture"][1].update(stride=[0, 0]), "'conv1' cannot be rebuilt"),
        (lambda t, h: h["architecture"][1].update(telepathy=1), "'conv1' cannot be rebuilt"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_by_name(tmp_path, change, words):
    net = every_layer()
    tensors, header = dict(tensors_of(net)), json.loads(json.dumps(header_of(net)))
    change(tensors, header)
    with pytest.raises(ModelFileError, match=words):
        load_network(write_tensors(tmp_path / "net.safetensors", tensors, header))


def test_what_a_file_cannot_hold_is_refused_when_saving(tmp_path):
    net = every_layer()
    with pytest.raises(ValueError, match="interventions on relu1"):
        save(net.intervene("relu1", nnpg.Clamp(0, 1)), tmp_path / "net.safetensors")

    class Mine(Conv):
        pass

    strange = Network({"mine": Mine(np.zeros((1, 1, 3, 3)))}, (1, 5, 5))
    with pytest.raises(ValueError, match="'mine' is a Mine"):
        save(strange, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())


def test_the_header_is_plain_json_and_no_pickle(tmp_path):
    file = save(every_layer(), tmp_path / "net.safetensors")
    _, header = read_tensors(file)
    assert header["architecture"][1]["layer"] == "Conv"
    assert b"pickle" not in file.read_bytes()
