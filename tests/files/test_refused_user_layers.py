"""A user's layer that could not be rebuilt from a file is refused when it is saved, and a class when it is passed."""

from __future__ import annotations

import re
from dataclasses import InitVar, dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
from fuzz.user_layer import Scaled

import nnpg
from nnpg import Conv, Network, build, dense, load_network, save


def network(layer: Any) -> Network:
    return build([dense(3), ("mine", layer)], input_shape=(2,), rng=0)


class Plain:
    parameters: ClassVar[tuple[str, ...]] = ()

    def forward(self, k, x):
        return x, None

    def backward(self, k, delta, saved):
        return delta

    def gradients(self, k, delta, saved):
        return {}


@dataclass(frozen=True)
class Wrong(Plain):
    parameters: ClassVar[Any] = ("W",)


def copy_of(kind: type[Any]) -> type[Any]:
    return dataclass(frozen=True)(type(kind.__name__, (Plain,), {"__module__": kind.__module__}))


@pytest.mark.parametrize(
    ("classes", "error", "words"),
    [
        (Scaled, TypeError, "layers must be a list of classes of layers, not"),
        (None, TypeError, "layers must be a list of classes of layers, not None"),
        ([nnpg.Tanh()], TypeError, "not of an object of type Tanh: pass its class"),
        ([int], ValueError, "builtins.int lacks forward, backward, gradients"),
        ([Plain], ValueError, r"\.Plain is no dataclass: write @dataclass\(frozen=True\) above it"),
        ([Wrong], ValueError, r"\.Wrong should have parameters, a tuple of the fields that are learned, out of none"),
        ([copy_of(Conv)], ValueError, r"\.Conv has the name of nnpg's own layer Conv: give the class another name"),
        ([Scaled, copy_of(Scaled)], ValueError, "two classes in layers are named fuzz.user_layer.Scaled"),
    ],
)
def test_classes_that_no_layer_can_be_rebuilt_from_are_refused_before_the_file_is_read(classes, error, words):
    with pytest.raises(error, match=words):
        load_network("none.safetensors", layers=classes)


def made(name: str, annotation: Any, value: Any, **options: Any) -> Any:
    """Return a layer of a dataclass with one field, `value`."""
    space = {
        "__annotations__": {name: annotation},
        name: field(default_factory=lambda: value, **options),
        "__module__": __name__,
    }
    return dataclass(frozen=True, eq=False)(type("Made", (nnpg.Tanh,), space))()


@dataclass(frozen=True)
class Drifting(nnpg.Tanh):
    slope: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "slope", self.slope + 1)


@dataclass(frozen=True)
class Asking(nnpg.Tanh):
    start: InitVar[float]


class Attached(nnpg.Tanh):
    def __init__(self):
        object.__setattr__(self, "scale", 3.0)


def square(x):
    return x * x


class Mask(np.ndarray):
    """Not a plain array."""


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (
            made("f", object, square),
            "its field 'f' is an object of type function, and a file can hold only numbers, text, None, tuples",
        ),
        (made("f", object, np.float64(0.5)), "its field 'f' is .*0.5.*, and a file can hold only numbers"),
        (made("f", object, float("inf")), "its field 'f' is inf, and a file"),
        (made("f", object, "\ud800"), "its field 'f' is .*, and a file"),
        (made("f", object, (1, [2])), r"its field 'f' is \(1, \[2\]\), and a file"),
        (made("f", object, 2**70), "its field 'f' is .*, and a file"),
        (made("f", object, np.float32), "its field 'f' is a type, and no plain array"),
        (made("f", object, np.ones(2).view(Mask)), "its field 'f' is a Mask, and no plain array"),
        (made("f", object, np.ones(2), init=False), "its array 'f' is no argument of .*Made"),
        (made("f", object, np.arange(3)), ".f' should be float32 or float64, not int64"),
        (made("f", object, square, init=False), None),
        (Drifting(), "its field 'slope' would come back as another value, 3.0"),
        (Asking(1.0), "cannot be rebuilt as a .*Asking.*missing 1 required positional argument"),
        (Attached(), "it holds 'scale', which is no field of .*Attached"),
        (Plain(), r"\.Plain is no dataclass"),
        (copy_of(nnpg.ReLU)(), "has the name of nnpg's own layer ReLU: give the class another name"),
    ],
)
def test_a_layer_that_would_not_come_back_is_not_saved(tmp_path, layer, words):
    file = tmp_path / "net.safetensors"
    if words is None:  # the class itself sets this field
        assert load_network(save(network(layer), file), layers=[type(layer)]).layers["mine"].f is square
        return
    with pytest.raises(ValueError, match=f"'mine.*{words}"):
        save(network(layer), file)
    assert not list(tmp_path.iterdir())


def test_two_classes_of_one_name_in_a_network_are_refused(tmp_path):
    layers = {name: made("f", object, 1.0) for name in ("one", "two")}
    with pytest.raises(ValueError, match=re.escape(f"two classes in it are named {__name__}.Made")):
        save(Network(layers, (2,)), tmp_path / "net.safetensors")
