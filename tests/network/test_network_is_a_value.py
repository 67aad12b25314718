"""A network is a value: nothing that happens outside changes what it answers, on either path."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from child import child
from parameters import changed, flat

import nnpg
from nnpg import conv, dense

RECIPE = [conv(3, 3), nnpg.Tanh(), nnpg.Flatten(), dense(4), nnpg.Softmax()]
X = np.random.default_rng(0).standard_normal((20, 1, 8, 8)).astype("f4")


def small(backend: str = "numba") -> nnpg.Network:
    return nnpg.build(RECIPE, input_shape=(1, 8, 8), rng=0, backend=backend)


def test_layers_and_interventions_are_read_only() -> None:
    net = small()
    with pytest.raises(TypeError, match="item assignment"):
        net.layers["dense1"] = nnpg.Tanh()  # type: ignore[index]
    with pytest.raises(TypeError, match="item assignment"):
        net.interventions["tanh1"] = ()  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        net.layers["dense1"].W[0] = 1.0


def test_the_dictionaries_it_was_made_from_are_nothing_to_it() -> None:
    layers, interventions = dict(small().layers), {"tanh1": (nnpg.Clamp(-0.1, 0.1),)}
    net = nnpg.Network(layers, (1, 8, 8), nnpg.load_backend("numba"), interventions)
    before = nnpg.predict(net, X)
    layers["tanh1"] = nnpg.ReLU()
    interventions.clear()
    assert (nnpg.predict(net, X) == before).all()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(
    "view", [lambda w: w, lambda w: w[:], lambda w: np.asfortranarray(w)], ids=["it", "view", "copy"]
)
def test_writing_to_an_array_that_it_was_made_from_changes_nothing(backend, view) -> None:  # type: ignore[no-untyped-def]
    mine = changed(small().parameters, np.copy)
    net = small(backend).with_parameters(changed(mine, view))
    layer = nnpg.Dense(mine["dense1"]["W"])
    other = net.replace("dense1", layer)
    before, others = nnpg.predict(net, X), nnpg.predict(other, X)
    for array in flat(mine).values():
        array *= 2
    assert (nnpg.predict(net, X) == before).all()
    assert (nnpg.predict(other, X) == others).all()
    assert (net.forward(X).y.argmax(axis=1) == before.argmax(axis=1)).all()
    assert layer.W is mine["dense1"]["W"]  # the layer that was given is as it was


def test_an_array_that_nobody_can_write_to_is_not_copied() -> None:
    net = small()
    for other in (net.replace("tanh1", nnpg.ReLU()), net.with_parameters(net.parameters), net.to("numpy")):
        assert other.layers["conv1"].W is net.layers["conv1"].W


def test_a_layer_exchanged_past_the_network_is_what_runs() -> None:
    net, rng = small(), np.random.default_rng(1)
    nnpg.predict(net, X)
    layers = {**net.layers, "dense1": nnpg.Dense(rng.random((4, 108), "f4"))}
    for exchange in (
        lambda: object.__setattr__(net, "layers", layers),
        lambda: object.__setattr__(net.layers["conv1"], "W", rng.random((3, 1, 3, 3), "f4")),
        lambda: object.__setattr__(net.layers["conv1"], "b", rng.random(3, "f4")),
    ):
        before = nnpg.predict(net, X)
        exchange()
        with nnpg.require_compiled():
            after = nnpg.predict(net, X)
        np.testing.assert_allclose(after, nnpg.Network(net.layers, (1, 8, 8)).forward(X).y, rtol=1e-5)
        assert not np.allclose(after, before)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_answer_the_same_and_are_values_too(again) -> None:  # type: ignore[no-untyped-def]
    net = small().intervene("tanh1", nnpg.Clamp(-0.5, 0.5))
    other = again(net)
    assert (nnpg.predict(other, X) == nnpg.predict(net, X)).all()
    assert other.backend is net.backend
    assert list(other.layers) == list(net.layers)
    with pytest.raises(ValueError, match="read-only"):
        other.layers["dense1"].W[0] = 1.0


SCRIPT = """
import pickle
import sys
import numpy as np
import nnpg
net, x = pickle.loads(sys.stdin.buffer.read())
print(net.backend.name, nnpg.predict(net, x).tobytes().hex())
"""


def test_it_goes_to_another_process() -> None:
    net = small()
    answer = child(SCRIPT, data=pickle.dumps((net, X)))
    assert answer == f"numba {nnpg.predict(net, X).tobytes().hex()}\n"
