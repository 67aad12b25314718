"""HI-T1 to HI-T3 draw at two learning rates, where the control trained twice as long ran at one of them only."""

from dataclasses import replace

import numpy as np

from experiments.hinthorn.selective_dropout.pictures import accuracy_panels, error_curves
from experiments.models.hinthorn.runs import LEVELS, Runs
from experiments.models.hinthorn.variants import CONTROL, HARD_SMOKE, LONGER, chosen_variants
from nnpg.plots import interval_plot, line_panels

RATES = (0.001, 0.003)
CONFIG = replace(HARD_SMOKE, rates=RATES)


def runs_of(steps):
    curves = np.linspace(0.1, 0.5, 3 * len(steps)).reshape(3, -1)
    return Runs(dict.fromkeys(LEVELS, curves[:, -1]), steps, curves, curves, np.full((3, 4), 0.5), 5)


def test_what_ran_at_one_rate_only_is_in_the_curves_of_that_rate_and_in_no_panel_of_accuracies(tmp_path):
    variants = chosen_variants(CONFIG)
    runs = {(rate, variant): runs_of(np.arange(0, 101, 10)) for rate in RATES for variant in variants}
    runs[RATES[0], LONGER] = runs_of(np.arange(0, 201, 10))
    panels = accuracy_panels(runs, CONFIG)
    assert [list(panel.values) for panel in panels] == [[v.name for v in variants]] * 4
    interval_plot(panels, tmp_path / "accuracy.png", highlight=CONTROL.name)
    curves = error_curves(runs, CONFIG)
    assert [LONGER.name in panel.series for panel in curves] == [True, True, False, False]
    line_panels(curves, tmp_path / "curves.png", columns=2)
    runs[RATES[1], LONGER] = runs[RATES[0], LONGER]
    assert all(LONGER.name in panel.values for panel in accuracy_panels(runs, CONFIG))
