"""A few of the searches that `make fuzz` runs at length: damaged model files and checkpoints, and killed work."""

import os

import numpy as np
import pytest
from selection import slow_except

pytestmark = pytest.mark.skipif(os.name != "posix", reason="limits and signals of POSIX")

from fuzz import checkpoints, kills, model_files  # noqa: E402 (they need POSIX)


def test_damaged_model_files_load_as_what_they_describe_or_are_refused_by_name():
    cases = model_files.fuzz(200, seed=1)
    assert [case for case in cases if case.kind == "finding"] == []
    kinds = [case.kind for case in cases]
    assert len(cases) == 200
    assert kinds.count("loaded") > 20, "the search does not reach files that load"
    assert kinds.count("refused") > 100, model_files.summary(cases)


@pytest.mark.slow
def test_damaged_checkpoints_give_the_same_bits_or_are_refused_by_name():
    counts, wrong = checkpoints.fuzz(100, seed=1)
    assert wrong == []
    assert counts["refused"] > 80
    assert counts["refused"] + counts["same"] == 100


@pytest.mark.parametrize("kind", slow_except({"train"}, kills.WORKS))
def test_killed_work_that_goes_on_gives_the_same_bits(kind):
    done, problem = kills.killed(kind, "numpy", 2, np.random.default_rng(0))
    assert problem == ""
    assert done >= 1, "it was over before it could be killed"
