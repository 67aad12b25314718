"""The growth of the cost: the command at a tiny size, what is written, and how a line is judged."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.commands import app
from benchmarks.gpu import pages
from benchmarks.growth import command, points, record
from nnpg_command import UsageError


def line(axis: str, task: str, times: dict[float, float]) -> list[dict[str, Any]]:
    more = {"axis": axis, "task": task, "threads": 2, "rounds": 3, "min_ms": 1.0}
    return [more | {"value": v, "work": 100.0 * v, "ms": ms, "roof_ms": ms / 4} for v, ms in times.items()]


def measured() -> record.Record:
    head = {"schema": 1, "processor": "a processor", "cores": 2, "backend": "numba", "versions": {"numpy": "2"}}
    every = [
        point
        for axis in points.AXES
        for point in line(axis, "predict", {1.0: 5.0, 10.0: 8.0, 100.0: 50.0, 1000.0: 5e2, 1e4: 5e3})
    ]
    return head | {"date": "2026-01-02", "quick": False, "fma_gflops": {"1": 100.0, "2": 190.0}, "points": every}


def test_the_command_writes_a_record_and_a_figure_and_prints_a_table(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["growth", "--quick", "--backend", "numpy", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    found = record.read(tmp_path / "growth.json")
    assert found["quick"]
    assert {point["axis"] for point in found["points"]} == set(points.AXES)
    assert all(point["ms"] > 0 and point["roof_ms"] > 0 and point["rounds"] == 1 for point in found["points"])
    assert (tmp_path / "growth.svg").read_bytes().startswith(b"<?xml")
    assert "classes: dy/do, all classes" in result.output
    assert "Nothing here is a measurement" in result.output


def test_a_quick_run_does_not_go_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "ON_RECORD", tmp_path / "growth.json")
    monkeypatch.setattr(command, "measure", lambda *args, **more: pytest.fail("measured"))
    result = CliRunner().invoke(app, ["growth", "--quick", "--record"])
    assert result.exit_code == 2
    assert "--quick measures nothing" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_run_goes_on_record_with_its_figure_and_its_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "performance.md"
    monkeypatch.setattr(record, "ON_RECORD", tmp_path / "growth.json")
    monkeypatch.setattr(record, "FIGURE", tmp_path / "growth.svg")
    monkeypatch.setattr(pages, "PAGE", page)
    monkeypatch.setattr(command, "measure", lambda *args, **more: measured())
    result = CliRunner().invoke(app, ["growth", "--record"])
    assert result.exit_code == 0, result.output
    assert record.on_record() == measured()
    assert (tmp_path / "growth.svg").exists()
    text = page.read_text()
    assert "(images/growth.svg)" in text
    assert "a processor, 2 cores, backend numba, 2026-01-02. numpy 2." in text
    assert "| images: predict | 1 | 10,000 | x 1e+04 | x 1e+03 | 1.00 | 5e+03 | 25.0% | 25.0% |" in text
    assert record.NOT_MEASURED in pages.page(None)


def test_the_exponent_is_that_of_the_upper_half() -> None:
    assert record.exponent(line("images", "predict", {1: 50, 10: 60, 100: 100, 1e3: 1e3})) == pytest.approx(1)
    assert record.exponent(line("images", "predict", {1: 1, 2: 4})) == pytest.approx(2)
    assert record.exponent(line("threads", "predict", {1: 8, 2: 4})) == pytest.approx(-1)
    assert math.isnan(record.exponent(line("images", "predict", {1: 1})))  # one point has no slope
    assert math.isnan(record.exponent(line("classes", "class gradient", {100: 1, 105: 2})))  # the work stays the same
    assert record.exponent(line("classes", "class gradient", {100: 1, 115: 1.15})) == pytest.approx(1)


def test_work_grows_with_what_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(images: int) -> dict[str, float]:
        monkeypatch.setattr(points, "IMAGES", (images,))
        return {p.task: p.operations for p in points.points("numpy", quick=True) if p.axis == "images"}

    few, twice = work(10), work(20)
    assert few.keys() == {"predict", "class gradient", "training epoch"}
    assert twice == {task: 2 * operations for task, operations in few.items()}


def test_every_point_is_counted() -> None:
    assert len(list(points.points("numpy", quick=True))) == points.number(quick=True)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2}', json.dumps({**measured(), "more": 1}), "\x00"])
def test_another_file_is_no_record(tmp_path: Path, text: str) -> None:
    path = tmp_path / "growth.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"growth\.json: expected a record of `python -m benchmarks growth`"):
        record.read(path)
