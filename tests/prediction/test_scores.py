"""From gradients to rankings: every norm by hand, both averages, tables, data frames, saliency."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import nnpg
from nnpg import FilterScores, PredictionGradient, convolutional_gradient, filter_scores, prediction_gradient, saliency

D = np.array([[[[3.0, -4.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, -1.0]]]])  # (1, 2, 2, 2)
PG = PredictionGradient({"pool1": D}, "true", "prob", ("image 0",))


@pytest.mark.parametrize(
    ("norm", "expected"),
    [("frobenius", [5, 2]), ("l1", [7, 4]), ("max", [4, 1]), ("rms", [2.5, 1]), ("mean", [-0.25, 0.5])],
)
def test_each_norm_by_hand(norm, expected):
    np.testing.assert_allclose(convolutional_gradient(PG, norm).scores["pool1"], [expected])


def test_a_dense_unit_is_a_map_of_one_pixel():
    pg = PredictionGradient({"tanh1": np.array([[-2.0, 0.5]])}, "true", "prob", ("image 0",))
    np.testing.assert_allclose(convolutional_gradient(pg).scores["tanh1"], [[2, 0.5]])


def test_saliency_collapses_over_the_maps():
    np.testing.assert_allclose(saliency(PG)["pool1"], [[[3, 4], [1, 1]]])
    np.testing.assert_allclose(saliency(PG, "l1")["pool1"], [[[4, 5], [1, 1]]])
    with pytest.raises(ValueError, match="saliency needs feature maps"):
        saliency(PredictionGradient({"tanh1": np.ones((1, 3))}, "true", "prob", ("image 0",)))


def test_several_classes_at_once_have_no_one_score():
    pg = PredictionGradient({"pool1": np.stack([D, D])}, (0, 1), "prob", ("image 0",))
    with pytest.raises(ValueError, match="of 2 classes: choose one"):
        convolutional_gradient(pg)
    with pytest.raises(ValueError, match=r"norm must be 'frobenius'.*not 'l7'"):
        convolutional_gradient(PG, "l7")


SCORES = FilterScores(
    {"pool1": np.array([[0.5, 0.1], [1.0, 2.0]]), "pool2": np.array([[0.3, 0.9], [0.0, 3.0]])},
    ("ann", "bob"),
    "rms",
    "prob",
)


def test_strongest_and_weakest_are_the_two_ends_of_one_order():
    assert [unit[:2] for unit in SCORES.strongest("ann")] == [("pool2", 1), ("pool1", 0), ("pool2", 0), ("pool1", 1)]
    assert SCORES.weakest("ann") == SCORES.strongest("ann")[::-1]
    assert SCORES.strongest(1, 1) == [nnpg.Filter("pool2", 1, 3.0)]
    with pytest.raises(KeyError, match="no row 'eve'; the rows are ann, bob"):
        SCORES.strongest("eve")


def test_it_prints_as_the_papers_table_with_filters_counted_from_0():
    lines = SCORES.table(2).splitlines()
    assert lines[2].split() == ["ann", "pool2[1]", "0.90000", "pool1[1]", "0.10000"]
    assert str(SCORES).startswith("rms of d prob / d output")


def test_it_goes_to_pandas_and_to_json():
    frame = SCORES.to_frame()
    assert list(frame.columns) == ["row", "layer", "filter", "score"]
    assert len(frame) == 8
    assert frame.query("row == 'bob' and layer == 'pool2' and filter == 1").score.item() == 3.0
    assert json.loads(json.dumps(SCORES.to_dict()))["scores"]["pool1"] == [[0.5, 0.1], [1.0, 2.0]]


def test_norm_of_mean_and_mean_of_norms_against_the_definitions():
    net = nnpg.build(
        [nnpg.conv(3, 3), nnpg.Tanh(), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()],
        input_shape=(1, 6, 6),
        rng=0,
        dtype="float64",
    )
    x, labels = np.random.default_rng(0).normal(size=(8, 1, 6, 6)), np.array([0, 1, 0, 1, 0, 1, 2, 2])
    pg = prediction_gradient(net, x, classes="true", labels=labels)["tanh1"]
    kinds = {
        average: filter_scores(net, x, labels, average=average, batch=3)
        for average in ("norm_of_mean", "mean_of_norms")
    }
    for t in range(3):
        of_class = pg[labels == t]
        of_mean = np.sqrt((of_class.mean(axis=0) ** 2).sum(axis=(1, 2)))
        of_norms = np.sqrt((of_class**2).sum(axis=(2, 3))).mean(axis=0)
        np.testing.assert_allclose(kinds["norm_of_mean"].scores["tanh1"][t], of_mean, rtol=1e-12)
        np.testing.assert_allclose(kinds["mean_of_norms"].scores["tanh1"][t], of_norms, rtol=1e-12)
        assert (of_mean < of_norms).all()
    with pytest.raises(ValueError, match="'norm_of_mean' or 'mean_of_norms', not 'median'"):
        filter_scores(net, x, labels, average="median")


def test_a_class_without_images_has_no_ranking():
    net = nnpg.build([nnpg.conv(2, 3), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()], input_shape=(1, 4, 4), rng=0)
    x = np.ones((2, 1, 4, 4))
    for average in ("norm_of_mean", "mean_of_norms"):
        with pytest.raises(ValueError, match="'class 2' has no scores"):
            filter_scores(net, x, [0, 1], average=average).strongest(2)


def test_a_filter_is_named_in_one_place_as_one_indexes_it():
    """Filters count from 0 in print as in code, so no other source writes a number of a filter plus 1."""
    assert str(nnpg.Filter("pool1", 2)) == "pool1[2]"
    root = Path(__file__).parents[2]
    for path in [*(root / "nnpg").rglob("*.py"), *(root / "experiments").rglob("*.py")]:
        assert not re.search(r"\bf \+ 1[}:]|no\. \{", path.read_text(encoding="utf-8")), path
