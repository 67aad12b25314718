"""`nnpg demo` at its smallest: its files, its page, its claims, its seed."""

from __future__ import annotations

import re

import pytest

from nnpg.data import faces

PICTURES = ("faces", "training", "maps", "network", "knockout", "damage", "places")


@pytest.fixture(scope="module")
def hurried(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    return out, run("demo", "--epochs", 1, "--out", out)


def test_it_writes_the_page_the_pictures_and_the_model(hurried) -> None:
    out, answer = hurried
    assert answer.code == 0, answer.err
    assert {path.name for path in out.iterdir()} == {
        "index.html",
        "faces.safetensors",
        "explorer.html",
        *(f"{name}.png" for name in PICTURES),
    }
    assert f"open {out / 'index.html'}" in answer.out
    assert re.search(r"\d+\.\d s\n$", answer.out)


def test_it_prints_both_ends_of_the_ranking_for_every_person(hurried) -> None:
    _, answer = hurried
    unit = r"pool\d\[\d\]"  # counted from 0, as one indexes
    for person, feature in zip(faces().class_names, faces().features, strict=True):
        assert re.search(rf"^{person} +{feature} +{unit}, {unit} +{unit}, {unit}$", answer.out, re.M)


def test_the_page_holds_every_picture_and_every_claim(hurried) -> None:
    out, _ = hurried
    page = (out / "index.html").read_text(encoding="utf-8")
    assert page.count("<img ") == len(PICTURES)
    assert len(re.findall(r"<td>(?:yes|no)</td>", page)) == 10
    for equation in ("Eq. 1", "Eq. 2", "Eq. 3"):
        assert equation in page
    assert 'src="http' not in page
    assert page.count('<a href="explorer.html">') == 1


def test_after_one_epoch_the_demo_says_that_the_goal_is_not_reached(hurried) -> None:
    out, answer = hurried
    assert "NOT under 5%" in answer.out
    assert "NOT under 5%" in (out / "index.html").read_text(encoding="utf-8")


def test_the_saved_model_classifies_the_faces(hurried, run) -> None:
    out, answer = hurried
    asked = run("rank", out / "faces.safetensors", "--class", "face07", "--top", 2)
    assert asked.code == 0
    assert asked.err == ""
    strongest = re.search(r"^face07 .*?  +(pool\d\[\d+\]), ", answer.out, re.M)[1]
    assert asked.out.splitlines()[2].startswith(f"face07          {strongest} ")


@pytest.mark.slow
def test_the_same_seed_writes_the_same_bytes(hurried, run) -> None:
    out, _ = hurried
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    again = run("demo", "--epochs", 1, "--out", out, "--json")
    assert again.json["page"] == str(out / "index.html")
    assert [claim["holds"] in (True, False) for claim in again.json["claims"]] == [True] * 10
    for name, data in before.items():
        assert (out / name).read_bytes() == data, name


def test_after_ctrl_c_one_sentence_says_what_is_incomplete(run, tmp_path, monkeypatch) -> None:
    def stopped(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("nnpg.report.demo.findings.train", stopped)
    answer = run("demo", "--out", tmp_path / "out")
    assert answer.code == 130
    assert "not complete" in answer.err
