"""`nnpg knockout`: the library's curves, in both orders, as text, JSON and picture."""

from __future__ import annotations

import numpy as np
import pytest

import nnpg
from nnpg.cli.options import percent
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


def test_one_class_prints_some_steps_and_all_on_request(run, model, bars) -> None:
    args = ("knockout", model, "--class", "left", "--order", "strongest", "--steps", 9)
    short, whole = run(*args), run(*args, "--all")
    assert (short.code, whole.code) == (0, 0)
    filters = nnpg.filter_scores(nnpg.load_network(model), load(bars).x, load(bars).labels).strongest(0, 9)
    expected = nnpg.knock_out_curve(nnpg.load_network(model), load(bars).x, load(bars).labels, filters)
    names = ["(intact)", *map(str, filters)]  # pool1[0], as one indexes
    for answer, steps in ((short, (0, 1, 2, 3, 5, 7, 9)), (whole, range(10))):
        head, columns, *lines = answer.out.strip().splitlines()
        assert head.startswith("left: class error and overall error")
        assert columns.split() == ["off", "strongest", "first", "class", "overall"]
        rows = [line.split() for line in lines[: len(steps)]]
        errors = [(percent(expected.class_error(0)[n]), percent(expected.overall_error[n])) for n in steps]
        assert rows == [[str(n), names[n], *both] for n, both in zip(steps, errors, strict=True)]
    assert short.out.endswith("7 of 10 steps; --all prints each\n\n")
    assert "--all" not in whole.out


def test_both_orders_of_one_class_stand_abreast_on_few_lines(run, model) -> None:
    lines = run("knockout", model, "--class", "left").out.splitlines()
    assert " ".join(lines[1].split()) == "off strongest first class overall weakest first class overall"
    assert len(lines) <= 20
    assert max(map(len, lines)) <= 100
    first, *_, last = (line.split() for line in lines[2:-1] if line[:4].strip().isdigit())
    assert first[1::3] == ["(intact)", "(intact)"]
    assert first[2:4] == first[5:]
    assert last[2:4] == last[5:], "all filters are off in both orders"


def test_with_all_every_class_prints_every_step(run, model) -> None:
    answer = run("knockout", model, "--steps", 4, "--all")
    tables = answer.out.strip().split("\n\n")
    assert [table.partition(":")[0] for table in tables] == ["left", "middle", "right"]
    assert [[line.split()[0] for line in table.splitlines()[2:]] for table in tables] == [list("01234")] * 3


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
