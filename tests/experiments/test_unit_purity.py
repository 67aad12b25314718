"""SZ-1 and SZ-2: rows of images and maximised images, on cases whose answer is known."""

import numpy as np
import pytest

import nnpg
from experiments.szegedy.unit_purity import (
    DIFFERENCE,
    DIFFERENCE_OF_MAXIMISED,
    Kinds,
    Looking,
    Rows,
    compare,
    over_nets,
)
from nnpg.data import Dataset


@pytest.fixture(scope="module")
def one_class_a_unit():
    """Five units of relu1 and five classes: unit c is the c-th pixel, which is bright in images of class c."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 40)
    x = (np.eye(5)[labels] + 0.3 * rng.random((200, 5))).astype("float32").reshape(200, 1, 1, 5) / 2
    net = nnpg.build([nnpg.ReLU(), nnpg.Flatten(), nnpg.dense(5), nnpg.Softmax()], input_shape=(1, 1, 5), rng=0)
    return net.replace("dense1", W=np.eye(5, dtype="float32")), Dataset(x, labels, tuple("abcde"), "toy")


def test_units_that_respond_to_one_class_are_purer_than_random_directions(one_class_a_unit):
    net, data = one_class_a_unit
    found = compare(net, data, Looking("relu1", 8, 5, 99, 5), 0)
    assert found.units.pure.tolist() == [1] * 5
    assert found.units.p == 0.01
    assert found.units.above_chance == pytest.approx(0.6, abs=0.05)  # of eight images of five classes
    assert found.random.pure.mean() < 1
    dead = data.x.copy()
    dead[:, :, :, 2] = 0
    without = compare(net, Dataset(dead, data.labels, data.class_names, "toy"), Looking("relu1", 8, 5, 9, 2), 0)
    assert without.numbers.tolist() == [0, 1, 3, 4]
    assert without.units.of_rows.tolist() == [0, 3], "spread over the rows"


def test_a_maximised_image_begins_at_another_class_and_is_taken_for_that_of_its_row(one_class_a_unit):
    """Within the norm of its row's first image a maximised image has all of it in one pixel."""
    net, data = one_class_a_unit
    units = compare(net, data, Looking("relu1", 8, 5, 9, 5), 0).units
    first = data.x[units.images[:, 0]].reshape(5, 5)
    norms = np.linalg.norm(first, axis=1)
    np.testing.assert_allclose(units.maximised.reshape(5, 5), np.diag(norms), atol=0.02)
    assert units.taken == 1
    assert units.gain == pytest.approx(norms.mean() / np.diag(first).mean(), rel=0.01)


def test_a_layers_verdicts_are_over_the_nets():
    def of(pure, taken):
        images = np.zeros((2, 8), int)
        return Rows(images, np.full(2, pure), 0.5, 0.01, np.zeros((2, 1, 1, 1)), np.arange(2), taken, 1.5)

    nets = [
        Kinds("relu1", np.arange(2), of(0.6 + d, 0.8 + 10 * d), of(0.6, 0.8), 0.001) for d in (0, 0.001, -0.001, 0.002)
    ]
    rows = over_nets(nets, comparisons=8)
    verdicts = {r.name.removeprefix("relu1: "): r.verdict for r in rows}
    assert verdicts[DIFFERENCE] == "held", "within the margin over four nets, whatever p is in each"
    assert verdicts[DIFFERENCE_OF_MAXIMISED] == "held"
    assert {(r.n, r.over) for r in rows} == {(4, "nets")}
    assert [r.verdict for r in over_nets(nets[:1], comparisons=8) if r.claim] == ["open"] * 4
    apart = [Kinds("relu1", np.arange(2), of(0.9 + d, 0.8), of(0.6, 0.8), 0.5) for d in (0, 0.001, -0.001, 0.002)]
    assert over_nets(apart, comparisons=8)[0].verdict == "contradicted"
