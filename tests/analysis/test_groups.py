"""Groups of pairs by their classes."""

import numpy as np
import pytest

from nnpg.analysis.groups import perturbation_groups


def test_groups_by_source_target_and_both():
    source, target = np.array([3, 3, 1, 3]), np.array([5, 7, 5, 5])
    both = perturbation_groups(source, target)
    assert both.names == ("1 to 5", "3 to 5", "3 to 7")
    assert both.index.tolist() == [1, 2, 0, 1]
    assert both.sizes.tolist() == [1, 2, 1]
    assert perturbation_groups(source, target, by="source").names == ("from 1", "from 3")
    assert perturbation_groups(source, target, by="target").index.tolist() == [0, 1, 0, 0]
    values = np.array([[1.0, 0], [2, 0], [3, 0], [5, 4]])
    assert both.mean(values).tolist() == [[3, 0], [3, 2], [2, 0]]
    assert both.max(values).tolist() == [[3, 0], [5, 4], [2, 0]]
    for arguments in ((source, target[:2]), ([], [])):
        with pytest.raises(ValueError, match=r"same pairs|source must be classes \(N,\)"):
            perturbation_groups(*arguments)
    with pytest.raises(ValueError, match="by must be"):
        perturbation_groups(source, target, by="size")


def test_one_of_each_group_is_held_out_and_drawn_at_random():
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    groups = perturbation_groups(source, target)
    held = groups.hold_out(rng=1)
    assert (np.bincount(groups.index[held], minlength=len(groups)) == 1).all()
    assert (held == groups.hold_out(rng=1)).all()
    assert (held != groups.hold_out(rng=2)).any()
