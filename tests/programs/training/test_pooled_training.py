"""Training with pools of adversarial examples by a plan against its steps one by one: the same pools and networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mutation.own_steps import planted
from parameters import equal, flat

import nnpg
from nnpg import conv, dense, programs
from nnpg.training_methods.adversarial_pool import AdversarialPool

N, K = 23, 4


class Mine(AdversarialPool):
    """A subclass, so that its steps are taken one by one."""


S, T = nnpg.Sigmoid, nnpg.Tanh
NETS: dict[str, tuple[tuple[int, ...], list[Any], tuple[str, ...]]] = {
    "dense": ((19,), [dense(9), S(), dense(7), S(), dense(K), nnpg.Softmax()], ("sigmoid2", "input", "sigmoid1")),
    "hidden only": ((6,), [dense(18), T(), dense(17), S(), dense(K), nnpg.Softmax()], ("sigmoid1",)),
    "maps": (
        (2, 9, 9),
        [nnpg.Center(np.array(0.2)), conv(3, 3, padding=1), S(), conv(5, 3, padding=1), T(), nnpg.Flatten(), dense(6),
         S(), dense(K), nnpg.Softmax()],
        ("input", "sigmoid1", "tanh1", "sigmoid2"),
    ),
    "outputs": ((5,), [dense(8), S(), dense(K), S()], ("input", "sigmoid1")),
}  # fmt: skip


def examples(name: str, dtype: str) -> tuple[nnpg.Network, Any, Any]:
    shape, recipe, _ = NETS[name]
    rng = np.random.default_rng(2)
    net = nnpg.build(recipe, input_shape=shape, rng=rng, dtype=dtype, backend="numba")
    return net, rng.random((N, *shape)).astype(dtype), rng.integers(0, K, N)


def trained(
    kind: type[AdversarialPool], name: str, batch: int, *, dtype: str = "float64", drawn: int = 3, **settings: Any
) -> nnpg.Training:
    net, x, t = examples(name, dtype)
    settings = {"layers": NETS[name][2], "size": 9, "new": 6, "every": 5, "seed": 4} | settings
    loss = "squared_error" if name == "outputs" else "softmax_cross_entropy"
    sgd = nnpg.SGD(0.3, momentum=0.5, decay=nnpg.PlainDecay(0.01), lr_decay=0.1)
    pool = kind(x, t, batch=drawn, **settings)
    return nnpg.train(net, x, t, epochs=3, batch=batch, rng=1, optimiser=sgd, loss=loss, take_step=pool, progress=False)


def same(got: nnpg.Training, expected: nnpg.Training) -> None:
    assert (got.computed, expected.computed[:14]) == ("compiled", "layer by layer")
    for name, w in flat(expected.net.parameters).items():
        np.testing.assert_allclose(flat(got.net.parameters)[name], w, rtol=1e-10, atol=1e-10, err_msg=name)
    for one, other in zip(got.history, expected.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-9)
        assert one.error == other.error


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize(("batch", "drawn"), [(2, 1), (10, 3), (20, 17)])  # the last: several blocks of each
def test_every_network_takes_the_steps_of_the_layers(
    name: str, batch: int, drawn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examples depend on every bit of the network, so those of the layers and of the program are the same here."""
    monkeypatch.setattr(AdversarialPool, "_renewed", planted)
    same(*(trained(kind, name, batch, drawn=drawn) for kind in (AdversarialPool, Mine)))


def test_the_examples_are_those_of_the_network_of_the_moment() -> None:
    """With real attacks, whose results depend on the network smoothly where it is smooth."""
    got, expected = (trained(kind, "dense", 10, every=3) for kind in (AdversarialPool, Mine))
    assert got.computed == "compiled"
    for name, w in flat(expected.net.parameters).items():
        np.testing.assert_allclose(flat(got.net.parameters)[name], w, rtol=1e-6, atol=1e-6, err_msg=name)


def test_any_number_of_threads_gives_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NNPG_NUM_THREADS", threads)
        found.append(trained(AdversarialPool, "dense", 20, drawn=17, dtype="float32"))
    assert all(equal(other.net, found[0].net) for other in found[1:])


def test_units_that_are_set_do_not_change_the_examples_that_enter_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AdversarialPool, "_renewed", planted)
    net, x, t = examples("dense", "float64")
    set_to = nnpg.Override(np.arange(9) < 3, np.array(0.25))
    net, options = net.intervene("sigmoid1", set_to), {"epochs": 2, "batch": 10, "rng": 1, "progress": False}
    same(
        *(
            nnpg.train(net, x, t, take_step=kind(x, t, layers=NETS["dense"][2], every=5, batch=3), **options)
            for kind in (AdversarialPool, Mine)
        )
    )


def test_what_is_not_covered_says_why() -> None:
    net, x, t = examples("dense", "float64")
    sgd = nnpg.SGD(0.1)
    for layers, other, why in (
        (("dense1",), net, "dense1 is not the output of a block that another one follows"),
        (("softmax1",), net, "softmax1 is not the output of a block"),
        (("input",), net.replace("sigmoid1", nnpg.Step()), "sigmoid1 (Step) begins no block"),
        (("input",), net.to("numpy"), "no compiled programs"),
    ):
        task = AdversarialPool(x, t, layers=layers).task(other, nnpg.losses.softmax_cross_entropy(net), sgd, 5)
        assert task is not None
        assert why in programs.look(other, task).why_not
    assert Mine(x, t, layers=("input",)).task(net, nnpg.losses.softmax_cross_entropy(net), sgd, 5) is None
    with pytest.raises(ValueError, match="examples of 'dense1' need a known range"):
        nnpg.train(net, x, t, epochs=1, batch=5, rng=0, take_step=AdversarialPool(x, t, layers=("dense1",)))


def test_a_learning_rate_too_large_is_found_in_its_step() -> None:
    net, x, t = examples("dense", "float32")
    for kind in (AdversarialPool, Mine):
        pool = kind(x, t, layers=("input",), every=1000, new=2, batch=2)
        sgd = nnpg.SGD(1e38, decay=nnpg.PlainDecay(1.0))
        with pytest.raises(nnpg.TrainingDiverged, match=r"diverged at epoch 1, step [23]:"):
            nnpg.train(net, x, t, epochs=1, batch=5, rng=1, optimiser=sgd, take_step=pool, progress=False)
