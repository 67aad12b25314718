"""An experiment's numbers are not lost: its places are tried first; what cannot go there in the end goes elsewhere."""

import json
import shutil
from dataclasses import dataclass

import numpy as np
import pytest

from experiments import runner
from experiments.experiment import Experiment, Result, row
from nnpg.files import NotWrittenError
from nnpg.plots import image_grid


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
        return Result([row("a number", None, 0.5, 1)], "held", figures=("grey.png",))

    def removed(config, context):
        shutil.rmtree(tmp_path / "out")
        return run(config, context)

    for id, function in (("X-1", run), ("X-2", removed)):
        monkeypatch.setitem(runner.EXPERIMENTS, id, Experiment(id, "A try", "nobody", {"quick": Config()}, function))
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
