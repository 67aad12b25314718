"""What a user subclasses or replaces is what runs: programs stand for nnpg's own layers, losses, optimisers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from agreement import every_task
from parameters import changed, flat

import nnpg
from nnpg import conv, dense
from nnpg.losses import loss_for, softmax_cross_entropy
from nnpg.seeds import class_seed

X = np.random.default_rng(0).standard_normal((9, 1, 8, 8)).astype("f4")
T = np.arange(9) % 3


def doubled(kind: type) -> type:
    """A subclass whose passes give twice the output."""

    class Doubled(kind):  # type: ignore[misc]
        def forward(self, k: Any, x: Any) -> Any:
            y, saved = super().forward(k, x)
            return 2 * y, saved

        def backward(self, k: Any, delta: Any, saved: Any) -> Any:
            return super().backward(k, 2 * delta, saved)

        def gradients(self, k: Any, delta: Any, saved: Any) -> Any:
            return super().gradients(k, 2 * delta, saved)

    return Doubled


def network(backend: str = "numba") -> nnpg.Network:
    recipe = [
        *(nnpg.Center(np.array(0.1, "f4")), conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), conv(2, 2), nnpg.ReLU()),
        *(nnpg.Flatten(), nnpg.Dropout(0.5), dense(3), nnpg.Softmax()),
    ]
    return nnpg.build(recipe, input_shape=(1, 8, 8), rng=0, backend=backend)


@pytest.mark.parametrize("name", list(network().layers))
def test_a_subclass_of_any_layer_runs_its_own_passes(name: str) -> None:
    net = network()
    layer = net.layers[name]
    values = {f.name: getattr(layer, f.name) for f in fields(layer)}  # type: ignore[arg-type]
    net = net.replace(name, doubled(type(layer))(**values))
    assert all("layer by layer" in way for way in nnpg.compilation_report(net).to_dict().values())
    got = every_task(net, X, T)
    for key, expected in every_task(net.to("numpy"), X, T).items():
        np.testing.assert_allclose(
            got[key], expected, rtol=1e-4, atol=1e-5 * max(1.0, abs(expected).max()), err_msg=key
        )
    assert not np.allclose(nnpg.predict(net, X), nnpg.predict(network(), X))


@dataclass(frozen=True)
class Backwards(nnpg.SGD):
    """Goes up."""

    def step(self, net: Any, gradients: Any, state: Any) -> Any:
        return super().step(net, changed(gradients, lambda gradient: -gradient), state)


@dataclass(frozen=True)
class OnlyBiases(nnpg.PlainDecay):
    def gradient(self, name: str, parameter: str, w: Any) -> Any:
        return super().gradient(name, parameter, w) * (parameter == "b")


@dataclass(frozen=True)
class OnlyFirst(nnpg.DecayPerUnit):
    def gradient(self, name: str, parameter: str, w: Any) -> Any:
        return super().gradient(name, parameter, w) * (name == "conv1")


def trained(backend: str, **settings: Any) -> dict[str, Any]:
    net = nnpg.build([conv(3, 3), nnpg.Tanh(), nnpg.Flatten(), dense(3), nnpg.Softmax()], input_shape=(1, 8, 8), rng=0,
                     dtype="f8", backend=backend)  # fmt: skip
    done = nnpg.train(net, X, T, epochs=2, batch=4, rng=0, progress=False, **settings)
    return flat(done.net.parameters) | {"computed": done.computed}


@pytest.mark.parametrize(
    "settings",
    [
        {"optimiser": Backwards(lr=0.1)},
        {"optimiser": nnpg.SGD(lr=0.1, decay=OnlyBiases(0.5))},
        {"optimiser": nnpg.SGD(lr=0.1, decay=OnlyFirst(0.5))},
        {"loss": lambda net: replace(softmax_cross_entropy(net), seed=lambda k, z, t: 0 * z + 1)},
        {"loss": lambda net: replace(softmax_cross_entropy(net), value=lambda k, z, t: z.sum(axis=-1))},
    ],
    ids=["SGD", "PlainDecay", "DecayPerUnit", "seed", "value"],
)
def test_training_takes_the_steps_of_a_subclass_and_the_seed_of_a_changed_loss(settings: dict[str, Any]) -> None:
    got, expected = trained("numba", **settings), trained("numpy", **settings)
    assert got.pop("computed").startswith("layer by layer, because the ")
    expected.pop("computed")
    for name, w in expected.items():
        np.testing.assert_allclose(got[name], w, rtol=1e-10, err_msg=name)


def test_another_name_alone_changes_nothing() -> None:
    renamed = trained("numba", loss=lambda net: replace(softmax_cross_entropy(net), name="mine"))
    assert renamed.pop("computed") == "compiled"
    plain = trained("numba")
    assert all((renamed[name] == plain[name]).all() for name in renamed)


@dataclass(frozen=True, eq=False)
class Cool(nnpg.Softmax):
    """Softmax at temperature 3."""

    def forward(self, k: Any, x: Any) -> Any:
        return super().forward(k, x / 3)

    def backward(self, k: Any, delta: Any, saved: Any) -> Any:
        return super().backward(k, delta, saved) / 3


@pytest.mark.parametrize("of", ["prob", "logprob"])
@pytest.mark.parametrize("change", ["a subclass", "an intervention"])
def test_the_seed_of_a_changed_softmax_is_its_own_derivative(of: Any, change: str) -> None:
    net = nnpg.build([dense(4), nnpg.Softmax()], input_shape=(5,), rng=0, dtype="f8")
    if change == "a subclass":
        net = net.replace("softmax1", Cool())
    else:
        net = net.intervene("softmax1", nnpg.Perturb(np.array(0.2)))
    x = np.random.default_rng(1).standard_normal((1, 5))
    delta = nnpg.prediction_gradient(net, x, layers="input", of=of)["input"]

    def output(x: Any) -> Any:
        y = net.forward(x).y
        return np.log(y) if of == "logprob" else y

    for d in range(5):
        h = 1e-6 * (np.arange(5) == d)
        np.testing.assert_allclose(delta[:, 0, d], (output(x + h) - output(x - h))[0] / 2e-6, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("change", ["a subclass", "an intervention"])
def test_cross_entropy_reads_the_probabilities_of_a_changed_softmax(change: str) -> None:
    net = nnpg.build([dense(4), nnpg.Softmax()], input_shape=(5,), rng=0, dtype="f8")
    clamped = net.intervene("softmax1", nnpg.Clamp(0.0, 0.6))
    net = net.replace("softmax1", Cool()) if change == "a subclass" else clamped
    x, t, k = np.random.default_rng(1).standard_normal((6, 5)), np.arange(6) % 4, net.backend
    loss, y = loss_for(net, "softmax_cross_entropy"), net.forward(x).y
    assert loss.layer == "softmax1"
    np.testing.assert_allclose(loss.value(k, y, t), -np.log(y[np.arange(6), t]))
    h = 1e-6
    for c in range(4):
        step = h * (np.arange(4) == c)
        slope = (loss.value(k, y + step, t) - loss.value(k, y - step, t)) / (2 * h)
        np.testing.assert_allclose(loss.seed(k, y, t)[:, c], slope, rtol=1e-6, atol=1e-9)


def test_the_seed_of_the_logits_of_a_changed_softmax_enters_before_it() -> None:
    net = nnpg.build([dense(4), nnpg.Softmax()], input_shape=(5,), rng=0).replace("softmax1", Cool())
    at, seed = class_seed(net, net.forward(np.zeros((2, 5))), of="logit")
    assert (at, seed.shape) == ("dense1", (4, 2, 4))
