"""The papers' claims on the real faces, with three trained nets."""

import json

import pytest

from experiments.runner import run_experiment

pytestmark = [pytest.mark.data, pytest.mark.slow]
NETS = ["seeds=3"]


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
    """Run an experiment on three nets, trained once, and return its rows by name."""
    out = tmp_path_factory.mktemp("out")

    def rows(id, *settings):
        folder = run_experiment(
            id, "quick", out=out, data_dir=str(data_dir), settings=[*NETS, *settings], progress=False
        )
        return {r["name"]: r for r in json.loads((folder / "result.json").read_text())["rows"]}

    return rows


def test_profiles_are_alike_within_an_identity_beyond_chance(run):
    rows = run("LD-2", "permutations=999")
    assert rows["two profiles, one identity minus two"]["ours"] > 0.05
    assert rows["permutation test of it"]["ours"] == 0.001
    assert rows["identity named by the most alike profile"]["ours"] > 0.3


def test_the_gradient_is_above_chance_and_shapley_values_are_above_the_gradient(run):
    rows = run("LD-4R", "identities=7,12", "pairs=20")
    for kind in ("class", "overall"):
        assert rows[f"{kind} gap: prediction gradient minus random"]["ours"] > 0.1
    assert rows["class gap: Shapley"]["ours"] > rows["class gap: prediction gradient"]["ours"] + 0.1


def test_one_or_two_strong_filters_add_little_error(run):
    rows = run("LD-6")
    assert rows["overall error added without the strongest filter (paper: little)"]["ours"] < 0.05
    assert rows["overall error added without the 2 strongest filters (paper: little)"]["ours"] < 0.1
    assert rows["overall error without the 3 strongest filters"]["ours"] > 0.03


def test_a_pruned_net_equals_the_knocked_out_one_and_recovers_by_training(run):
    rows = run("TH-P", "cut=12", "more_epochs=5")
    assert rows["largest difference from the knocked-out nets' y"]["ours"] < 1e-5
    assert (
        rows["12 of 23 filters cut, trained on: test error"]["ours"]
        < rows["12 of 23 filters cut: test error"]["ours"] - 0.1
    )
    assert rows["12 of 23 filters cut: multiplications left"]["ours"] < 0.5
