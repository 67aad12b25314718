"""Command lines that cannot be right, of every program: the table is `fuzz.command_lines`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("these cases name files of Linux", allow_module_level=True)

from fuzz.command_files import prepare
from fuzz.command_lines import CASES, Case, answer, faults


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    prepare(folder)
    return folder


def test_the_table_has_many_rows_and_names_every_program() -> None:
    assert len(CASES) >= 150
    assert len(set(CASES)) == len(CASES)
    assert {case.program for case in CASES} == {"nnpg", "experiments", "benchmarks", "download"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.program}-{case.words[:60]!a}")
def test_a_wrong_command_line_is_answered_in_one_line(case: Case, here: Path) -> None:
    assert faults(case, here) == []


def test_a_report_shows_names_as_text(here: Path) -> None:
    assert answer("experiments", ["report", str(here / "result good")]).code == 0
    for page in ("report.html", "LD-0/result.html"):
        text = (here / "result good" / page).read_text(encoding="utf-8")
        assert "&lt;img src=x&gt;|" in text
        assert "<img src=x" not in text


def test_a_models_record_is_shown_without_control_characters(here: Path) -> None:
    shown = answer("nnpg", ["info", str(here / "stranger.safetensors")])
    assert shown.code == 0
    assert r"\x1b[2J" in shown.out
    assert "\x1b" not in shown.out
