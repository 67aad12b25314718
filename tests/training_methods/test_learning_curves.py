"""After how many steps a curve reaches its best."""

import math

import numpy as np
import pytest

from nnpg.analysis.statistics import mean_interval
from nnpg.training_methods.learning_curves import Optima, median_steps, optima, steps_to_optimum, times_fewer


def test_the_first_step_within_the_tolerance_counts():
    steps, curves = np.array([0, 10, 20]), np.array([[0.5, 0.9, 0.905], [0.5, 0.8, 0.905], [0.9, 0.2, 0.1]])
    assert steps_to_optimum(steps, curves).tolist() == [10, 20, 0]
    assert steps_to_optimum(steps, curves, within=0).tolist() == [20, 20, 0]
    with pytest.raises(ValueError, match="curves must be an array"):
        steps_to_optimum(steps, curves[:, :2])


def test_a_curve_that_still_rises_has_not_reached_its_optimum():
    steps = np.arange(0, 101, 10)
    rising, flat = steps / 100, np.minimum(steps, 50) / 50
    found = optima(steps, [rising, flat], within=0.01)
    assert found.steps.tolist() == [100, 50]
    assert found.reached.tolist() == [False, True]
    assert optima(steps, [flat], flat=0.5).reached.tolist() == [True]  # the last half of the steps is flat
    assert optima(steps, [flat], flat=0.6).reached.tolist() == [False]
    with pytest.raises(ValueError, match="flat"):
        optima(steps, [flat], flat=1.0)


def test_the_median_of_censored_steps_is_kaplan_and_meiers():
    everything = Optima(np.array([5, 1, 3]), np.ones(3, bool))
    assert median_steps(everything) == 3  # without censored runs, the ordinary median
    # by hand: S(1) = 3/4, then 2 is censored, S(3) = 3/4 * 1/2 = 3/8
    assert median_steps(Optima(np.array([1, 2, 3, 9]), np.array([True, False, True, True]))) == 3
    assert median_steps(Optima(np.array([1, 2]), np.zeros(2, bool))) == math.inf


def test_censored_runs_bound_the_ratio_on_their_side_only():
    rng = np.random.default_rng(0)
    control, other = rng.integers(300, 500, 6), rng.integers(100, 300, 6)
    every, one = np.ones(6, bool), np.arange(6) > 0
    complete = times_fewer(Optima(control, every), Optima(other, every), confidence=0.9)
    assert complete == pytest.approx(np.exp(mean_interval(np.log(control / other), confidence=0.9)))
    late = times_fewer(Optima(control, one), Optima(other, every), confidence=0.9)
    assert late[:2] == complete[:2]
    assert late.high == math.inf
    early = times_fewer(Optima(control, every), Optima(other, one), confidence=0.9)
    assert (early.value, early.low, early.high) == (complete.value, 0, complete.high)
    with pytest.raises(ValueError, match="as many runs, not 6 and 5"):
        times_fewer(Optima(control, every), Optima(other[1:], every[1:]))


def test_the_interval_of_bounds_holds_the_true_ratio_as_often_as_asked():
    """Also where the training ends before the control's optimum in a third of the runs."""
    rng, end, true, held = np.random.default_rng(1), 420, 2.0, 0
    for _ in range(400):
        before, after = 400 * np.exp(0.1 * rng.standard_normal(8)), 200 * np.exp(0.1 * rng.standard_normal(8))
        seen = Optima(np.minimum(before, end), before <= end)
        low, high = times_fewer(seen, Optima(after, np.ones(8, bool)))[1:]
        held += low <= true <= high
    assert held / 400 > 0.94
