"""Selective dropout: units that are not selected keep every bit; the control is the ordinary loop; what is selected."""

from dataclasses import replace

import numpy as np
import pytest

import nnpg
from nnpg.losses import loss_for
from nnpg.training import step
from nnpg.training_methods.hard_negatives import hard_negative_training
from nnpg.training_methods.learning_curves import steps_to_optimum
from nnpg.training_methods.masked_sgd import MaskedSGD
from nnpg.training_methods.selective_dropout import Retention, SelectiveDropout
from nnpg.training_methods.volatility import unit_changes

OPTIMISERS = [
    nnpg.SGD(0.05),
    nnpg.SGD(0.05, momentum=0.9),
    nnpg.SGD(0.05, momentum=0.9, decay=nnpg.PlainDecay(0.01), lr_decay=0.1),
]


def small(backend="numpy") -> nnpg.Network:
    recipe = [nnpg.conv(5, 3), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(8), nnpg.ReLU(),
              nnpg.dense(3), nnpg.Softmax()]  # fmt: skip
    return nnpg.build(recipe, input_shape=(1, 8, 8), rng=0, dtype="float64").to(backend)


def twins(N=6):
    rng = np.random.default_rng(1)
    x = rng.random((N, 1, 8, 8))
    return x + 0.3 * rng.standard_normal(x.shape), x, rng.integers(0, 3, N)


def arrays_of(net, layer):
    return {p: net.backend.to_numpy(w) for p, w in net.parameters[layer].items()}


@pytest.mark.parametrize("mode", ["gradient", "forward"])
@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=["plain", "momentum", "momentum and decay"])
@pytest.mark.parametrize("layer", ["conv1", "dense1"])
def test_units_that_are_not_selected_keep_every_bit(layer, optimiser, mode, backend):
    """Step by step, velocities from earlier steps included: they must not move a unit that is not selected."""
    net, (adversarial, x, t) = small(backend), twins()
    steps = []

    def watch(n, now, chosen):
        steps.append((n, now, backend.to_numpy(chosen)))

    volatile = SelectiveDropout(x, layer=layer, keep=0.4, mode=mode, watch=watch)
    nnpg.train(net, adversarial, t, epochs=3, batch=2, rng=0, optimiser=optimiser, take_step=volatile, progress=False)
    assert len(steps) == 9
    assert len({tuple(chosen) for _, _, chosen in steps}) > 1  # some units are dropped while they have velocity
    before = net
    for _, now, chosen in steps:
        for p, w in arrays_of(now, layer).items():
            old = arrays_of(before, layer)[p]
            np.testing.assert_array_equal(w[~chosen], old[~chosen])
            moved = (w != old).reshape(len(w), -1).any(axis=1)
            assert (moved[chosen].any() and not moved[~chosen].any()) or mode == "forward"
        other = "dense1" if layer == "conv1" else "conv1"
        assert (arrays_of(now, other)["W"] != arrays_of(before, other)["W"]).any()  # the other layers learn
        assert not now.interventions
        before = now


@pytest.mark.parametrize("optimiser", OPTIMISERS, ids=["plain", "momentum", "momentum and decay"])
def test_masked_sgd_is_sgd_where_it_learns(optimiser):
    net, (x, _, t) = small(), twins()
    units = {"conv1": np.array([True, False, True, False, False])}
    masked = MaskedSGD(optimiser.lr, optimiser.momentum, optimiser.decay, optimiser.lr_decay, units=units)
    loss, a, b = loss_for(net, "softmax_cross_entropy"), (net, optimiser.start(net)), (net, masked.start(net))
    a = step(*(a[0], x, t, loss, optimiser, a[1]))[:2]
    b = step(*(b[0], x, t, loss, masked, b[1]))[:2]
    for name, parameters in a[0].parameters.items():
        for p, w in parameters.items():
            chosen = units.get(name, np.ones(len(w), bool))
            np.testing.assert_array_equal(b[0].parameters[name][p][chosen], w[chosen])
            np.testing.assert_array_equal(b[0].parameters[name][p][~chosen], net.parameters[name][p][~chosen])
            if optimiser.momentum:
                np.testing.assert_array_equal(b[1].velocity[name][p][chosen], a[1].velocity[name][p][chosen])
                assert not b[1].velocity[name][p][~chosen].any()
    # an earlier velocity neither moves the unit nor decays
    still = replace(b[1], velocity=a[1].velocity)
    after, state = masked.step(b[0], {n: dict(parameters) for n, parameters in b[0].parameters.items()}, still)
    if optimiser.momentum:
        off = ~units["conv1"]
        np.testing.assert_array_equal(state.velocity["conv1"]["W"][off], a[1].velocity["conv1"]["W"][off])
        np.testing.assert_array_equal(after.parameters["conv1"]["W"][off], b[0].parameters["conv1"]["W"][off])


def test_the_control_is_alternating_steps_of_the_ordinary_loop():
    net, (adversarial, x, t) = small(), twins()
    sgd = nnpg.SGD(0.05, momentum=0.9)
    done = hard_negative_training(
        net, adversarial, x, t, layer="conv1", epochs=2, rng=3, optimiser=sgd, batch=4, progress=False
    )
    loss, state, rng = loss_for(net, "softmax_cross_entropy"), sgd.start(net), np.random.default_rng(3)
    for _ in range(2):
        order = rng.permutation(6)
        for rows in (order[:4], order[4:]):
            for images in (adversarial, x):
                net, state, *_ = step(net, images[rows], t[rows], loss, sgd, state)
    for name, parameters in net.parameters.items():
        for p, w in parameters.items():
            np.testing.assert_array_equal(done.training.net.parameters[name][p], w)
    assert (done.instability == 1).all()


def test_a_user_step_that_is_the_ordinary_step_changes_nothing():
    net, (x, _, t) = small(), twins()
    options = {"epochs": 2, "batch": 4, "rng": 0, "progress": False}
    plain = nnpg.train(net, x, t, **options)
    same = nnpg.train(net, x, t, take_step=lambda *arguments: step(*arguments[:-1]), **options)
    assert (same.net.parameters["conv1"]["W"] == plain.net.parameters["conv1"]["W"]).all()
    assert [e.loss for e in same.history] == [e.loss for e in plain.history]
    with pytest.raises(ValueError, match="checkpoint"):
        nnpg.train(net, x, t, take_step=lambda *a: step(*a[:-1]), checkpoint="never.safetensors", **options)


@pytest.mark.parametrize("measure", ["volatility", "shift"])
def test_the_most_volatile_units_are_selected(measure):
    net, (adversarial, x, t) = small(), twins()
    selections = []
    volatile = SelectiveDropout(
        x, layer="conv1", keep=0.5, measure=measure, watch=lambda n, now, chosen: selections.append(chosen)
    )
    nnpg.train(net, adversarial, t, epochs=1, batch=6, rng=0, take_step=volatile, progress=False)
    change = unit_changes(net, x, adversarial, layers="pool1")["pool1"].of(measure).mean(axis=0)
    assert selections[0].sum() == 3  # ceil(0.5 * 5)
    assert set(np.flatnonzero(selections[0])) == set(np.argsort(-change)[:3])


def test_groups_share_their_selection():
    """The change is averaged over all pairs of the groups that occur in a batch, those outside the batch included."""
    net, (adversarial, x, t) = small(), twins()
    groups, selections = np.array([0, 1, 0, 1, 1, 2]), []
    volatile = SelectiveDropout(x, layer="dense1", keep=0.25, adversarial=adversarial, groups=groups,
                                watch=lambda n, now, chosen: selections.append(chosen))  # fmt: skip
    options = {"epochs": 1, "batch": 1, "rng": 5, "progress": False}
    nnpg.train(net, adversarial, t, optimiser=nnpg.SGD(1e-9), take_step=volatile, **options)
    change = unit_changes(net, x, adversarial, layers="relu2")["relu2"].volatility
    order = np.random.default_rng(5).permutation(6)
    for row, chosen in zip(order, selections, strict=True):
        mean = change[groups == groups[row]].mean(axis=0)
        assert set(np.flatnonzero(chosen)) == set(np.argsort(-mean)[:2])
    alone = [set(np.argsort(-change[row])[:2]) for row in order]
    assert any(set(np.flatnonzero(chosen)) != units for chosen, units in zip(selections, alone, strict=True))
    options = {"layer": "dense1", "keep": 0.25, "epochs": 2, "rng": 5, "progress": False}
    single = hard_negative_training(net, adversarial, x, t, groups=np.arange(6), **options)  # a group for each pair
    plain = hard_negative_training(net, adversarial, x, t, **options)
    assert (single.training.net.parameters["dense1"]["W"] == plain.training.net.parameters["dense1"]["W"]).all()


def test_clusters_are_selected_as_a_whole_and_a_negative_one_is_a_unit_by_itself():
    net, (adversarial, x, t) = small(), twins()
    change = unit_changes(net, x, adversarial, layers="relu2")["relu2"].volatility.mean(axis=0)
    order = np.argsort(-change)
    clusters = np.full(8, -1)
    clusters[order[[0, 7]]], clusters[order[[1, 2, 3]]] = 4, 0  # the most volatile unit is with the least volatile one
    means = {(order[0], order[7]): change[order[[0, 7]]].mean(), tuple(order[1:4]): change[order[1:4]].mean()}
    means |= {(unit,): change[unit] for unit in order[4:7]}
    ranked = [unit for units in sorted(means, key=means.get, reverse=True) for unit in sorted(units)]
    for keep in (2, 3, 5, 6):
        done = hard_negative_training(net, adversarial, x, t, layer="dense1", keep=keep / 8, clusters=clusters,
                                      epochs=1, batch=6, rng=0, progress=False)  # fmt: skip
        assert set(np.flatnonzero(done.instability)) == set(ranked[:keep])
    options = {"layer": "dense1", "keep": 0.25, "epochs": 2, "rng": 5, "progress": False}
    plain, alone = (hard_negative_training(net, adversarial, x, t, clusters=c, **options) for c in (None, np.arange(8)))
    assert (plain.training.net.parameters["dense1"]["W"] == alone.training.net.parameters["dense1"]["W"]).all()
    with pytest.raises(ValueError, match="clusters must be 8, one for each unit of dense1"):
        hard_negative_training(net, adversarial, x, t, clusters=np.arange(7), **options)
    shorter = SelectiveDropout(x, layer="dense1", keep=0.5, clusters=np.arange(7))
    with pytest.raises(ValueError, match="clusters must be 8"):
        nnpg.train(net, adversarial, t, epochs=1, batch=6, rng=0, take_step=shorter, progress=False)


def test_selection_is_kept_for_as_long_as_asked():
    net, (adversarial, x, t) = small(), twins()
    options = {"layer": "dense1", "epochs": 4, "rng": 0, "keep": 0.25, "progress": False, "optimiser": nnpg.SGD(0.3)}
    masks = {}
    for every in (1, 3):
        selections = []
        volatile = SelectiveDropout(
            x, layer="dense1", keep=0.25, every=every, watch=lambda n, now, chosen, s=selections: s.append(chosen)
        )
        nnpg.train(net, adversarial, t, epochs=4, batch=1, rng=0, take_step=volatile, progress=False)
        masks[every] = np.array(selections)
    changes = (np.diff(masks[3].astype(int), axis=0) != 0).any(axis=1)  # between step n and n + 1
    assert not changes[[n for n in range(23) if (n + 1) % 3]].any()
    assert changes.any()
    assert (np.diff(masks[1].astype(int), axis=0) != 0).any(axis=1).sum() > changes.sum()
    done = hard_negative_training(net, adversarial, x, t, **options)
    assert done.instability.sum() == pytest.approx(2)  # 0.25 of 8 units each time
    assert (done.instability <= 1).all()


def test_units_are_silent_only_while_training():
    """Forward mode and gradient mode give other networks, both without interventions."""
    net, (adversarial, x, t) = small(), twins()
    nets = [
        hard_negative_training(net, adversarial, x, t, layer="dense1", epochs=1, rng=0, keep=0.5, mode=mode,
                               progress=False).training.net
        for mode in ("gradient", "forward")
    ]  # fmt: skip
    assert not nets[1].interventions
    assert (nets[0].parameters["dense2"]["W"] != nets[1].parameters["dense2"]["W"]).any()


def test_the_share_grows_as_the_paper_writes():
    share = Retention(0.2, 0.05)
    assert [share(t) for t in (0, 7)] == pytest.approx([0.2, 1 - np.exp(-0.35) + 0.2 * np.exp(-0.35)])
    assert Retention(0.3, 0.0)(1000) == pytest.approx(0.3)
    net, (adversarial, x, t) = small(), twins()
    counts = []
    volatile = SelectiveDropout(
        x, layer="conv1", keep=Retention(0.2, 0.1), watch=lambda n, now, chosen: counts.append(chosen.sum())
    )
    nnpg.train(net, adversarial, t, epochs=6, batch=1, rng=0, take_step=volatile, progress=False)
    assert counts == [int(np.ceil(5 * Retention(0.2, 0.1)(t))) for t in range(36)]
    assert counts[0] == 1
    assert counts[-1] == 5
    for wrong in ((0.0, 1.0), (1.5, 1.0), (0.5, -1.0)):
        with pytest.raises(ValueError, match=r"Retention: (p0|alpha)"):
            Retention(*wrong)


def test_accuracies_are_watched_and_the_optimum_is_found():
    net, (adversarial, x, t) = small(), twins()
    sets = {"originals": (x, t), "adversarial": (adversarial, t)}
    done = hard_negative_training(net, adversarial, x, t, layer="conv1", epochs=20, rng=0, optimiser=nnpg.SGD(0.2),
                                  judged_on=sets, judge_every=24, progress=False)  # fmt: skip
    assert done.steps.tolist() == list(range(0, 241, 24))
    curve = done.accuracy["originals"]
    assert curve[-1] == 1 - nnpg.error_rate(done.training.net, x, t)
    assert curve[0] == 1 - nnpg.error_rate(net, x, t)
    best = steps_to_optimum(done.steps, [curve], within=0)[0]
    assert curve[done.steps == best] == curve.max()
    assert (curve[done.steps < best] < curve.max()).all()


def test_wrong_arguments_are_refused_before_any_work():
    net, (adversarial, x, t) = small(), twins()
    for arguments, words in (
        ({"keep": 0.0}, "share of units that learns"),
        ({"keep": 1.2}, "share of units that learns"),
        ({"mode": "both"}, "'gradient' or 'forward'"),
        ({"measure": "size"}, "'volatility' or 'shift'"),
        ({"every": 0}, "at least 1"),
        ({"groups": [0] * 5, "adversarial": x}, r"groups must be an array \(6,\)"),
        ({"groups": [0] * 6}, "groups need `adversarial`"),
        ({"groups": [0] * 6, "adversarial": x[:5]}, "like the originals"),
    ):
        with pytest.raises(ValueError, match=words):
            SelectiveDropout(x, layer="conv1", **arguments)
    with pytest.raises(KeyError, match="conv9"):
        hard_negative_training(net, adversarial, x, t, layer="conv9", epochs=1, rng=0)
    with pytest.raises(ValueError, match="adversarial and originals must be as many images, not 6 and 5"):
        hard_negative_training(net, adversarial, x[:5], t, layer="conv1", epochs=1, rng=0)
