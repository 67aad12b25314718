"""Interventions: applied in forward, respected in backward, and a new network each time."""

from __future__ import annotations

from typing import Any

import nets
import numpy as np
import pytest
from of_device import host, on

import nnpg
from nnpg_kernels import Backend

MAPS = np.array([True, False, False, True])[:, None, None]
POOL = np.random.default_rng(7).standard_normal((5, 4, 4, 5))
CHANGES: dict[str, Any] = {
    "knock out": nnpg.Override(MAPS, np.array(0.0)),
    "mean": nnpg.Override(MAPS, POOL.mean(axis=0)),
    "one value an image": nnpg.Override(np.array(True), POOL[:3]),
    "some pixels": nnpg.Override(np.random.default_rng(1).random((4, 4, 5)) < 0.5, np.array(0.3)),
    "resample": nnpg.Resample(MAPS, POOL, key=3),
    "clamp": nnpg.Clamp(-0.2, 0.3),
    "perturb": nnpg.Perturb(0.1 * POOL[0]),
}
every_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


@every_change
def test_forward_is_changed_from_there_on(change: Any, backend: Backend) -> None:
    net = nets.small(backend)
    x = nets.images(net)
    plain, changed = (host(n.forward(x).outputs) for n in (net, net.intervene("pool1", change)))
    for name in net.names[: net.names.index("pool1")]:
        np.testing.assert_array_equal(changed[name], plain[name])
    expected, _ = change.forward(nnpg.load_backend("numpy"), plain["pool1"])
    np.testing.assert_array_equal(changed["pool1"], expected)  # the trace holds the value after the intervention
    assert not np.array_equal(changed["pool1"], plain["pool1"])
    np.testing.assert_array_equal(changed["softmax1"], host(net.forward(expected, start="pool1").y))


@every_change
@pytest.mark.parametrize("where", ["pool1", "input", "dense2"])
def test_backward_is_the_slope_of_the_changed_network(change: Any, where: str) -> None:
    net = nets.small()
    if where != "pool1":  # the same kinds of change on outputs of another shape
        shape = net.forward(nets.images(net))[where].shape[1:]
        rng = np.random.default_rng(11)
        units, pool = rng.random(shape) < 0.5, rng.standard_normal((5, *shape))
        change = {
            nnpg.Override: nnpg.Override(units, pool[0]),
            nnpg.Resample: nnpg.Resample(units, pool, key=1),
            nnpg.Perturb: nnpg.Perturb(pool[0]),
            nnpg.Clamp: nnpg.Clamp(-0.5, 0.5),
        }[type(change)]
    report = nnpg.gradcheck(net.intervene(where, change), x=nets.images(net))
    assert report.ok, report


def test_delta_is_with_respect_to_the_value_after_the_intervention(backend: Backend) -> None:
    """At the knocked-out output the delta need not be 0: it says what y would do if the value there moved."""
    net = nets.small(backend)
    knocked = net.intervene("pool1", CHANGES["knock out"])
    trace = knocked.forward(nets.images(net))
    deltas = host(knocked.backward(trace, np.random.default_rng(0).standard_normal(trace.y.shape)))
    assert (deltas["pool1"][:, MAPS.ravel()] != 0).any()
    pool = on(backend, net.layers["pool1"])
    through, _ = pool.forward(backend, host(trace["tanh1"]))
    alive = np.where(MAPS, 0, deltas["pool1"])
    np.testing.assert_array_equal(deltas["tanh1"], pool.backward(backend, alive, trace.saved["pool1"]))
    assert through.shape == trace["pool1"].shape
    assert (deltas["tanh1"][:, MAPS.ravel()] == 0).all()  # nothing reaches the layers under a dead map


def test_no_gradient_reaches_the_weights_of_a_dead_map(backend: Backend) -> None:
    net = nets.small(backend).intervene("conv1", CHANGES["knock out"])
    trace = net.forward(nets.images(net))
    deltas = net.backward(trace, np.random.default_rng(0).standard_normal((2, *trace.y.shape)))
    grads = host(net.gradients(trace, deltas))
    dead = MAPS.ravel()
    assert (grads["conv1"]["W"][:, dead] == 0).all()
    assert (grads["conv1"]["b"][:, dead] == 0).all()
    assert (grads["conv1"]["W"][:, ~dead] != 0).all()


def test_changes_of_one_output_run_in_order(backend: Backend) -> None:
    net = nets.small(backend)
    x = nets.images(net)
    added, held = nnpg.Perturb(np.array(1.0)), nnpg.Clamp(-0.2, 0.2)
    both = net.intervene("pool1", added, held)
    one_by_one = net.intervene("pool1", added).intervene("pool1", held)
    other_way = net.intervene("pool1", held, added)
    plain, answer = host(net.forward(x)["pool1"]), host(both.forward(x).outputs)
    np.testing.assert_array_equal(answer["pool1"], np.clip(plain + 1, -0.2, 0.2))
    np.testing.assert_array_equal(host(one_by_one.forward(x).y), answer["softmax1"])
    assert not np.array_equal(host(other_way.forward(x).y), answer["softmax1"])


@every_change
def test_a_changed_network_is_a_new_value(change: Any) -> None:
    net = nets.small()
    x = nets.images(net)
    before = net.forward(x).y.copy()
    changed = net.intervene("pool1", change)
    assert all(changed.layers[name] is net.layers[name] for name in net.layers)
    assert net.interventions == {}
    changed.forward(x)
    np.testing.assert_array_equal(net.forward(x).y, before)


@every_change
def test_restart_at_a_changed_output_takes_its_value_as_it_is(change: Any, backend: Backend) -> None:
    net = nets.small(backend).intervene("pool1", change)
    trace = net.forward(nets.images(net))
    np.testing.assert_array_equal(host(net.forward(trace["pool1"], start="pool1").y), host(trace.y))


@every_change
def test_interventions_keep_float32_and_stacked_seeds(change: Any, backend: Backend) -> None:
    net = nets.small(backend).astype("float32").intervene("pool1", change)
    trace = net.forward(nets.images(net))
    deltas = host(net.backward(trace, nets.one_hot_seeds(3, 5)))
    assert {a.dtype for a in [*(trace[n] for n in trace), *deltas.values()]} == {np.dtype("float32")}
    for s in range(5):
        alone = host(net.backward(trace, nets.one_hot_seeds(3, 5)[s]))
        np.testing.assert_allclose(deltas["input"][s], alone["input"], rtol=1e-4, atol=1e-7)


def test_resample_draws_one_image_for_all_units(backend: Backend) -> None:
    """All units of one image come from the same other image, else no face would ever have looked like that."""
    pool = np.arange(40.0).reshape(20, 2)
    resample = nnpg.Resample(backend.asarray(np.array([True, True])), backend.asarray(pool), key=0)
    y, again = (host(resample.forward(backend, backend.asarray(np.zeros((50, 2))))[0]) for _ in range(2))
    np.testing.assert_array_equal(y[:, 1] - y[:, 0], 1)
    assert len(np.unique(y[:, 0])) > 10
    np.testing.assert_array_equal(y, again)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            nnpg.Override(np.ones((3, 1, 1), bool), np.array(0.0)),
            r"Override does not fit the output 'pool1' of shape \(3, 4",
        ),
        (nnpg.Perturb(np.ones((7, 1, 1, 1, 1))), r"Perturb does not fit .* it would become \(7, 3, 4, 4, 5\)"),
    ],
)
def test_a_change_of_the_wrong_shape_is_named(change: Any, message: str) -> None:
    net = nets.small().intervene("pool1", change)
    with pytest.raises(ValueError, match=message):
        net.forward(nets.images(net))


class Turn:
    """A change that does not commute with the others: all units move on by one."""

    def forward(self, k: Backend, y: np.ndarray) -> tuple[np.ndarray, None]:
        return np.roll(y, 1, axis=-1), None

    def backward(self, k: Backend, delta: np.ndarray, saved: None) -> np.ndarray:
        return np.roll(delta, -1, axis=-1)

    def to(self, move: Any) -> Turn:
        return self


def test_backward_undoes_the_changes_in_reverse_order() -> None:
    changes = [Turn(), nnpg.Clamp(-0.2, 0.3), Turn(), CHANGES["some pixels"]]
    for order in (changes, changes[::-1]):
        assert nnpg.gradcheck(nets.small().intervene("pool1", *order)).ok
