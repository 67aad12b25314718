"""Comparisons over nets: paired tests corrected for their number."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from nnpg.analysis.verdicts import compare


def test_p_is_that_of_the_paired_test_times_the_number_of_comparisons_for_the_smallest():
    rng = np.random.default_rng(0)
    differences = {"a": rng.normal(2, 1, 8), "b": rng.normal(0, 1, 8), "c": rng.normal(0, 1, 8)}
    result = compare(differences)
    assert list(result) == list(differences)
    assert result["a"].p == pytest.approx(3 * ttest_1samp(differences["a"], 0).pvalue)
    assert result["a"].significant(1)
    assert not result["a"].significant(-1)
    assert result["a"].mean == differences["a"].mean()
    assert all(f.p <= 1 for f in result.values())


def test_a_single_value_is_never_significant():
    assert compare({"a": [5.0]})["a"].p == 1
    assert compare({}) == {}
