"""The tables of README and docs, and the gallery: all from what is on record."""

from __future__ import annotations

import html
import json
import math
import re
import shutil

import pytest
from typer.testing import CliRunner

from experiments import commands
from experiments.catalogue import EXPERIMENTS
from experiments.data_sets import not_passed_on
from experiments.experiment import row as result_row
from experiments.page import json_row, markdown
from experiments.provenance import CHECKOUT
from experiments.records import tables
from experiments.records.chosen import CHOSEN
from experiments.records.claims import lines_of
from experiments.records.gallery import PAPERS, write_gallery
from experiments.records.papers import SHOWN
from experiments.records.pictures import MOST_BYTES, MOST_BYTES_OF_ALL
from experiments.records.reading import RESULTS, on_record
from nnpg.analysis.statistics import Interval
from nnpg_command import UsageError

RECORDS = on_record()


def row(name, claim, verdict, **others):
    values = {"paper": None, "ours": 0.5, "low": 0.25, "high": 0.75, "n": 20, "over": "nets", "unit": "fraction"}
    return {"name": name, "claim": claim, "verdict": verdict, "interval": "95% t"} | values | others


def record(*rows, **others):
    values = {
        "id": "LD-3", "version": EXPERIMENTS["LD-3"].version, "scale": "paper", "title": "t", "source": "s",
        "rows": list(rows), "verdict": "As said.", "notes": [], "figures": [], "left_out": {}, "texts": [],
        "command": "c", "date": "2026-01-01 00:00 UTC", "seed": 0, "commit": "0123456789abcdef", "tree": "clean",
        "data": [], "processor": "p", "threads": 2, "versions": {"backend": "numba"}, "computed": {}, "minutes": 1.0,
    }  # fmt: skip
    return values | others


# What is on record


def test_the_pages_are_as_on_record():
    assert tables.write_tables(RECORDS, check=True) == [], "write them with `python -m experiments tables`"


def test_every_record_is_small_and_shows_nothing_that_may_not_be_passed_on():
    pictures = list(RESULTS.glob("*/*.png"))
    assert all(picture.stat().st_size <= MOST_BYTES for picture in pictures)
    assert sum(picture.stat().st_size for picture in pictures) <= MOST_BYTES_OF_ALL
    for id, on in RECORDS.items():
        files = {file.name for file in (RESULTS / id).iterdir()}
        assert files == {"result.json", "result.md", *on["figures"]}, id
        assert (RESULTS / id / "result.md").read_text() == markdown(on), id
        if any(not_passed_on(data["name"]) for data in on["data"]):
            assert set(on["shows"]) == {*on["figures"], *on["left_out"]}, id
        assert not any(on["shows"].get(name) and not_passed_on(on["shows"][name]) for name in on["figures"]), id


def test_what_else_lies_in_the_folder_is_a_record():
    assert {file.name for file in RESULTS.iterdir()} == set(RECORDS)


def test_every_record_says_what_its_intervals_are_over():
    for on in RECORDS.values():
        for r in on["rows"]:
            assert r["n"] >= 1
            assert r["over"]


# Tables


def test_every_paper_has_about_ten_claims_in_the_readme_and_each_is_of_an_experiment():
    for chosen in CHOSEN.values():
        assert 8 <= len(chosen) <= 10
        assert all(one.id in EXPERIMENTS and (one.words or one.measured) for one in chosen)
        assert len(set(chosen)) == len(chosen)


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        (
            [row("error", "low", "held")],
            [("low", "error", "-", "50% (25% to 75%)", "20 nets", "held")],
        ),
        (
            [row("a", "test error 5%", "open", ours=0.1, paper=0.05), row("b", "test error 7.5%", "held", paper=0.075)],
            [("test error 5%, and 1 more such numbers", "a, and 1 more", "5% to 7.5%", "10% to 50%", "20 nets",
              "held in 1 of 2, open in 1")],
        ),
        (
            [row("a", "", "held", low=None, high=None), row("b", "", "contradicted", n=2000, over="random filters")],
            [("", "a", "-", "50%", "20 nets", "held"),
             ("", "b", "-", "50% (25% to 75%)", "2,000 random filters", "contradicted")],
        ),
        ([row("a", "", "held", high=None), row("b", "", "contradicted", low=None)],
         [("", "a", "-", "50% (at least 25%)", "20 nets", "held"),
          ("", "b", "-", "50% (at most 75%)", "20 nets", "contradicted")]),
        ([row(str(n), "", "held") for n in range(7)],
         [("", "0, and 6 more", "-", "50%", "20 nets", "held in 7 of 7")]),
        ([row("a", "", None)], []),
    ],
)  # fmt: skip
def test_a_line_for_each_claim(rows, lines):
    shown = [
        (line.claim, line.measured, line.paper, line.ours, line.n, line.verdict) for line in lines_of(record(*rows))
    ]
    assert shown == lines


def test_an_interval_without_an_upper_end_is_written_read_and_shown(tmp_path):
    made = result_row("times fewer", 2.0, Interval(3.5, 2.25, math.inf), 8, "nets", unit="ratio", interval="95% t")
    one = record(json_row(made), shows={}, config={})
    (tmp_path / "LD-3").mkdir()
    (tmp_path / "LD-3" / "result.json").write_text(json.dumps(one, allow_nan=False))
    assert on_record(tmp_path)["LD-3"]["rows"] == [json_row(made)]
    assert "| 3.5 | at least 2.25 (95% t) | 8 nets |" in markdown(one)


def test_an_old_record_is_shown_as_old(tmp_path):
    old = record(row("error", "low", "held"), version=0)
    assert lines_of(old)[0].scale == "paper, old"
    assert "these numbers are old" in tables.every_result({"LD-3": old})
    assert "old: the" in write_gallery(tmp_path / "g.html", {"LD-3": old}).read_text()
    new = record(row("error", "low", "held"))
    assert lines_of(new)[0].scale == "paper"
    assert "are old" not in tables.every_result({"LD-3": new})
    assert "old: the" not in write_gallery(tmp_path / "g.html", {"LD-3": new}).read_text()


def test_a_claim_of_the_readme_that_its_record_does_not_judge_is_named():
    with pytest.raises(UsageError, match=r"identity 15.* of LD-3, which its record does not judge.*\['low'\]"):
        tables.claims_table({"LD-3": record(row("error", "low", "held"))})


def test_tables_are_written_between_their_markers_and_checked(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    for page in tables.PAGES:
        shutil.copy(CHECKOUT / page, tmp_path / page)
    assert tables.write_tables(RECORDS, tmp_path) == []
    text = (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text(text.replace("20 nets", "21 nets"))
    assert tables.write_tables(RECORDS, tmp_path, check=True) == ["README.md"]
    assert "21 nets" in (tmp_path / "README.md").read_text()
    assert tables.write_tables(RECORDS, tmp_path) == ["README.md"]
    assert (tmp_path / "README.md").read_text() == text
    (tmp_path / "docs" / "results.md").write_text("no marker")
    with pytest.raises(UsageError, match=r"docs/results.md: expected one line <!-- begin: results"):
        tables.write_tables(RECORDS, tmp_path)


def test_the_check_ends_with_exit_code_1_and_names_the_page(monkeypatch):
    monkeypatch.setattr(commands, "write_tables", lambda records, check: ["README.md"])
    ended = CliRunner().invoke(commands.app, ["tables", "--check"])
    assert ended.exit_code == 1
    assert "1 of 3 pages failed: README.md: it is not as on record" in ended.output
    assert CliRunner().invoke(commands.app, ["tables"]).exit_code == 0


# The gallery


def test_the_gallery_has_a_card_for_every_experiment_and_needs_no_record(tmp_path):
    page = html.unescape(write_gallery(tmp_path / "g.html", {}).read_text())
    for id, experiment in EXPERIMENTS.items():
        assert f'id="{id}"' in page
        assert experiment.title in page
        assert SHOWN[id].figure in page
    assert page.count('<span class="verdict">not run</span>') == len(EXPERIMENTS)
    assert all(title in page for title in PAPERS.values())
    assert set(SHOWN) == set(EXPERIMENTS)


def test_a_card_has_claim_numbers_n_interval_verdict_command_minutes_date_and_notes(tmp_path):
    rows = [
        row("error", "less than a third", "open", paper=0.25),
        row("a number", "", None, n=300, over="images of one net"),
    ]
    one = record(*rows, notes=["a note"], left_out={"faces.png": "yale"}, minutes=7.25)
    page = html.unescape(write_gallery(tmp_path / "g.html", {"LD-3": one}).read_text())
    card = re.sub(r"<[^>]+>|\s+", " ", page[page.index('id="LD-3"') : page.index('id="LD-4"')])
    for shown in ("“less than a third”", "As said.", "0.25 to 0.75 (95% t)", "20 nets", "300 images of one net", "open",
                  "7.2 minutes", "2026-01-01", "commit 0123456789ab", "a note", "faces.png", SHOWN["LD-3"].differs,
                  "All other numbers"):  # fmt: skip
        assert shown in card, shown


def test_the_gallery_holds_the_pictures_of_all_records(tmp_path):
    page = write_gallery(tmp_path / "g.html", RECORDS).read_text()
    assert page.count("data:image/png;base64") == sum(len(on["figures"]) for on in RECORDS.values())
    assert page.count('<span class="verdict">not run</span>') == len(EXPERIMENTS) - len(RECORDS)
