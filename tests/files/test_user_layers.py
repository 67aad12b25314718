"""Layers of a user's classes in files: saved under their own name, and rebuilt only from a class that is passed."""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from child import child
from fuzz.user_layer import Scaled

import nnpg
from nnpg import Conv, ModelFileError, Network, build, conv, dense, load_network, save
from nnpg.files import describe, header_of, tensors_of, write_tensors

FULL = "fuzz.user_layer.Scaled"


def scale() -> Any:
    return np.array([[[0.5]], [[-2.0]]], np.float32)


def network(layer: Any = None) -> Network:
    layer = Scaled(scale(), 0.1, "a", (1, ("b", None), True)) if layer is None else layer
    layers = [conv(2, 3), ("mine", layer), nnpg.Flatten(), dense(3), nnpg.Softmax()]
    return build(layers, input_shape=(1, 5, 5), rng=0)


def test_every_field_comes_back_exactly(tmp_path):
    net = network()
    same = load_network(save(net, tmp_path / "net.safetensors", {"seed": 0}), layers=[Scaled])
    layer = same.layers["mine"]
    assert type(layer) is Scaled
    assert (layer.shift, layer.label, layer.limits, layer.is_named) == (0.1, "a", (1, ("b", None), True), True)
    assert layer.limits[2] is True
    np.testing.assert_array_equal(layer.scale, scale())
    assert layer.scale.dtype == np.float32
    assert repr(same) == repr(net)
    x = np.random.default_rng(0).random((3, 1, 5, 5))
    np.testing.assert_array_equal(nnpg.predict(same, x), nnpg.predict(net, x))


def test_a_users_layer_comes_back_on_every_backend(tmp_path, backend):
    net = network().to(backend)
    same = load_network(save(net, tmp_path / "net.safetensors"), backend.name, layers=[Scaled])
    assert type(same.layers["mine"].scale) is type(net.layers["mine"].scale)
    assert tensors_of(same)["mine.scale"].tobytes() == scale().tobytes()


def test_a_file_names_the_class_and_its_fields(tmp_path):
    """Its header can be read without the class."""
    about = describe(save(network(), tmp_path / "net.safetensors"))
    assert about["architecture"][1] == {
        "name": "mine",
        "layer": FULL,
        "settings": {"shift": 0.1, "label": "a", "limits": [1, ["b", None], True], "is_named": True},
        "arrays": ["scale"],
    }


class Mine(Conv):
    """A subclass of a layer of nnpg, which computes the same."""


@dataclass(frozen=True)
class Leaky(nnpg.ReLU):
    slope: float = 0.1

    @functools.cached_property
    def inverse(self) -> float:
        return 1 / self.slope

    def forward(self, k, x):
        return np.where(x > 0, x, self.slope * x), x

    def backward(self, k, delta, saved):
        return np.where(saved > 0, delta, self.slope * delta)


def test_a_subclass_of_a_layer_is_never_saved_as_its_parent(tmp_path):
    W = np.random.default_rng(0).random((1, 1, 3, 3))
    net = Network({"mine": Mine(W, None, stride=2), "leaky": Leaky(0.3)}, (1, 5, 5))
    assert net.layers["leaky"].inverse == 1 / 0.3  # kept in the layer, though it is no field
    file = save(net, tmp_path / "net.safetensors")
    assert [entry["layer"] for entry in describe(file)["architecture"]] == [f"{__name__}.Mine", f"{__name__}.Leaky"]
    mine, leaky = load_network(file, layers=[Mine, Leaky]).layers.values()
    assert (type(mine), mine.b, mine.stride) == (Mine, None, (2, 2))
    np.testing.assert_array_equal(mine.W, W)
    assert (type(leaky), leaky) == (Leaky, Leaky(0.3))
    with pytest.raises(ModelFileError, match=f"{__name__}.Leaky"):
        load_network(file, layers=[Mine, nnpg.Conv, nnpg.ReLU])


def test_classes_of_nnpg_may_be_passed_too(tmp_path):
    net = network()
    classes = [type(layer) for layer in net.layers.values()]
    assert repr(load_network(save(net, tmp_path / "net.safetensors"), layers=classes)) == repr(net)


def test_a_missing_bias_comes_back_as_none(tmp_path):
    @dataclass(frozen=True)
    class Biased(nnpg.Dense):
        b: Any = 7

    file = save(build([("mine", Biased(np.ones((3, 2)), None))], input_shape=(2,), rng=0), tmp_path / "a.safetensors")
    assert load_network(file, layers=[Biased]).layers["mine"].b is None


SCRIPT = """
import sys
from dataclasses import dataclass
import nnpg

@dataclass(frozen=True)
class Doubled(nnpg.Flatten):
    factor: float = 2.0
    def forward(self, k, x):
        y, saved = super().forward(k, x)
        return self.factor * y, saved
    def backward(self, k, delta, saved):
        return super().backward(k, self.factor * delta, saved)

path = sys.argv[1]
if sys.argv[2] == "save":
    nnpg.save(nnpg.build([("doubled", Doubled(3.0)), nnpg.dense(2)], input_shape=(1, 2, 2), rng=0), path)
print(nnpg.load_network(path, "numpy", layers=[Doubled]).layers["doubled"])
"""


def test_a_class_of_a_script_is_known_to_another_run_of_it(tmp_path):
    for task in ("save", "load"):
        assert child(SCRIPT, str(tmp_path / "net.safetensors"), task) == "Doubled(factor=3.0)\n"
    words = r"of the class '__main__\.Doubled', which is not nnpg's own; passed: '.*\.Leaky'"
    with pytest.raises(ModelFileError, match=words):
        load_network(tmp_path / "net.safetensors", layers=[Leaky])


def test_a_class_that_was_not_passed_is_neither_imported_nor_called(tmp_path):
    """The module that the file names is on the path, and says so when it is imported."""
    (tmp_path / "hostile.py").write_text("raise SystemExit('imported')\n")
    net = network()
    header = json.loads(json.dumps(header_of(net)))
    for full in ("hostile.Scaled", "os.system", "builtins.eval", FULL):
        header["architecture"][1]["layer"] = full
        file = write_tensors(tmp_path / "net.safetensors", tensors_of(net), header)
        sys.path.insert(0, str(tmp_path))
        try:
            with pytest.raises(ModelFileError) as caught:
                load_network(file)
        finally:
            sys.path.remove(str(tmp_path))
        assert str(caught.value) == (
            f"{file}: layer 'mine' is of the class {full!r}, which is not nnpg's own; passed: no such class. In "
            "Python, nnpg.load_network(path, layers=[...]) takes the class; a command cannot take one"
        )
    assert "hostile" not in sys.modules


def with_settings(**changes):
    return lambda entry: entry["settings"].update(changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e.update(more=1), "its entry has no field 'more'"),
        (lambda e: e.pop("settings"), "its entry lacks field 'settings'"),
        (lambda e: e.update(settings=[1]), "its settings should be an object of numbers, text"),
        (with_settings(shift={"a": 1}), "its settings should be an object of numbers, text"),
        (with_settings(shift=float("nan")), "its settings should be an object of numbers, text"),
        (with_settings(shift=float("inf")), "its settings should be an object of numbers, text"),
        (with_settings(shift=10**40), "its settings should be an object of numbers, text"),
        (with_settings(limits=[[[[[[[[[1]]]]]]]]]), "its settings should be an object of numbers, text"),
        (with_settings(slope=1), r"the file has the fields \['is_named', .*'slope'\], and 'fuzz.user_layer.Scaled' as"),
        (with_settings(scale=1), "its arrays should be a list of names that are no settings"),
        (lambda e: e["settings"].pop("label"), r"the file has the fields \['is_named', 'limits', .* pass the class as"),
        (lambda e: e.update(arrays=[]), r"has the fields \['is_named', 'label', 'limits', 'shift'\], and"),
        (lambda e: e.update(arrays=[3]), "its arrays should be a list of names"),
        (lambda e: e.update(arrays="scale"), "its arrays should be a list of names"),
        (lambda e: e.update(arrays=["scale", "scale"]), "its arrays should be in order and named once"),
        (lambda e: e.update(arrays=["scale", "shift"]), "its arrays should be a list of names that are no settings"),
        (lambda e: (e.update(arrays=[]), e["settings"].update(scale=1)), "'scale' is learned and should be an array"),
        (lambda e: (e["settings"].pop("shift"), e.update(arrays=["scale", "shift"])), "the array 'shift', which the f"),
        (lambda e: e.update(name="input"), "other than 'input'"),
        (lambda e: e.update(layer="Scaled"), "'Scaled'; this version knows Dense"),
        (lambda e: e.update(layer="a." * 200), "this version knows Dense"),
        (lambda e: e.update(layer="a.\x1b[31m"), "this version knows Dense"),
    ],
)
def test_a_damaged_entry_is_refused_by_name(tmp_path, change, words):
    net = network()
    header = json.loads(json.dumps(header_of(net)))
    change(header["architecture"][1])
    file = write_tensors(tmp_path / "net.safetensors", tensors_of(net), header)
    with pytest.raises(ModelFileError, match=f"net.safetensors: .*{words}"):
        load_network(file, layers=[Scaled])


def test_outputs_behind_a_users_layer_are_checked(tmp_path):
    net = network()
    for change, words in (
        (
            {"mine.scale": np.ones((1, 4, 4), np.float32)},
            r"'mine' \(Scaled\) cannot take an input of shape \(2, 3, 3\)",
        ),
        ({"mine.scale": np.ones((9, 2, 1, 1), np.float32)}, r"'mine' \(Scaled\) makes 9 outputs of one image"),
        ({"mine.scale": np.ones((1, 2, 90, 1), np.float32)}, r"'mine' \(Scaled\) cannot take an input"),
        ({"dense1.W": np.ones((3, 17), np.float32)}, "the arrays do not fit the architecture: layer 'dense1'"),
    ):
        file = write_tensors(tmp_path / "net.safetensors", tensors_of(net) | change, header_of(net))
        with pytest.raises(ModelFileError, match=f"net.safetensors: .*{words}"):
            load_network(file, layers=[Scaled])
    file = save(network(), tmp_path / "net.safetensors")
    with pytest.raises(ModelFileError, match=r"'input' would hold 25 numbers .* limit is 20"):
        load_network(file, layers=[Scaled], largest_output=20)


def test_an_error_of_the_class_names_the_layer_and_the_file(tmp_path):
    @dataclass(frozen=True)
    class Fussy(nnpg.Tanh):
        slope: float = 1.0

        def __post_init__(self):
            if self.slope > 2:
                raise KeyError("slope is too steep")

    net = build([dense(3), ("mine", Fussy())], input_shape=(2,), rng=0)
    header = json.loads(json.dumps(header_of(net)))
    header["architecture"][1]["settings"]["slope"] = 3
    file = write_tensors(tmp_path / "net.safetensors", tensors_of(net), header)
    with pytest.raises(ModelFileError, match=r"net.safetensors: layer 'mine' cannot be rebuilt as a .*too steep"):
        load_network(file, layers=[Fussy])
