"""What the papers' printed numbers say of themselves: of how many images they are, and which are no other numbers."""

from __future__ import annotations

import itertools

import pytest
from scipy.stats import fisher_exact

import nnpg
from experiments.szegedy.distortions.szt2_transfer import PAPER as SZEGEDY_2
from nnpg.data import faces, stratified_split

# Hinthorn's tables, a row for each learning rate: the control, three shares at conv2, the control again, three at FC
BOTH = (
    ("0.4634", "0.5854", "0.4634", "0.4756", "0.4634", "0.4390", "0.4634", "0.4878"),
    ("0.5854", "0.5610", "0.4512", "0.5000", "0.5854", "0.5976", "0.5976", "0.5488"),
)
SOURCE = (
    ("0.1000", "0.3000", "0.6000", "0.4000", "0.1000", "0.4000", "0.4000", "0.4000"),
    ("0.7000", "0.7000", "0.7000", "0.6000", "0.7000", "0.8000", "0.8000", "0.5000"),
)
TARGET = (
    ("0.4634", "0.5854", "0.4634", "0.4756", "0.4634", "0.4512", "0.4268", "0.4634"),
    ("0.5854", "0.5610", "0.4512", "0.5000", "0.5854", "0.5976", "0.5976", "0.5488"),
)


def counts(printed: str, n: int) -> list[int]:
    """Return each k for which k / n is printed so, rounded or cut off.

    Examples
    --------
    >>> counts("0.0488", 41), counts("0.0488", 42), counts("0.43", 7)
    ([2], [], [3])
    """
    digits = len(printed.partition(".")[2])
    scale = 10**digits
    value = round(float(printed) * scale)
    return [k for k in range(n + 1) if value in {round(k / n * scale), k * scale // n}]


def test_an_error_of_4_88_percent_is_two_of_the_41_test_images() -> None:
    """Lo & Ding IV.B: a quarter of 165 images are 41; no number of the 124 or of all 165 is printed as 4.88%."""
    train, test = (len(part) for part in stratified_split(faces(), rng=0).apply(faces()))
    assert (train, test) == (124, 41)
    assert counts("0.0488", 41) == [2]
    assert counts("0.0488", 124) == counts("0.0488", 165) == []


def szegedys_cells() -> list[str]:
    """Return the errors of Szegedy et al.'s Table 2 as fractions, without 0 and 100%, each with its printed digits."""
    cells = [value for row in SZEGEDY_2.values() for value in row if value not in (0, 100)]
    return [f"{value / 100:.3f}" if value != int(value) else f"{value / 100:.2f}" for value in cells]


def test_the_errors_of_szegedys_table_2_are_shares_of_256_images() -> None:
    """Section 4.2 says "the whole training set"; no other number of images from 100 to 399 explains as many cells."""
    cells = szegedys_cells()
    fits = {n: sum(bool(counts(cell, n)) for cell in cells) for n in range(100, 400)}
    assert len(cells) == 40
    assert fits[256] == 38
    assert max(count for n, count in fits.items() if n != 256) < fits[256]


@pytest.mark.parametrize(("table", "n"), [(BOTH, 82), (SOURCE, 10), (TARGET, 82)])
def test_hinthorns_accuracies_are_shares_of_82_and_of_10_pairs(table: tuple[tuple[str, ...], ...], n: int) -> None:
    for cell in itertools.chain(*table):
        assert len(counts(cell, n)) == 1


def test_hinthorns_table_3_is_table_1_in_13_of_16_cells() -> None:
    """Section 5.4 holds out one pair of each group: ten groups of targets cannot give 82 pairs."""
    same = [a == b for a, b in zip(itertools.chain(*BOTH), itertools.chain(*TARGET), strict=True)]
    assert (sum(same), len(same)) == (13, 16)
    assert any(not counts(cell, 10) for cell in itertools.chain(*TARGET))


@pytest.mark.parametrize(("table", "n"), [(BOTH, 82), (SOURCE, 10), (TARGET, 82)])
def test_none_of_hinthorns_differences_is_outside_of_noise(table: tuple[tuple[str, ...], ...], n: int) -> None:
    """Fisher's exact test of each cell against its control: no p is below 0.05, before any correction for 12 cells."""
    for control, *cells in (row[first : first + 4] for row in table for first in (0, 4)):
        (right,) = counts(control, n)
        for cell in cells:
            (other,) = counts(cell, n)
            assert fisher_exact([[right, n - right], [other, n - other]]).pvalue > 0.05


def test_single_images_at_the_printed_rate_do_not_learn_the_faces_and_batches_of_four_do() -> None:
    """Lo & Ding III.B and IV: online steps at rate 0.1. The same rate learns every training image in batches of 4."""
    train, _ = stratified_split(faces(), rng=0).apply(faces())

    def training_error(batch: int) -> float:
        net = nnpg.face_net(train.x, train.K, rng=0)
        optimiser = nnpg.SGD(0.1)
        done = nnpg.train(net, train.x, train.labels, epochs=15, batch=batch, rng=0, optimiser=optimiser)
        return nnpg.error_rate(done.net, train.x, train.labels)

    assert training_error(1) > 0.4
    assert training_error(4) < 0.02
