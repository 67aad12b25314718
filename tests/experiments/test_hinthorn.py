"""The verdicts of the HI experiments, from runs whose accuracies are known by hand."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.experiment import Context, row_named
from experiments.hinthorn import hi7_steps_to_optimum, selective_dropout_tables
from experiments.models.hinthorn.base import CONV, DENSE
from experiments.models.hinthorn.runs import LEVELS, Runs
from experiments.models.hinthorn.variants import CONTROL, HARD_SMOKE, Variant

CONFIG = replace(HARD_SMOKE, rates=(0.001,), keeps=(0.2,), seeds=3)
ON_MAPS, ON_NEURONS = (0.001, Variant(CONV, 0.2)), (0.001, Variant(DENSE, 0.2))


def runs_with(accuracies, steps_to_best=10):
    """Runs of three seeds: the accuracy at the end, and the steps after which the fresh pairs are at their best."""
    steps = np.arange(0, 101, 10)
    fresh = np.tile(steps >= steps_to_best, (3, 1)).astype(float)
    return Runs({level: np.array(accuracies) for level in LEVELS}, steps, fresh, fresh, np.full((3, 4), 0.5), 12)


@pytest.fixture
def context(tmp_path):
    return Context(tmp_path, tmp_path, None, None, "numpy", progress=False)


def given_runs(monkeypatch, module, runs):
    monkeypatch.setattr(module, "hard_negative_runs", lambda *_: runs)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)


def test_a_table_quotes_the_sign_of_each_difference_and_stays_open_for_one_base_net(monkeypatch, context):
    runs = {
        (0.001, CONTROL): runs_with([0.5, 0.5, 0.5]),
        ON_MAPS: runs_with([0.7, 0.71, 0.72]),
        ON_NEURONS: runs_with([0.3, 0.31, 0.32]),
    }
    given_runs(monkeypatch, selective_dropout_tables, runs)
    table = selective_dropout_tables.experiment(1, "both", {0.001: (0.5, 0.6, 0.6, 0.6, 0.4, 0.4, 0.4)})
    result = table.run(CONFIG, context)
    gain, loss = (row_named(result.rows, f"lr 0.001, {v.name} minus control: fresh") for _, v in (ON_MAPS, ON_NEURONS))
    assert (gain.claim, loss.claim) == tuple(f"the table's accuracy is {w} the control's" for w in ("above", "below"))
    assert gain.low > 0 > loss.high  # the intervals would say held, but all seeds train one base net further
    assert (gain.verdict, loss.verdict) == ("open", "open")
    assert (gain.n, gain.over, gain.interval) == (3, "seeds of one base net", "97.5% t over seeds")
    held_out = row_named(result.rows, f"lr 0.001, {CONTROL.name}: held out")
    assert (held_out.n, held_out.over) == (3, "seeds of one base net")
    assert "Verdicts on the paper's gains: 1 open" in result.verdict


def test_no_difference_in_the_paper_is_no_claim(monkeypatch, context):
    runs = {(0.001, CONTROL): runs_with([0.5, 0.5, 0.6]), ON_MAPS: runs_with([0.5, 0.6, 0.6])}
    given_runs(monkeypatch, selective_dropout_tables, runs)
    result = selective_dropout_tables.experiment(1, "both", {0.001: (0.5,) * 7}).run(CONFIG, context)
    same = row_named(result.rows, f"lr 0.001, {ON_MAPS[1].name} minus control: fresh")
    assert (same.paper, same.claim, same.verdict, same.interval) == (0.0, "", None, "95% t over seeds")


def test_both_readings_of_fewer_steps_are_rows(monkeypatch, context):
    given_runs(
        monkeypatch, hi7_steps_to_optimum, {(0.001, CONTROL): runs_with([1] * 3, 60), ON_MAPS: runs_with([1] * 3, 30)}
    )
    result = hi7_steps_to_optimum.run(replace(hi7_steps_to_optimum.Config(), rates=(0.001,), seeds=3), context)
    for factor in (1.5, 2.0):
        read = row_named(result.rows, f"lr 0.001, {ON_MAPS[1].name}: times fewer than the control, at least {factor:g}")
        assert (read.paper, read.ours, read.verdict) == (factor, pytest.approx(2), "open")
