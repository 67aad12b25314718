"""Splits: exact counts, equal shares, the same seed gives the same split, identical images are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnpg.data import DataError, Dataset, Split, find_duplicates, load, random_split, stratified_split

YALE = np.repeat(np.arange(15), 11)


def dots(values: list[int]) -> Dataset:
    x = np.array(values, np.float32).reshape(-1, 1, 1, 1) / 255
    return Dataset(x, np.zeros(len(x), np.int64), ("dot",), "dots")


def test_yale_counts() -> None:
    extra = set()
    for seed in range(5):
        split = stratified_split(YALE, rng=seed)
        shares = np.bincount(YALE[split.test_indices])
        assert (len(split.train_indices), shares.sum()) == (124, 41)
        assert sorted(shares) == [2] * 4 + [3] * 11
        extra.add(tuple(shares))
    assert len(extra) > 1  # the class that gives one image more is drawn


@given(
    st.lists(st.integers(2, 30), min_size=1, max_size=8),
    st.floats(0.05, 0.95),
    st.integers(0, 2**32),
)
def test_stratified_is_a_partition_with_fair_shares(counts: list[int], test: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    N, n_test = len(labels), round(test * len(labels))
    if not 0 < n_test < N:
        with pytest.raises(DataError, match="both sides"):
            stratified_split(labels, test, seed)
        return
    split = stratified_split(labels, test, seed)
    both = np.concatenate([split.train_indices, split.test_indices])
    assert np.array_equal(np.sort(both), np.arange(N))
    assert len(split.test_indices) == n_test
    shares = np.bincount(labels[split.test_indices], minlength=len(counts))
    quota = n_test * np.array(counts) / N
    assert (np.abs(shares - quota) < 1).all()


@pytest.mark.parametrize("cut", [stratified_split, random_split])
def test_the_same_seed_gives_the_same_split(cut) -> None:
    a, b, c = cut(YALE, rng=3), cut(YALE, rng=np.random.default_rng(3)), cut(YALE, rng=4)
    assert np.array_equal(a.test_indices, b.test_indices)
    assert not np.array_equal(a.test_indices, c.test_indices)


@pytest.mark.parametrize("cut", [stratified_split, random_split])
@pytest.mark.parametrize("test", [0.0, 1.0, -0.1, 1.5, 0.001])
def test_a_side_may_not_be_empty(cut, test: float) -> None:
    with pytest.raises(DataError, match="both sides"):
        cut(YALE, test)


def test_random_split_has_the_exact_total_but_uneven_shares() -> None:
    split = random_split(YALE, rng=0)
    assert (len(split.train_indices), len(split.test_indices)) == (124, 41)
    assert np.array_equal(np.sort(np.r_[split.train_indices, split.test_indices]), np.arange(165))
    assert np.ptp(np.bincount(YALE[split.test_indices], minlength=15)) > 1


def test_no_class_of_one() -> None:
    with pytest.raises(DataError, match="at least 2 images of each class, found 1 of class 7"):
        stratified_split([0, 0, 7, 1, 1])


@pytest.mark.parametrize("labels", [[0.5, 1.0], [[0, 1]], ["a", "b"]])
def test_labels_are_integers(labels) -> None:
    with pytest.raises((DataError, ValueError), match="labels must be a Dataset or N whole numbers"):
        stratified_split(labels)


def test_split_applies_and_refuses_overlap() -> None:
    train, test = Split(np.array([2, 0]), np.array([1])).apply(dots([10, 20, 30]))
    assert [train.name, test.name, len(test)] == ["dots train", "dots test", 1]
    np.testing.assert_array_equal(train.x.ravel() * 255, [30, 10])
    with pytest.raises(DataError, match="twice"):
        Split(np.array([0, 1]), np.array([1]))


def test_duplicates_are_named_after_the_first_such_image() -> None:
    d = dots([5, 6, 5, 7, 6, 5])
    assert find_duplicates(d) == [(0, 2), (1, 4), (0, 5)]
    assert find_duplicates(dots([1, 2, 3])) == []


def test_duplicates_across_a_split_name_the_training_image() -> None:
    d = dots([5, 6, 5, 7, 6, 5])
    assert Split(np.array([1, 2, 3]), np.array([0, 4, 5])).duplicates(d) == [(2, 0), (1, 4), (2, 5)]
    assert Split(np.array([0, 2, 5]), np.array([1, 3, 4])).duplicates(d) == []  # duplicates on one side do not count


@pytest.mark.data
def test_the_yale_faces_hold_nine_duplicates(data_dir: Path) -> None:
    d = load("yale", data_dir)
    assert d.conditions is not None
    pairs = find_duplicates(d)
    named = [(int(d.labels[i]) + 1, int(d.labels[j]) + 1, d.conditions[i], d.conditions[j]) for i, j in pairs]
    noglasses = [(s, s, "noglasses", "normal") for s in (2, 3, 6, 7, 9, 12, 14)]
    assert named == sorted([*noglasses, (4, 4, "normal", "sad"), (8, 8, "glasses", "normal")])
    split = stratified_split(d, rng=0)
    assert split.duplicates(d)
    assert {frozenset(pair) for pair in split.duplicates(d)} <= set(map(frozenset, pairs))
