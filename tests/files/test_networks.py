"""Model files: read back exactly, written whole, and refused with a message that names what is wrong."""

import json
import os
import tracemalloc

import numpy as np
import pytest

import nnpg
from nnpg import (
    Center,
    Dropout,
    LocalResponseNorm,
    MaxPool,
    ModelFileError,
    build,
    conv,
    dense,
    load_network,
    save,
)
from nnpg.files import NotWrittenError, describe, header_of, read_tensors, tensors_of, write_tensors
from nnpg.files.architecture import ARRAYS, SETTINGS
from nnpg.layers import LAYERS, arrays, hyper_parameters


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
    np.testing.assert_array_equal(nnpg.predict(same, x), nnpg.predict(net, x))
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
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotWrittenError, match=r"disk full\. Nor could it be written"):
        save(every_layer().replace("dense1", b=np.ones(3, np.float32)), file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_is_not_a_network_is_refused(tmp_path):
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


def test_every_setting_and_array_of_every_layer_has_a_rule():
    """A new layer, or a new field, without a rule for its file is noticed here."""
    examples = {type(layer): layer for layer in every_layer().layers.values()}
    assert set(examples) == set(LAYERS.values())
    for kind, layer in examples.items():
        assert set(SETTINGS.get(kind, {})) == set(hyper_parameters(layer)) - {"b"}, kind
        needed, optional = ARRAYS.get(kind, ((), ()))
        assert set(needed) <= set(arrays(layer)) <= {*needed, *optional}, kind


def layer_of(header, name):
    return next(entry for entry in header["architecture"] if entry["name"] == name)


def change_layer(name, /, **fields):
    return lambda t, h: layer_of(h, name).update(fields)


def change_array(name, array):
    return lambda t, h: t.update({name: array})


def change_header(**fields):
    return lambda t, h: h.update(fields)


def zeros(*shape):
    return np.zeros(shape, np.float32)


def forget(name, field):
    return lambda t, h: layer_of(h, name).pop(field)


REFUSED = [
    (change_header(format="nnpg-network-99"), "expected the format 'nnpg-network-1', found 'nnpg-network-99'"),
    (change_header(format=["a"]), "expected the format"),
    (change_header(input_shape=[2, 12.0, 12]), "input_shape should be 1 to 8 whole numbers"),
    (change_header(input_shape=[2, -12, 12]), "input_shape should be"),
    (change_header(input_shape=[]), "input_shape should be"),
    (change_header(input_shape="2"), "input_shape should be"),
    (change_header(input_shape=[2, True, 12]), "input_shape should be"),
    (change_header(input_shape=[2, 12, 12, 1]), "the arrays do not fit"),
    (change_header(input_shape=[2, 10**30, 12]), "input_shape should be"),
    (change_header(input_shape=[2, 2**31 - 1, 12]), "'input' would hold .* the limit is 100000000"),
    (change_header(architecture=[]), "architecture should be a list"),
    (change_header(architecture={"a": 1}), "architecture should be a list"),
    (change_header(architecture=[["conv"]]), "layer 1 should be an object"),
    (lambda t, h: h.pop("architecture"), "architecture should be a list"),
    (change_layer("center1", layer="Telepathy"), "'Telepathy'; this version knows Dense"),
    (change_layer("center1", layer=["Dense"]), "this version knows Dense"),
    (change_layer("conv1", layer="Dense"), "'conv1' cannot be rebuilt: a Dense has no field"),
    (change_layer("conv1", name="a\x1b[31m"), "printable characters"),
    (change_layer("conv1", name=""), "printable characters"),
    (change_layer("conv1", name=7), "printable characters"),
    (change_layer("conv1", name="input"), "other than 'input'"),
    (change_layer("conv1", name="a" * 101), "printable characters"),
    (change_layer("flatten1", name="relu1"), "two layers are named 'relu1'"),
    (change_layer("conv1", stride=[0, 0]), "'conv1' cannot be rebuilt as a Conv: stride should be two whole numbers"),
    (change_layer("conv1", stride=[True, True]), "stride should be two whole numbers"),
    (change_layer("conv1", stride=[1.0, 1.0]), "stride should be two whole numbers"),
    (change_layer("conv1", stride=[10**19, 1]), "stride should be two whole numbers"),
    (change_layer("conv1", padding=[10**9] * 4), "'conv1' would hold .* numbers for one image; the limit is 100000000"),
    (change_layer("conv1", padding=[10**9] * 4, stride=[10**9] * 2), "'conv1' would hold"),
    (change_layer("conv1", dilation=[2**31 - 1, 1]), "the arrays do not fit"),
    (change_layer("conv1", groups=3), "'conv1' cannot be rebuilt"),
    (change_layer("conv1", groups=2), "takes maps of 4 channels"),
    (change_layer("conv1", telepathy=1), "'conv1' cannot be rebuilt: a Conv has no field 'telepathy'"),
    (change_layer("conv1", W=[1]), "a Conv has no field 'W'"),
    (change_layer("pool1", size=[10**9, 10**9]), "the arrays do not fit"),
    (change_layer("pool1", padding=[2, 0, 0, 0]), "'pool1' cannot be rebuilt as a MaxPool"),
    (change_layer("dropout1", rate=1), "rate should be a number from 0 to below 1"),
    (change_layer("dropout1", rate="0.3"), "rate should be"),
    (change_layer("dropout1", rate=float("nan")), "rate should be"),
    (change_layer("dropout1", key=-1), "key should be null or"),
    (change_layer("dropout1", key=2**64), "key should be null or"),
    (change_layer("lrn1", alpha=float("inf")), "alpha should be a finite number"),
    (change_layer("lrn1", alpha=10**400), "alpha should be a finite number"),
    (change_layer("lrn1", size=0), "size should be a whole number from 1"),
    (change_layer("step1", at_zero=2), "at_zero should be 0 or 1"),
    (change_layer("conv1", arrays=["W"]), "no layer of the architecture owns the array 'conv1.b'"),
    (change_layer("conv1", arrays=["b", "W"]), "'conv1' should have the arrays"),
    (change_layer("conv1", arrays=["W", "b", "stride"]), "'conv1' should have the arrays"),
    (change_layer("tanh1", arrays=["W"]), r"'tanh1' should have the arrays \[\]"),
    (forget("conv1", "arrays"), "a Conv lacks the field 'arrays'"),
    (forget("conv1", "padding"), "a Conv lacks the field 'padding'"),
    (lambda t, h: t.pop("conv1.W"), "'conv1' should have the array 'W'"),
    (change_array("conv9.W", zeros(2)), "owns the array 'conv9.W'"),
    (change_array("dense1.W", zeros(3, 5)), "the arrays do not fit"),
    (change_array("dense1.W", zeros(3, 45000)), "the arrays do not fit the architecture: layer 'dense1'"),
    (change_array("dense1.W", zeros(3)), "'dense1' cannot be rebuilt as a Dense"),
    (change_array("dense1.b", zeros(4)), "'dense1' cannot be rebuilt as a Dense"),
    (change_array("dense1.b", np.zeros(3, np.uint8)), "'dense1.b' should be float32 or float64, not uint8"),
    (change_array("dense1.b", np.zeros(3)), "all weights should have one dtype, but 'conv1.W' is float32 and"),
    (change_array("conv1.W", np.zeros((4, 2, 3, 3))), "all weights should have one dtype"),
    (change_array("conv1.W", zeros(4, 1, 3, 3)), "'conv1' .* takes maps of 1 channels"),
    (change_array("conv1.W", zeros(4, 400, 3, 3)), "'conv1' .* takes maps of 400 channels"),
    (change_array("conv1.W", zeros(4, 400_000, 1, 1)), "'conv1' .* takes maps of 400000 channels"),
    (change_array("conv1.W", zeros(4, 2, 0, 3)), "'conv1.W' holds nothing"),
    (change_array("center1.mean", zeros(2, 13, 12)), "its mean .* is neither one number"),
    (change_array("center1.mean", zeros(3, 2, 12, 12)), "its mean .* is neither one number"),
    (change_array("center1.mean", np.array(1)), "'center1.mean' should be float32 or float64, not int64"),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_a_header_that_does_not_fit_is_refused_by_name(tmp_path, change, words):
    net = every_layer()
    tensors, header = dict(tensors_of(net)), json.loads(json.dumps(header_of(net)))
    change(tensors, header)
    file = write_tensors(tmp_path / "net.safetensors", tensors, header)
    with pytest.raises(ModelFileError, match=f"net.safetensors: .*{words}"):
        load_network(file)


def test_a_limit_on_outputs_can_be_raised(tmp_path):
    net = build([conv(1, 1, padding=30), nnpg.AvgPool(60), nnpg.Flatten(), dense(2)], input_shape=(1, 9, 9), rng=0)
    file = save(net, tmp_path / "net.safetensors")
    assert load_network(file).shapes["conv1"] == (1, 69, 69)
    with pytest.raises(ModelFileError, match=r"'conv1' would hold 4761 .* limit is 4000 \(.*largest_output"):
        load_network(file, largest_output=4000)
    assert describe(file)["input_shape"] == [1, 9, 9]


def test_nothing_is_allocated_before_a_file_is_checked(tmp_path):
    """A file of some hundred bytes can declare arrays of gigabytes."""
    net = build([conv(1, 1, padding=1), nnpg.Flatten(), dense(2)], input_shape=(1, 2, 2), rng=0)
    tensors, header = dict(tensors_of(net)), json.loads(json.dumps(header_of(net)))
    layer_of(header, "conv1").update(padding=[12_500] * 4)
    file = write_tensors(tmp_path / "net.safetensors", tensors, header)
    tracemalloc.start()
    with pytest.raises(ModelFileError, match="'conv1' would hold"):
        load_network(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def raw_file(path, header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


ONE = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"nnpg": "{}"}}


def one(**fields):
    return ONE | {"a": ONE["a"] | fields}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (one(shape=[3]), "takes 12 bytes, not 8"),
        (one(shape=[2**40, 2**40]), "bytes, not 8"),
        (one(shape=[-2]), "should have a shape"),
        (one(shape=[2.0]), "should have a shape"),
        (one(shape=[True, 2]), "should have a shape"),
        (one(shape=2), "should have a shape"),
        (one(shape=[1] * 8 + [2]), "should have a shape of at most 8"),
        (one(dtype="U64"), "should have a dtype out of F64, F32"),
        (one(dtype=None), "should have a dtype"),
        (one(data_offsets=[8, 0]), "two ascending data_offsets"),
        (one(data_offsets=[0]), "two ascending data_offsets"),
        (one(data_offsets=[8, 16]), "begins at byte 8 of the data, where 0 was expected"),
        (one(data_offsets=[0, 2**60], shape=[2**58]), "should have a shape"),
        (one(data_offsets=[0, 2**40], shape=[2**38]), "header describes"),
        (ONE | {"b": ONE["a"]}, "the arrays must follow each other"),
        (ONE | {"b": 3}, "should have a dtype, a shape and data_offsets, not 3"),
        (one(more=1), "should have a dtype, a shape and data_offsets"),
        (b"[1]", "expected a JSON object"),
        (b"{", "not a safetensors file"),
        (b'{"a": 1, "a": 1}', "the key 'a' occurs twice"),
        (b"[" * 100_000, "nested too deeply"),
        (ONE | {"__metadata__": {"nnpg": '{"a": %s}' % ("[" * 60 + "]" * 60)}}, "nested too deeply"),
        (b"[" * 300_000, "values in the JSON, more than"),
        (b'{"\xff": 1}', "not a safetensors file"),
        (b'{"a": %s}' % (b"1" * 5000), "not a safetensors file"),
        (ONE | {"__metadata__": {"nnpg": '"\\ud800"'}}, "expected a JSON object"),
        (ONE | {"__metadata__": {"nnpg": '{"a": "\\ud800"}'}}, "is not text"),
        (ONE | {"__metadata__": {"other": "{}"}}, "nnpg did not write it"),
        (ONE | {"__metadata__": 3}, "nnpg did not write it"),
        (ONE | {"__metadata__": {"nnpg": 3}}, "nnpg did not write it"),
    ],
)
def test_a_header_that_does_not_describe_its_file_is_refused(tmp_path, header, words):
    file = raw_file(tmp_path / "net.safetensors", header, bytes(8))
    with pytest.raises(ModelFileError, match=f"net.safetensors: .*{words}"):
        read_tensors(file)


def test_sizes_that_a_file_does_not_have_are_refused(tmp_path):
    file = tmp_path / "net.safetensors"
    for content in (b"", b"1234567", (10**18).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"{}more"):
        file.write_bytes(content)
        with pytest.raises(ModelFileError, match="not a safetensors file, or only a part"):
            read_tensors(file)
    with pytest.raises(ModelFileError, match="a folder, a device or a pipe"):
        read_tensors(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="a folder, a device or a pipe"):
        read_tensors(tmp_path / "pipe")


def test_arrays_come_back_whatever_their_order_in_memory(tmp_path):
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    arrays = {"T": a.T, "big": a.astype(">f4"), "back": a[::-1], "wide": np.broadcast_to(a[0], (4, 3)), "none": a[:0]}
    read, _ = read_tensors(write_tensors(tmp_path / "a.safetensors", arrays, {}))
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].flags.c_contiguous
        assert read[name].flags.writeable
        assert read[name].dtype.isnative


def test_a_network_that_a_file_cannot_hold_is_refused_when_saving(tmp_path):
    net = every_layer()
    with pytest.raises(ValueError, match="interventions on relu1"):
        save(net.intervene("relu1", nnpg.Clamp(0, 1)), tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"a file cannot hold this network: .* one dtype"):
        save(net.replace("dense1", b=np.zeros(3)), tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="JSON"):
        save(net, tmp_path / "net.safetensors", {"seed": {1, 2}})
    with pytest.raises(ValueError, match="more than the 4194304 that are read"):
        save(net, tmp_path / "net.safetensors", {"notes": "a" * 5_000_000})
    with pytest.raises(ValueError, match="cannot hold the array 'a' of dtype object"):
        write_tensors(tmp_path / "a.safetensors", {"a": np.array([None])}, {})
    assert not list(tmp_path.iterdir())


def test_settings_in_numbers_of_numpy_are_settings(tmp_path):
    layers = [dense(3), Dropout(np.float64(0.3)), nnpg.Step(at_zero=np.True_), dense(2), Dropout(np.float32(0.5))]
    net = build(layers, input_shape=(4,), rng=0)
    same = load_network(save(net, tmp_path / "net.safetensors"))
    assert [same.layers[name].rate for name in ("dropout1", "dropout2")] == [0.3, 0.5]
    assert same.layers["step1"].at_zero == 1


def test_weights_that_are_not_finite_are_loaded_as_they_are(tmp_path):
    net = every_layer().replace("dense1", b=np.array([np.nan, np.inf, 1], np.float32))
    same = load_network(save(net, tmp_path / "net.safetensors"))
    np.testing.assert_array_equal(same.layers["dense1"].b, net.layers["dense1"].b)


def test_the_header_is_plain_json_and_no_pickle(tmp_path):
    file = save(every_layer(), tmp_path / "net.safetensors")
    _, header = read_tensors(file)
    assert header["architecture"][1]["layer"] == "Conv"
    assert b"pickle" not in file.read_bytes()
