"""An experiment's numbers are not lost: its places are tried first; what cannot go there in the end goes elsewhere.

And its record: the same in JSON, Markdown and HTML.
"""

import html
import json
import re
import shutil
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import pytest

import nnpg
from experiments import runner
from experiments.data_sets import CIFAR10_NOTE, fingerprint, noted
from experiments.experiment import Experiment, Result, row
from experiments.provenance import Code
from experiments.report import write_report
from nnpg.analysis.statistics import Interval
from nnpg.analysis.verdicts import at_least
from nnpg.data import Dataset
from nnpg.files import NotWrittenError
from nnpg.plots import image_grid

DATA = Dataset(np.zeros((2, 3, 4, 4), np.float32), np.array([0, 1]), ("cat", "dog"), "cifar10 test")


@dataclass(frozen=True)
class Config:
    seed: int = 0


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """Two experiments: X-1 writes, draws and counts its runs; X-2's run removes the folder of its result."""
    ran = []

    def run(config, context):
        ran.append(1)
        image_grid(np.zeros((1, 1, 4, 4)), context.folder / "grey.png")
        nnpg.predict(nnpg.build([nnpg.dense(2)], input_shape=(3,), rng=0, backend="numpy"), np.zeros((1, 3)))
        noted(DATA, "cifar10", "test")
        claim = at_least(0.25, "a quarter and more")
        rows = [
            row("a number", None, Interval(0.5, 0.4, 0.6), 20, "nets", interval="95% t", claim=claim),
            row("another", None, Interval(0.5, 0.4, 0.6), 300, "images of one net", interval="95% t", claim=claim),
            row("no claim", None, 0.5, 1, "nets"),
        ]
        return Result(rows, "The number is large.", figures=("grey.png",))

    def removed(config, context):
        shutil.rmtree(tmp_path / "out")
        return run(config, context)

    for id, function in (("X-1", run), ("X-2", removed)):
        made = Experiment(id, "A try", "nobody", {"quick": Config()}, function, notes="images=0 takes all")
        monkeypatch.setitem(runner.EXPERIMENTS, id, made)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    (tmp_path / "elsewhere").mkdir()
    return ran


def test_a_result_and_its_figures_are_written_together(experiments, tmp_path):
    folder = runner.run_experiment("X-1", out=tmp_path / "out")
    assert sorted(path.name for path in folder.iterdir()) == ["grey.png", "result.json", "result.md"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_result_whose_folder_is_gone_is_put_elsewhere_as_a_whole(experiments, tmp_path):
    with pytest.raises(NotWrittenError, match=r"X-2.*The result is in the folder .*elsewhere"):
        runner.run_experiment("X-2", out=tmp_path / "out")
    (folder,) = (tmp_path / "elsewhere").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["grey.png", "result.json", "result.md"]
    assert json.loads((folder / "result.json").read_text())["rows"][0]["ours"] == 0.5


def pages(folder):
    """The result as Markdown, and as the two HTML pages; without their markup."""
    write_report(folder.parent)
    texts = [(folder / name).read_text() for name in ("result.md", "result.html", "../report.html")]
    return [html.unescape(re.sub(r"</t[dh]><t[dh][^>]*>", " | ", text).replace("\\", "")) for text in texts]


def test_every_page_says_how_many_nets_and_the_verdict(experiments, tmp_path):
    folder = runner.run_experiment("X-1", out=tmp_path / "out")
    for page in pages(folder):
        assert "| 20 nets | fraction | held" in page
        assert "| 300 images of one net | fraction | open" in page
        assert "| 1 nets | fraction | -" in page
    rows = json.loads((folder / "result.json").read_text())["rows"]
    assert [(r["n"], r["over"], r["claim"], r["verdict"]) for r in rows] == [
        (20, "nets", "a quarter and more", "held"),
        (300, "images of one net", "a quarter and more", "open"),
        (1, "nets", "", None),
    ]


def test_every_record_names_its_code_data_processor_and_way_of_computing(experiments, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "code_of", lambda: Code("0123456789abcdef", "changed"))
    monkeypatch.setattr(runner, "processor", lambda: "A processor of 1985")
    monkeypatch.setattr(runner, "thread_count", lambda: 3)
    monkeypatch.setattr(runner, "kept_files_recorded", lambda: nullcontext({"a": True, "b": True, "c": False}))
    folder = runner.run_experiment("X-1", out=tmp_path / "out", backend="numpy")
    record = json.loads((folder / "result.json").read_text())
    assert (record["commit"], record["tree"]) == ("0123456789abcdef", "changed")
    assert record["data"] == [{"name": "cifar10 test", "images": 2, "sha256": fingerprint(DATA)}]
    assert (record["processor"], record["threads"]) == ("A processor of 1985", 3)
    assert record["versions"]["backend"] == "numpy"
    (way,) = record["computed"]["predict"]
    assert 0 <= record["minutes"] < 1
    assert record["kept"] == 2
    assert record["notes"] == ["images=0 takes all", CIFAR10_NOTE]
    for page in pages(folder):
        assert "commit 0123456789abcdef, tree changed" in page
        assert "kept by earlier runs, and not counted: 2 files" in page
        assert f"cifar10 test: 2 images, SHA-256 {fingerprint(DATA)}" in page
        assert "A processor of 1985, 3 threads" in page
        assert f"numpy; {way}: predict" in page
        assert "Note: images=0 takes all" in page
        assert f"Note: {CIFAR10_NOTE}" in page
        assert "| 0.0" in page


def test_outside_of_a_checkout_a_run_is_recorded_all_the_same(experiments, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "code_of", lambda: Code("", "no checkout"))
    folder = runner.run_experiment("X-1", out=tmp_path / "out")
    assert json.loads((folder / "result.json").read_text())["commit"] == ""
    assert all("code | no checkout" in page for page in pages(folder))


@pytest.mark.parametrize("spoilt", ["out", "out/X-2", "out/X-2/result.json/folder", "out/models"])
def test_all_places_are_tried_before_the_first_run(experiments, tmp_path, spoilt):
    path = tmp_path / spoilt
    if path.name == "folder":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a file")
    with pytest.raises(OSError, match="out"):
        list(runner.run_all(["X-1", "X-2"], "quick", None, "auto", tmp_path / "out", None, ()))
    assert not experiments
