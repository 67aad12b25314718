"""What HI-3 and HI-6 measure of the units of a network, on networks and volatilities that are planted by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import nnpg
from experiments.hinthorn import hi3_concentration
from experiments.models.hinthorn.group_units import (
    cluster_agreement,
    group_halves,
    likeness_of_halves,
    responsible_units,
)
from experiments.models.hinthorn.other_bases import COLOUR, DEEPER, Beside, other_bases
from experiments.models.hinthorn.pairs import Pairs
from experiments.models.hinthorn.variants import HARD_SMOKE
from nnpg.analysis.groups import perturbation_groups
from nnpg.training_methods.volatility import unit_changes


def pairs_of(originals, adversarial, labels, targets):
    distortion = ((adversarial - originals) ** 2).reshape(len(labels), -1).mean(axis=1) ** 0.5
    return Pairs(originals, adversarial, np.array(labels), np.array(targets), distortion, len(labels))


def test_noise_is_as_large_as_the_change_of_each_pair():
    rng = np.random.default_rng(0)
    x = rng.random((5, 1, 8, 8))
    pairs = pairs_of(x, x + rng.random((5, 1, 1, 1)) * rng.random((5, 1, 8, 8)), [0] * 5, [1] * 5)
    noise = pairs.noisy(np.random.default_rng(1)) - x
    np.testing.assert_allclose((noise**2).mean(axis=(1, 2, 3)) ** 0.5, pairs.distortion, rtol=1e-5)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.5


def test_every_large_group_is_divided_into_two_halves_that_share_no_pair():
    groups = perturbation_groups([0] * 7 + [1] * 4 + [2] * 3, [5] * 14, by="source")
    halves = group_halves(groups, np.random.default_rng(0))
    assert [(len(a), len(b)) for a, b in halves] == [(3, 4), (2, 2)]
    assert sorted(np.concatenate(halves[0])) == list(range(7))


def test_halves_of_a_group_with_units_of_its_own_are_more_alike_than_halves_of_two():
    rng = np.random.default_rng(0)
    of_group = rng.random((3, 20))
    index = np.repeat(np.arange(3), 10)
    volatility = of_group[index] + 0.01 * rng.random((30, 20))
    halves = group_halves(perturbation_groups(index, index + 1, by="source"), rng)
    one, two = likeness_of_halves(volatility, halves)
    assert one > 0.95
    assert abs(two) < 0.5
    one, two = likeness_of_halves(rng.random((30, 20)), halves)
    assert abs(one - two) < 0.5


@pytest.fixture
def planted():
    """Inputs are units: the second decides the class, the third changes as much and is not read, the rest are small."""
    W = np.zeros((2, 12))
    W[1, 1] = 1
    recipe = [nnpg.dense(2), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(12,), dtype="float64", rng=0).replace("dense1", W=W, b=np.array([0.5, 0.0]))
    rng = np.random.default_rng(0)
    originals = 0.01 * rng.random((8, 12))
    adversarial = originals + 0.01 * rng.random((8, 12))
    adversarial[:, [1, 2]] += 1
    return SimpleNamespace(net=net), pairs_of(originals, adversarial, [0] * 8, [1] * 8)


def test_the_units_that_are_separated_undo_the_misclassification_and_random_ones_rarely_do(planted):
    base, pairs = planted
    volatility = unit_changes(base.net, pairs.originals, pairs.adversarial, layers="input")["input"].volatility
    rng = np.random.default_rng(1)
    halves = group_halves(pairs.groups("both"), rng)
    found = responsible_units(base, pairs, "input", volatility, halves, rng)
    assert found.share == pytest.approx(2 / 12)
    assert found.change > 0.9
    assert found.restored == 1
    assert found.restored_at_random < 1


def test_clusters_agree_on_other_pairs_only_where_there_are_clusters():
    rng = np.random.default_rng(0)
    signals = rng.random((400, 8))
    planted = signals[:, np.repeat(np.arange(8), 5)] + 0.05 * rng.random((400, 40))
    assert cluster_agreement(planted, rng) == 1
    assert abs(cluster_agreement(rng.random((400, 40)), rng)) < 0.2


def test_other_networks_differ_from_the_papers_in_what_they_are_named_after_and_in_their_training():
    paper = Beside(pairs=5000)
    deeper, colour = other_bases(paper).values()
    assert (deeper.convolutions, deeper.dataset, deeper.pairs) == (3, "mnist", 1000)
    assert (colour.convolutions, colour.dataset, colour.nets) == (2, "cifar10", paper.nets)
    assert list(other_bases(replace(paper, others=(COLOUR,)))) == [COLOUR]
    assert list(other_bases(Beside(**vars(HARD_SMOKE)))) == [DEEPER, COLOUR]


def test_only_the_papers_own_networks_are_judged_and_pairs_without_a_change_are_left_out():
    scores = {
        "adversarial": np.array([[0.0, 4, 0, 0], [0, 0, 0, 0]]),
        "noise": np.array([[1.0, 1, 1, 1], [1, 1, 1, 1]]),
    }
    own, other = (hi3_concentration._rows("maps, shift", [scores] * 5, known) for known in (False, True))
    assert [r.verdict for r in own if "minus" in r.name] == ["held"]
    assert own[-1].ours == 0.75
    assert all(r.verdict is None for r in other)
    assert all((r.n, r.over) == (5, "nets") for r in own)
