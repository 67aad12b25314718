"""Change of units between twins, on cases worked out by hand; groups; concentration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import nnpg
from nnpg.analysis.groups import perturbation_groups
from nnpg.rankings.knock_out_curves import gini
from nnpg.training_methods.volatility import (
    change_of,
    concentration_curve,
    how_many,
    top_share,
    unit_changes,
    unit_output,
)

MAPS = arrays(np.float64, (2, 3, 2, 2), elements=st.floats(-10, 10))


@given(MAPS, MAPS)
def test_the_change_of_the_norm_is_at_most_the_norm_of_the_change(a, b):
    change = change_of(a, b)
    assert (change.volatility <= change.shift + 1e-9).all()


def test_a_map_that_turns_round_has_shift_but_no_volatility():
    a = np.zeros((1, 2, 1, 2))
    a[0, 0] = [3, 4]
    b = np.zeros_like(a)
    b[0, 0], b[0, 1] = [-4, 3], [0, 2]
    change = change_of(a, b)
    assert change.before.tolist() == [[5, 0]]
    assert change.after.tolist() == [[5, 2]]
    assert change.volatility.tolist() == [[0, 2]]
    assert change.shift == pytest.approx(np.array([[np.sqrt(50), 2]]))


def test_batches_do_not_matter_and_layers_are_measured_from_one_pass():
    net = nnpg.build([nnpg.conv(3, 3), nnpg.ReLU(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(4), nnpg.ReLU()],
                     input_shape=(1, 6, 6), rng=0, dtype="float64")  # fmt: skip
    x, twin = np.random.default_rng(0).standard_normal((2, 7, 1, 6, 6))
    whole = unit_changes(net, x, twin, ("pool1", "relu2"))
    small = unit_changes(net, x, twin, ("pool1", "relu2"), batch=3)
    assert whole["pool1"].shift.shape == (7, 3)
    for name in whole:
        np.testing.assert_allclose(whole[name].shift, small[name].shift)
    a, b = (net.forward(one)["pool1"] for one in (x, twin))
    np.testing.assert_allclose(whole["pool1"].of("shift"), np.linalg.norm((b - a).reshape(7, 3, -1), axis=2))
    with pytest.raises(ValueError, match="same number"):
        unit_changes(net, x, twin[:3], ("pool1",))
    with pytest.raises(KeyError, match="pool9"):
        unit_changes(net, x, twin, ("pool9",))
    with pytest.raises(ValueError, match="volatility"):
        whole["pool1"].of("length")


def test_where_units_are_read():
    net = nnpg.build([nnpg.conv(3, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(4), nnpg.ReLU(),
                      nnpg.dense(2), nnpg.Softmax()], input_shape=(1, 6, 6), rng=0)  # fmt: skip
    assert [unit_output(net, name) for name in ("conv1", "dense1", "dense2")] == ["pool1", "relu1", "dense2"]
    for wrong in ("tanh1", "conv9"):
        with pytest.raises(KeyError, match="conv1, dense1, dense2"):
            unit_output(net, wrong)


def test_groups_by_source_target_and_both():
    source, target = np.array([3, 3, 1, 3]), np.array([5, 7, 5, 5])
    both = perturbation_groups(source, target)
    assert both.names == ("1 to 5", "3 to 5", "3 to 7")
    assert both.index.tolist() == [1, 2, 0, 1]
    assert both.sizes.tolist() == [1, 2, 1]
    assert perturbation_groups(source, target, "source").names == ("from 1", "from 3")
    assert perturbation_groups(source, target, "target").index.tolist() == [0, 1, 0, 0]
    values = np.array([[1.0, 0], [2, 0], [3, 0], [5, 4]])
    assert both.mean(values).tolist() == [[3, 0], [3, 2], [2, 0]]
    assert both.max(values).tolist() == [[3, 0], [5, 4], [2, 0]]
    for arguments in ((source, target[:2]), ([], [])):
        with pytest.raises(ValueError, match=r"same pairs|source must be classes \(N,\)"):
            perturbation_groups(*arguments)
    with pytest.raises(ValueError, match="by must be"):
        perturbation_groups(source, target, "size")


def test_one_of_each_group_is_held_out_and_drawn_at_random():
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    groups = perturbation_groups(source, target)
    held = groups.hold_out(1)
    assert (np.bincount(groups.index[held], minlength=len(groups)) == 1).all()
    assert (held == groups.hold_out(1)).all()
    assert (held != groups.hold_out(2)).any()


def test_concentration():
    one, even = np.eye(1, 10)[0], np.ones(10)
    assert concentration_curve(even) == pytest.approx(np.linspace(0, 1, 11))
    assert concentration_curve(one).tolist() == [0] + [1] * 10
    assert top_share([one, even], 0.1) == pytest.approx([1, 0.1])
    scores = np.random.default_rng(0).random(50)
    curve = concentration_curve(scores)
    area = (curve[1:] + curve[:-1]).sum() / 2 / 50
    assert 2 * (area - 0.5) == pytest.approx(gini(scores))
    assert np.isnan(top_share(np.zeros(4)))
    for wrong in ([-1.0, 2.0], [np.nan], []):
        with pytest.raises(ValueError, match="not negative"):
            concentration_curve(wrong)
    with pytest.raises(ValueError, match="share"):
        top_share(even, 0)


def test_the_number_retained_is_rounded_up_but_not_by_rounding_errors():
    assert [how_many(p, 200) for p in (0.2, 0.5, 0.7, 0.001, 1.0)] == [40, 100, 140, 1, 200]
    assert how_many(0.1 + 0.2, 10) == 3  # 0.30000000000000004
