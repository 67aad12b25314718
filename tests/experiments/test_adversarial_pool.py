"""SZ-5: how settings are chosen, what the tested networks see, and what is judged of their errors."""

from dataclasses import replace

import numpy as np
import pytest

import nnpg
from experiments.experiment import Context
from experiments.models.mnist.digits import digits
from experiments.models.mnist.pools import (
    METHODS,
    POOL,
    Setting,
    Tried,
    choice_table,
    chosen,
    divided,
    final_nets,
    grid,
    images_of,
    try_settings,
)
from experiments.szegedy.pool_errors import DECAY_GAIN, LAYERS_GAIN, error_rows
from experiments.szegedy.sz5_adversarial_pool import EXPERIMENT


def context(tmp_path):
    return Context(tmp_path, tmp_path / "models", None, None, "numpy", progress=False)


def test_the_setting_with_the_fewest_errors_on_the_images_held_out_is_chosen():
    tried = {
        m: [Tried(Setting(m, lr), error) for lr, error in ((0.1, 0.03), (0.3, 0.02), (1.0, 0.02))] for m in METHODS
    }
    assert [chosen(of_method).lr for of_method in tried.values()] == [0.3] * len(METHODS)
    starred = [line.split("lr ")[1] for line in choice_table(tried).splitlines() if line.startswith("*")]
    assert (
        starred
        == ["0.3, decay x 1", "0.3, without 0% of the pixels and 0% of the units"]
        + ["0.3, nearest targets, 0 of a pool of 0 in a step"] * 3
    )


@pytest.mark.parametrize("scale", ["smoke", "quick", "paper"])
def test_every_method_is_chosen_out_of_as_many_settings(scale):
    config = EXPERIMENT.scales[scale]
    grids = [grid(method, config) for method in METHODS]
    assert {len(settings) for settings in grids} == {{"smoke": 2, "quick": 4, "paper": 8}[scale]}
    assert len({setting for settings in grids for setting in settings}) == sum(map(len, grids))


def test_settings_are_chosen_without_the_images_held_out_and_the_tested_nets_see_all(tmp_path, monkeypatch):
    config, (train, _) = replace(EXPERIMENT.scales["smoke"], tries=2, pools=(4,)), digits("faces", None)
    fit, held_out = divided(config, train)
    assert (len(held_out), len(fit)) == (8, len(train) - 8)
    assert sorted([*fit, *held_out]) == list(range(len(train)))
    assert (images_of("fit", config, train).x == train.x[fit]).all()
    assert (images_of("all", config, train).x == train.x).all()
    seen, trained = [], nnpg.train

    def watched(net, x, labels, **options):
        seen.append((len(x), options["rng"], options["take_step"] is not None))
        return trained(net, x, labels, **options)

    monkeypatch.setattr(nnpg, "train", watched)
    tried = try_settings(config, train, context(tmp_path))
    assert {N for N, _, _ in seen} == {len(fit)}
    assert sorted(pooled for _, _, pooled in seen) == [False] * 8 + [True] * 6
    assert {seed for _, seed, _ in seen} == {0, 1}
    seen.clear()
    nets = final_nets(tried, config, train, context(tmp_path))
    assert {(N, seed) for N, seed, _ in seen} == {(len(train), 2), (len(train), 3)}
    assert [len(of_method) for of_method in nets.values()] == [2] * len(METHODS)
    seen.clear()
    again = final_nets(try_settings(config, train, context(tmp_path)), config, train, context(tmp_path))
    assert not seen, "all were kept"
    for method in METHODS:
        for one, other in zip(nets[method], again[method], strict=True):
            assert (one.layers["dense2"].W == other.layers["dense2"].W).all()


def test_the_order_of_the_training_methods():
    errors = {m: np.array([0.02, 0.021, 0.022]) for m in METHODS} | {POOL: np.array([0.01, 0.0102, 0.0104])}
    errors["pool of the hidden layers"] = np.array([0.02, 0.022, 0.021])
    rows = {r.name: r for r in error_rows(errors, errors, 3, every=True)}
    assert rows[f"{POOL}: test error"].verdict == "held"
    assert rows["decay: test error"].verdict == "open"  # 3 seeds: 0.021, give or take 0.006, beside 0.016
    assert rows[DECAY_GAIN].ours == pytest.approx(0.0324 / 3)
    assert rows[DECAY_GAIN].verdict == "held"
    assert rows[f"{DECAY_GAIN}: p"].ours < 0.01
    assert rows[LAYERS_GAIN].verdict == "open"  # no difference in the mean is no verdict
    worse = {r.name: r for r in error_rows(errors | {POOL: errors["decay"] + errors[POOL]}, errors, 3, every=False)}
    assert worse[DECAY_GAIN].verdict == "contradicted"
    assert worse[f"{POOL}: test error"].verdict == "open"  # the paper's error is that of all images
