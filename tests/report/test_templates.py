"""The templates: they hold all HTML, escape all text, and are part of every distribution."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from nnpg.report import Image, Table, write_template

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "nnpg" / "report"
TEMPLATES = sorted(path.name for path in (REPORT / "templates").iterdir())
NASTY = """<script>alert("1 < 2 & 'x'")</script>"""


@pytest.mark.parametrize("builder", [WheelBuilder, SdistBuilder])
def test_wheel_and_sdist_hold_every_template(builder) -> None:
    held = {file.distribution_path for file in builder(str(ROOT)).recurse_included_files()}
    assert {f"nnpg/report/templates/{name}" for name in TEMPLATES} <= held
    assert "page.html.j2" in TEMPLATES


def test_no_text_goes_unescaped() -> None:
    for path in (REPORT / "templates").glob("*.j2"):
        assert not re.search(r"\|\s*safe\b|autoescape", path.read_text(encoding="utf-8")), path.name
    for path in REPORT.rglob("*.py"):
        assert "Markup" not in path.read_text(encoding="utf-8"), path.name


def test_no_python_file_holds_html() -> None:
    for path in REPORT.rglob("*.py"):
        source = re.sub(r">>>.*|\.\.\. .*", "", path.read_text(encoding="utf-8"))
        assert not re.search(r"</?(p|div|h\d|table|tr|t[dh]|img|figure|section|html|pre)\b", source), path.name


class Anything(dict):
    """Stands for whatever a template names of a section: every item is the same text."""

    def __missing__(self, name: str) -> object:
        return Table((NASTY,), [(NASTY,)], NASTY) if name in ("table", "blocks") else NASTY


def test_the_demo_escapes_all_names_in_its_data(tmp_path: Path) -> None:
    """Class names, conditions and the folder's name come from outside."""
    (tmp_path / "x.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    numbers = ("K", "images", "images_per_person")
    plain = ("title", "command", "model", *numbers, "verdict", "held", "code_of_passes", "commands")
    sections = ("training", "filters", "passes", "nudge", "ranking", "knockout", "damage", "places")
    path = write_template(
        tmp_path / "a.html",
        "demo.html.j2",
        **dict.fromkeys((*plain, "explorer", "knocked_out"), NASTY),
        **{name: Anything() for name in sections},
        claims=Table((NASTY,), [(NASTY,)], NASTY),
        picture=lambda name, alt, caption="": Image(tmp_path / "x.svg", alt + NASTY, caption + NASTY),
    )
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 40


def test_a_name_that_a_template_lacks_is_an_error_and_nothing_is_written(tmp_path: Path) -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError, match="title"):
        write_template(tmp_path / "a.html", "page.html.j2")
    assert not list(tmp_path.iterdir())
