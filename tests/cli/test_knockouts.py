"""`nnpg knockout`: the library's curves, in both orders, as text, JSON and picture."""

from __future__ import annotations

import numpy as np
import pytest

import nnpg
from nnpg.data import load


def test_json_holds_the_librarys_curves(run, model, bars) -> None:
    report = run("knockout", model, "--class", "right", "--steps", 12, "--json").json
    assert [(curve["class"], curve["order"]) for curve in report["curves"]] == [
        ("right", "strongest"),
        ("right", "weakest"),
    ]
    data, net = load(bars), nnpg.load_network(model)
    filters = nnpg.filter_scores(net, data.x, data.labels).strongest(2, 12)
    expected = nnpg.knock_out_curve(net, data.x, data.labels, filters)
    strongest = report["curves"][0]
    assert [(f["layer"], f["filter"]) for f in strongest["filters"]] == [(unit.layer, unit.f) for unit in filters]
    assert strongest["class_error"] == expected.class_error(2).tolist()
    assert strongest["overall_error"] == expected.overall_error.tolist()
    assert strongest["most_common_prediction"] == expected.modes.tolist()


def test_one_class_prints_every_step(run, model, bars) -> None:
    answer = run("knockout", model, "--class", "left", "--order", "strongest", "--steps", 3)
    assert answer.code == 0
    lines = answer.out.strip().splitlines()
    assert lines[0] == "left, strongest first"
    assert [line.split()[0] for line in lines[2:]] == ["0", "1", "2", "3"]
    assert "(intact)" in lines[2]
    filters = nnpg.filter_scores(nnpg.load_network(model), load(bars).x, load(bars).labels).strongest(0, 3)
    assert [line.split()[1] for line in lines[3:]] == [f"{unit.layer}[{unit.f}]" for unit in filters]  # as one indexes
    assert "weakest" not in answer.out


def test_all_classes_print_a_line_each(run, model) -> None:
    answer = run("knockout", model, "--steps", 4)
    assert answer.code == 0
    strongest, weakest = answer.out.strip().split("\n\n")
    assert strongest.startswith("strongest first")
    assert weakest.startswith("weakest first")
    assert strongest.splitlines()[1].split() == ["0", "1", "2", "3", "4"]
    assert [line.split()[0] for line in strongest.splitlines()[2:]] == ["left", "middle", "right"]


def test_without_filters_all_images_get_one_answer(run, model) -> None:
    report = run("knockout", model, "--class", "left", "--order", "weakest", "--json").json
    assert report["curves"][0]["overall_error"][-1] == pytest.approx(2 / 3)


@pytest.mark.parametrize("to", ["zero", "mean", "resample"])
def test_filters_are_knocked_out_to_zero_mean_or_another_image(run, model, bars, to) -> None:
    args = ("knockout", model, "--class", "left", "--order", "strongest", "--to", to, "--seed", 3, "--json")
    report = run(*args).json
    assert report == run(*args).json  # drawn values too
    data, net = load(bars), nnpg.load_network(model)
    train, _ = nnpg.data.stratified_split(data, rng=0).apply(data)
    filters = nnpg.filter_scores(net, data.x, data.labels).strongest(0)
    expected = nnpg.knock_out_curve(net, data.x, data.labels, filters, to=to, reference=train.x, rng=3)
    assert report["curves"][0]["overall_error"] == expected.overall_error.tolist()


def test_the_curves_are_drawn(run, model, tmp_path) -> None:
    answer = run("knockout", model, "--steps", 3, "--draw", tmp_path / "k.png")
    assert answer.code == 0
    assert (tmp_path / "k.png").read_bytes().startswith(b"\x89PNG")
    assert np.isclose(answer.out.count("wrote"), 1)
