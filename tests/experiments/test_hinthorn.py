"""The verdicts of the HI experiments, from runs whose accuracies are known by hand."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.experiment import Context, row_named
from experiments.hinthorn import hi7_steps_to_optimum
from experiments.hinthorn.selective_dropout import tables
from experiments.models.hinthorn.base import CONV, DENSE, base_nets
from experiments.models.hinthorn.contrasts import contrasts
from experiments.models.hinthorn.hard_negatives import Strength, attack_strength
from experiments.models.hinthorn.runs import LEVELS, Runs
from experiments.models.hinthorn.variants import CONTROL, HARD_SMOKE, LONGER, Variant

CONFIG = replace(HARD_SMOKE, rates=(0.001,), keeps=(0.2,), nets=3, factors=(1.5, 2.0))
ON_MAPS, ON_NEURONS = (0.001, Variant(CONV, 0.2)), (0.001, Variant(DENSE, 0.2))
LEAST, TWICE = (0.001, CONTROL), (0.001, LONGER)


def runs_with(accuracies, steps_to_best=10):
    """Runs from three base nets: accuracies at the end, and the steps after which the fresh pairs are at their best."""
    steps = np.arange(0, 101, 10)
    fresh = np.tile(steps >= steps_to_best, (len(accuracies), 1)).astype(float)
    return Runs(
        {level: np.array(accuracies) for level in LEVELS}, steps, fresh, fresh, np.full((len(accuracies), 4), 0.5), 5
    )


@pytest.fixture
def context(tmp_path):
    return Context(tmp_path, tmp_path, None, None, "numpy", progress=False)


def given_runs(monkeypatch, module, runs):
    def chosen(config, by, variants, context, rates=None):
        return {(rate, v): runs[rate, v] for rate in rates or config.rates for v in variants}

    monkeypatch.setattr(module, "hard_negative_runs", chosen)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)


def table_of(runs, paper, monkeypatch, context, **settings):
    """HI-T1 on these runs, and the attack that was chosen for them."""
    given_runs(monkeypatch, tables, runs)
    strength = Strength(2.0, {1.5: np.array([0.7]), 2.0: np.array([0.5])}, {1.5: 0.8, 2.0: 0.9})
    monkeypatch.setattr(tables, "attack_strength", lambda *_: strength)
    made = tables.experiment(1, "both", 82, {0.001: paper})
    config = tables.Config(**vars(CONFIG) | settings, readings=())
    return made.run(config, context)


def test_a_table_judges_the_sign_of_each_difference_over_base_nets(monkeypatch, context):
    runs = {
        LEAST: runs_with([0.5, 0.5, 0.5]),
        TWICE: runs_with([0.5, 0.51, 0.5]),
        ON_MAPS: runs_with([0.7, 0.71, 0.72]),
        ON_NEURONS: runs_with([0.6, 0.61, 0.62]),
    }
    result = table_of(runs, (0.5, 0.6, 0.6, 0.6, 0.4, 0.4, 0.4), monkeypatch, context)
    gain, loss = (
        row_named(result.rows, f"lr 0.001, {v.name} minus control, on fresh pairs") for _, v in (ON_MAPS, ON_NEURONS)
    )
    assert (gain.claim, loss.claim) == tuple(f"the table's accuracy is {w} the control's" for w in ("above", "below"))
    assert (gain.verdict, loss.verdict) == ("held", "contradicted")
    assert (gain.paper, loss.paper) == (pytest.approx(0.1), pytest.approx(-0.1))
    assert (gain.n, gain.over, gain.interval) == (3, "nets", "98.33% t over nets")  # three differences are judged
    twice = row_named(result.rows, f"lr 0.001, {ON_MAPS[1].name} minus {LONGER.name}, on fresh pairs")
    assert (twice.paper, twice.verdict) == (None, "held")
    assert row_named(result.rows, f"lr 0.001, {CONTROL.name}: accuracy on pairs held out").over == "nets"
    assert row_named(result.rows, "distortion, chosen on a network that is not judged").ours == 2
    assert row_named(result.rows, "confidence of that network in the target").ours == 0.9
    assert "wanted" in result.texts[1].body


def test_no_difference_in_the_paper_is_no_claim(monkeypatch, context):
    runs = {LEAST: runs_with([0.5, 0.5, 0.6]), TWICE: runs_with([0.5, 0.5, 0.6]), ON_MAPS: runs_with([0.5, 0.6, 0.6])}
    runs[ON_NEURONS] = runs[ON_MAPS]
    result = table_of(runs, (0.5,) * 7, monkeypatch, context)
    same = row_named(result.rows, f"lr 0.001, {ON_MAPS[1].name} minus control, on fresh pairs")
    assert (same.paper, same.claim, same.verdict, same.interval) == (0.0, "", None, "95% t over nets")


def test_layer_and_share_interact_where_a_small_share_serves_maps_and_a_large_one_neurons():
    accuracy = {(CONV, 0.2): 0.6, (CONV, 0.7): 0.5, (DENSE, 0.2): 0.4, (DENSE, 0.7): 0.55}
    noise = np.array([0.0, 0.01, -0.01])
    runs = {(rate, Variant(*cell)): runs_with(a + noise) for rate in (0.001, 0.003) for cell, a in accuracy.items()}
    runs |= {(rate, v): runs_with(0.5 + noise) for rate in (0.001, 0.003) for v in (CONTROL, LONGER)}
    paper = {(0.001, Variant(*cell)): a for cell, a in accuracy.items()}
    found = {c.name: c for c in contrasts(runs, paper)}
    each = found["lr 0.001, keep 0.2 minus 0.7: conv2 minus dense1, on fresh pairs"]
    np.testing.assert_allclose(each.differences, 0.25)
    assert each.paper == pytest.approx(0.25)
    assert found["lr 0.003, keep 0.2 minus 0.7: conv2 minus dense1, on fresh pairs"].paper is None
    np.testing.assert_allclose(found["mean gain, lr 0.001 minus lr 0.003, on fresh pairs"].differences, 0, atol=1e-12)
    retaining = found["lr 0.001, dense1, keep 0.7 minus keep 0.2, on fresh pairs"]
    np.testing.assert_allclose(retaining.differences, 0.15)
    assert "retaining fewer" in retaining.claim.quoted


def test_both_readings_of_fewer_steps_are_judged_by_one_interval(monkeypatch, context):
    runs = {LEAST: runs_with([1] * 5, 70), ON_MAPS: runs_with([1] * 5, 20), ON_NEURONS: runs_with([1] * 5, 40)}
    given_runs(monkeypatch, hi7_steps_to_optimum, runs)
    result = hi7_steps_to_optimum.run(CONFIG, context)
    verdicts = {}
    for _, v in (ON_MAPS, ON_NEURONS):
        for factor in (1.5, 2.0):
            read = row_named(result.rows, f"lr 0.001, {v.name}: times fewer than the control, at least {factor:g}")
            assert (read.paper, read.n, read.over) == (factor, 5, "nets")
            verdicts[v.layer, factor] = (round(read.ours, 9), read.verdict)
    assert verdicts == {
        (CONV, 1.5): (3.5, "held"), (CONV, 2.0): (3.5, "held"),
        (DENSE, 1.5): (1.75, "held"), (DENSE, 2.0): (1.75, "contradicted"),
    }  # fmt: skip


def test_runs_that_still_rise_leave_the_claim_open(monkeypatch, context):
    runs = {LEAST: runs_with([1] * 5, 90), ON_MAPS: runs_with([1] * 5, 100), ON_NEURONS: runs_with([1] * 5, 30)}
    given_runs(monkeypatch, hi7_steps_to_optimum, runs)
    result = hi7_steps_to_optimum.run(CONFIG, context)
    still = row_named(result.rows, f"lr 0.001, {CONTROL.name}: runs still rising when training ended")
    assert still.ours == 1
    maps, neurons = (
        row_named(result.rows, f"lr 0.001, {v.name}: times fewer than the control, at least 2")
        for _, v in (ON_MAPS, ON_NEURONS)
    )
    assert (maps.low, maps.high, maps.verdict) == (0, np.inf, "open")
    assert (round(neurons.low, 9), neurons.high, neurons.verdict) == (3, np.inf, "held")  # at least three times
    assert "10 of 15 runs still rose" in result.verdict


@pytest.mark.slow
def test_the_attack_is_chosen_on_a_network_that_is_not_judged(tmp_path, monkeypatch):
    where = Context(tmp_path, tmp_path / "models", None, None, "numpy", progress=False)
    config = replace(HARD_SMOKE, rounds=1)
    strength = attack_strength(config, where)
    assert set(strength.accuracy) == set(config.factors)
    assert strength.factor == min(config.factors, key=lambda f: abs(strength.accuracy[f][0] - config.wanted[0][1]))
    least, most = (strength.confidence[factor] for factor in config.factors)
    assert most > least > 0
    chosen_on = {f.name for f in where.models.iterdir() if f.name.startswith("net-H")}
    assert chosen_on
    assert not chosen_on & {net.file.name for net in base_nets(config, where, config.nets)}
