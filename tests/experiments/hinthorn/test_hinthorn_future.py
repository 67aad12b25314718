"""The verdicts of HI-5, HI-8, HI-9 and HI-10 over base networks, from runs that are known by hand."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.experiment import Context, row_named
from experiments.hinthorn import hi5_instability, hi8_memory, hi9_growing_share, hi10_rounds
from experiments.models.hinthorn import training_jobs
from experiments.models.hinthorn.base import CONV, DENSE, BaseNet, base_nets
from experiments.models.hinthorn.hard_negatives import shares_by_variance
from experiments.models.hinthorn.other_bases import COLOUR, DEEPER, Beside
from experiments.models.hinthorn.pairs import adversarial_pairs
from experiments.models.hinthorn.runs import LEVELS, Runs
from experiments.models.hinthorn.variants import CLUSTERED, CONTROL, HARD_SMOKE, Variant

SETTINGS = vars(HARD_SMOKE) | {"rates": (0.001,), "keeps": (0.2,), "nets": 3}
MAPS, NEURONS = Variant(CONV, 0.2), Variant(DENSE, 0.2)


def runs_with(accuracies, instability=None):
    """Runs from three base nets with these accuracies at the end, and of four units the share of the selections."""
    steps = np.arange(0, 101, 10)
    curves = np.ones((3, len(steps)))
    often = np.full((3, 4), 0.5) if instability is None else np.asarray(instability)
    return Runs({level: np.array(accuracies) for level in LEVELS}, steps, curves, curves, often, 5)


@pytest.fixture
def context(tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)
    return Context(tmp_path, tmp_path, None, None, "numpy", progress=False)


def test_rates_of_selection_are_judged_at_both_ends_over_nets(context, monkeypatch):
    whole, middle = [[0, 0.2, 0.6, 1]] * 5, [[0.4, 0.5, 0.5, 0.6]] * 5
    runs = {(0.001, MAPS): runs_with([1] * 5, whole), (0.001, NEURONS): runs_with([1] * 5, middle)}
    runs[0.001, Variant("conv3", 0.2)] = runs[0.001, MAPS]

    def runs_of(config, by, variants, context, rates):
        return {(rates[0], v): runs[rates[0], v] for v in variants}

    monkeypatch.setattr(hi5_instability, "hard_negative_runs", runs_of)
    result = hi5_instability.run(Beside(**SETTINGS, others=(DEEPER,)), context)
    ends = {v: [row_named(result.rows, f"{v.name}: {end} rate of a unit") for end in ("lowest", "highest")]
            for v in (MAPS, NEURONS)}  # fmt: skip
    assert [end.verdict for end in ends[MAPS]] == ["held", "held"]
    assert [end.verdict for end in ends[NEURONS]] == ["contradicted", "contradicted"]
    other = row_named(result.rows, f"{DEEPER}: conv3, keep 0.2: highest rate of a unit")
    assert (other.ours, other.verdict, other.paper) == (1, None, None)


def test_memory_is_judged_by_the_papers_percentages_and_by_the_difference(context, monkeypatch):
    runs = {
        (0.001, CONTROL): runs_with([0.97, 0.98, 0.985]),
        (0.001, MAPS): runs_with([0.999, 0.999, 1.0]),
        (0.001, NEURONS): runs_with([0.95, 0.952, 0.951]),
    }
    monkeypatch.setattr(hi8_memory, "hard_negative_runs", lambda *_: runs)
    rows = hi8_memory.run(replace(HARD_SMOKE, rates=(0.001,), keeps=(0.2,), nets=3), context).rows
    names = [f"lr 0.001, {v.name}: accuracy on originals trained on" for v in (CONTROL, MAPS, NEURONS)]
    assert [row_named(rows, name).verdict for name in names] == ["open", "held", "contradicted"]
    assert [row_named(rows, f"{name}, minus control").verdict for name in names[1:]] == ["open", "open"]
    runs[0.001, CONTROL] = runs_with([0.979, 0.98, 0.981])
    rows = hi8_memory.run(replace(HARD_SMOKE, rates=(0.001,), keeps=(0.2,), nets=3), context).rows
    assert row_named(rows, names[0]).verdict == "held"
    assert [row_named(rows, f"{name}, minus control").verdict for name in names[1:]] == ["held", "contradicted"]


def test_gains_of_other_networks_are_compared_with_those_of_the_papers_and_growing_shares_with_the_control(
    context, monkeypatch
):
    growing = [v._replace(alpha=0.1) for v in (MAPS, NEURONS)]
    asked = []

    def runs_of(config, by, variants, context):
        asked.append((config.dataset, tuple(variants)))
        gains = {CONTROL: 0.5, MAPS: 0.6, NEURONS: 0.6, growing[0]: 0.7, growing[1]: 0.4}
        if config.convolutions == 3:
            gains |= {Variant("conv3", 0.2): 0.9, NEURONS: 0.51}
        jitter = np.array([-0.001, 0, 0.001])
        return {(0.001, v): runs_with(gains.get(v, 0.5) + jitter * (v != CONTROL)) for v in variants}

    monkeypatch.setattr(hi9_growing_share, "hard_negative_runs", runs_of)
    monkeypatch.setattr(hi9_growing_share, "shares_by_variance", lambda *_: {CONV: 0.3, DENSE: 0.4})
    config = hi9_growing_share.Config(**SETTINGS, alphas=(0.1,), others=(DEEPER,))
    rows = hi9_growing_share.run(config, context).rows
    boosts = [row_named(rows, f"lr 0.001, {v.name}: accuracy on fresh pairs, minus control") for v in growing]
    assert [r.verdict for r in boosts] == ["held", "contradicted"]
    assert boosts[0].interval == "98.75% t over nets"  # two growing shares, and two gains of the other networks
    gains = [row_named(rows, f"{DEEPER}: lr 0.001, {v.name}: gain minus that of the paper's networks")
             for v in (Variant("conv3", 0.2), NEURONS)]  # fmt: skip
    assert [r.verdict for r in gains] == ["held", "contradicted"]
    assert [r.ours for r in gains] == pytest.approx([0.3, -0.09])
    of_paper, of_deeper = (variants for _, variants in asked)
    assert {Variant(CONV, 0.3), Variant(DENSE, 0.4), MAPS._replace(reading=CLUSTERED)} < set(of_paper)
    assert of_deeper == (CONTROL, Variant("conv3", 0.2), NEURONS)


def test_rounds_are_judged_over_the_papers_networks(context, monkeypatch):
    def played(bases, config, variants, context):
        up = np.array([[0.1, 0.12, 0.2], [0.1, 0.12, 0.21], [0.1, 0.13, 0.2]])
        return {v: {"distortion": up if v == CONTROL else up[:, ::-1], "test": np.full((3, 3), 0.99)} for v in variants}

    monkeypatch.setattr(hi10_rounds, "attack_rounds", played)
    monkeypatch.setattr(hi10_rounds, "base_nets", lambda config, context, number: [None] * number)
    config = hi10_rounds.Rounds(**SETTINGS | {"rounds": 2}, others=(COLOUR,))
    rows = hi10_rounds.run(config, context).rows
    growth = {v: row_named(rows, f"{v.name}: last round minus the first") for v in hi10_rounds.VARIANTS}
    assert growth[CONTROL].verdict == "held"
    assert growth[CONTROL].n == 3
    assert {r.verdict for v, r in growth.items() if v != CONTROL} == {"contradicted"}
    assert row_named(rows, f"{COLOUR}: {CONTROL.name}: last round minus the first").verdict is None


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two smallest base networks and where they are kept."""
    folder = tmp_path_factory.mktemp("models")
    context = Context(folder, folder, None, None, "auto", progress=False)
    return context, base_nets(HARD_SMOKE, context, 2)


def test_a_share_by_variance_and_clusters_come_from_pairs_of_the_networks(trained):
    context, bases = trained
    config = replace(HARD_SMOKE, drawn=8)
    shares = shares_by_variance(config, context)
    assert list(shares) == [CONV, DENSE]
    assert all(0 < share < 1 for share in shares.values())
    pairs = adversarial_pairs(bases[0], config, context)
    clusters = training_jobs._clusters(bases[0].net, pairs, NEURONS._replace(reading=CLUSTERED))
    assert clusters.shape == (200,)
    assert -1 <= clusters.min() < clusters.max() <= 7
    assert training_jobs._clusters(bases[0].net, pairs, NEURONS) is None


def test_networks_of_other_kinds_name_the_layers_that_are_compared(trained):
    context, (base, _) = trained
    assert (base.conv, base.read_at) == (CONV, ("pool2", "relu3"))
    deeper = base_nets(replace(HARD_SMOKE, epochs=1, convolutions=3), context, 1)[0]
    assert isinstance(deeper, BaseNet)
    assert (deeper.conv, deeper.read_at) == ("conv3", ("pool3", "relu4"))
    assert deeper.net.layers[DENSE].W.shape == base.net.layers[DENSE].W.shape
