"""Cosines of vectors, and of the changes of pairs in perturbation groups."""

import numpy as np
import pytest

from nnpg.analysis.angles import cosines, likeness_within_groups, mean_cosine, pair_cosines
from nnpg.analysis.groups import perturbation_groups


def test_cosines_are_those_of_single_products():
    rows = np.random.default_rng(0).normal(size=(4, 2, 3))
    result = cosines(rows)
    for i in range(4):
        for j in range(4):
            a, b = rows[i].ravel(), rows[j].ravel()
            assert result[i, j] == pytest.approx(a @ b / np.sqrt((a @ a) * (b @ b)))
    assert mean_cosine(rows) == pytest.approx(result[np.triu_indices(4, 1)].mean())


def test_a_row_of_zeros_is_like_no_other():
    assert cosines([[0.0, 0.0], [1.0, 0.0]])[0].tolist() == [0.0, 0.0]


def test_likeness_is_that_within_each_large_group():
    groups = perturbation_groups([0, 0, 1, 1, 1], [2, 2, 3, 3, 3])
    changes = np.random.default_rng(0).normal(size=(5, 4))
    assert likeness_within_groups(groups, changes).tolist() == [mean_cosine(changes[2:])]
    assert likeness_within_groups(groups, changes, least=2).tolist() == [
        mean_cosine(changes[:2]),
        mean_cosine(changes[2:]),
    ]


def test_along_is_the_cosine_of_each_pair():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert pair_cosines(a, b) == pytest.approx(np.diag(cosines(np.concatenate([a, b]))[:3, 3:]))
    assert pair_cosines(a, -a) == pytest.approx(-np.ones(3))


@pytest.mark.parametrize(("call", "words"), [
    (lambda: cosines([1.0, 2.0]), "rows must be an array"),
    (lambda: mean_cosine([[1.0, 2.0]]), "at least 2 vectors"),
    (lambda: pair_cosines(np.ones((2, 3)), np.ones((3, 2))), "must have one shape"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
