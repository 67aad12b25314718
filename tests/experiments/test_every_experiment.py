"""Every experiment at toy size; the command line that the README names; and its answers to wrong arguments."""

import html
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from jobs.sharing import folder_of_all, turn
from selection import slow_except

import nnpg
from experiments.catalogue import EXPERIMENTS
from experiments.data_sets import not_passed_on
from experiments.experiment import INDEPENDENT, OVER, Context, row
from experiments.models.faces import face_nets
from experiments.report import write_report
from experiments.runner import run_experiment
from nnpg.analysis.statistics import Interval
from nnpg_command import UsageError

ROOT = Path(__file__).parent.parent.parent
KEYS = {
    "config", "seed", "commit", "tree", "data", "versions", "processor", "threads", "computed", "minutes", "kept",
    "notes", "figures", "rows", "verdict", "scale", "version", "command", "date", "shows",
}  # fmt: skip
FAMILIES = ("LD-3", "LD-12", "TH-5", "SZ-F7", "HI-2")  # one for each room, of the shortest
ANEW = (*FAMILIES, "HI-1")  # HI-1 makes the pairs of images that others of its room read
QUICK = ("TH-5",)  # of these, the shortest
REFERENCE = {"backend": "numpy"}
ROW_KEYS = ["name", "paper", "ours", "low", "high", "n", "over", "unit", "interval", "claim", "verdict"]


def smoke(id, folder, **settings):
    """Run an experiment at toy size, on the default backend unless the settings name one."""
    return run_experiment(id, scale="smoke", out=folder, progress=False, **settings)


def once(id, folder, **settings):
    """Return the experiment's folder; the experiment is run if it was not yet. Runs in one folder share networks.

    No other process runs it at the same time: they wait, and find its result.
    """
    with turn(folder, id):
        return folder / id if (folder / id / "result.json").exists() else smoke(id, folder, **settings)


@pytest.fixture(scope="module")
def on_default(tmp_path_factory):
    """A folder for the experiments on the default backend."""
    return folder_of_all(tmp_path_factory, "default")


@pytest.fixture(scope="module")
def on_reference(tmp_path_factory):
    """A folder for the experiments on the reference kernels."""
    return folder_of_all(tmp_path_factory, "reference")


@pytest.fixture(scope="module")
def anew(tmp_path_factory):
    """A folder for some of them once more on the default backend, from new networks."""
    return folder_of_all(tmp_path_factory, "anew")


@pytest.fixture(scope="module")
def again(tmp_path_factory, on_default):
    """A folder for the others once more, with what the first runs have kept."""
    folder = folder_of_all(tmp_path_factory, "again")
    with turn(folder, "models"):
        if not (folder / "models").exists():
            (on_default / "models").mkdir(exist_ok=True)
            (folder / "models").symlink_to(on_default / "models", target_is_directory=True)
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A folder for another seed."""
    return folder_of_all(tmp_path_factory, "other")


def shown(markdown):
    """Return the text as Markdown shows it: pool3[2] is written pool3\\[2\\], so that no name becomes a link."""
    return html.unescape(re.sub(r"\\([\\|`\[\]!])", r"\1", markdown))


def check_files(folder, id):
    """Check what an experiment wrote: its result, its figures, and its text."""
    result = json.loads((folder / "result.json").read_text())
    assert result["id"] == id
    assert result.keys() >= KEYS
    assert result["rows"]
    assert result["data"], "every experiment reads a data set, and notes it"
    assert all(len(data_set["sha256"]) == 64 and data_set["images"] > 0 for data_set in result["data"])
    for r in result["rows"]:
        assert list(r) == ROW_KEYS
        assert r["n"] >= 1
        assert r["over"] in OVER, r
        if r["low"] is not None and r["verdict"] not in ("open", None):
            assert r["over"] in (*INDEPENDENT, "random filters"), r  # the latter are drawn anew and need no training
        if None not in (r["low"], r["high"]):
            assert r["low"] <= r["high"]
            assert r["interval"]
    assert set(result["shows"]) <= set(result["figures"])
    if reads_what_may_not_be_passed_on(id):
        assert set(result["shows"]) == set(result["figures"]), "each picture: does it show images, and of which data?"
    for figure in result["figures"]:
        assert (folder / figure).read_bytes()[:4] == b"\x89PNG"
    text = shown((folder / "result.md").read_text())
    assert all(r["name"] in text for r in result["rows"])


def reads_what_may_not_be_passed_on(id):
    config = EXPERIMENTS[id].scales["paper"]
    names = {getattr(config, "dataset", None), *getattr(config, "datasets", ())} - {None}
    return any(map(not_passed_on, names))


def test_the_experiments_on_the_yale_faces_are_known():
    yale = {id for id in EXPERIMENTS if reads_what_may_not_be_passed_on(id)}
    faces = {id for id in EXPERIMENTS if id.startswith("LD") and int(re.findall(r"\d+", id)[0]) < 7}
    assert yale == faces | {id for id in EXPERIMENTS if id.startswith("TH")}


def check_report(ids, out):
    """Check that the page of all results holds each, and that each has a page of its own with its figures."""
    page = html.unescape(write_report(out).read_text())
    count = 0
    for id in ids:
        title, figures = EXPERIMENTS[id].title, json.loads((out / id / "result.json").read_text())["figures"]
        assert id in page
        assert title in page
        single = html.unescape((out / id / "result.html").read_text())
        assert title in single
        assert single.count("data:image/png;base64") == len(figures)
        count += len(figures)
    assert page.count("data:image/png;base64") == count


@pytest.mark.parametrize("id", FAMILIES)
def test_one_experiment_of_each_family_runs_on_the_default_backend(id, on_default):
    folder = once(id, on_default)
    check_files(folder, id)
    result = json.loads((folder / "result.json").read_text())
    assert result["versions"]["backend"] == nnpg.load_backend("auto").name
    assert all(way == "compiled" or ", because " in way for ways in result["computed"].values() for way in ways)
    assert result["computed"].get("predict", ["compiled"]) == ["compiled"]
    assert all(math.isfinite(r["ours"]) for r in result["rows"] if r["ours"] is not None)


def test_the_report_gathers_one_result_of_each_family(on_default):
    for id in FAMILIES:
        once(id, on_default)
    check_report(FAMILIES, on_default)


@pytest.mark.slow
@pytest.mark.parametrize("id", EXPERIMENTS)
def test_each_experiment_writes_its_result_and_figures(on_default, id):
    check_files(once(id, on_default), id)


@pytest.mark.slow
@pytest.mark.parametrize("id", FAMILIES)
def test_one_experiment_of_each_family_runs_on_the_reference_kernels(id, on_reference):
    check_files(once(id, on_reference, **REFERENCE), id)


@pytest.mark.slow
def test_the_report_gathers_every_result(on_default):
    for id in EXPERIMENTS:
        once(id, on_default)
    check_report(EXPERIMENTS, on_default)


@pytest.mark.parametrize("id", slow_except(QUICK, EXPERIMENTS))
def test_the_same_seed_gives_the_same_rows_and_another_seed_others(on_default, anew, again, other, id, monkeypatch):
    """In each room, what is trained or attacked twice is the same twice.

    The other experiments read what is kept: in files that are found by all that they depend on, so that a network of
    another seed, or of none, is another file, and is trained.
    """
    once(id, on_default)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: None)  # half the time, and drawn once

    def rows(folder):
        return [r for r in json.loads((folder / "result.json").read_text())["rows"] if r["unit"] != "s"]  # no times

    first = rows(on_default / id)
    assert rows(smoke(id, anew if id in ANEW else again)) == first
    assert rows(smoke(id, other, seed=77)) != first


def test_a_trained_network_is_reused_and_an_interrupted_one_resumed(tmp_path):
    context = Context(tmp_path, tmp_path / "models", None, None, "numpy", progress=False)
    first = face_nets("faces", 2, [5], context)[0]
    (file,) = (tmp_path / "models").iterdir()
    stamp = file.stat().st_mtime_ns
    again = face_nets("faces", 2, [5], context)[0]
    assert file.stat().st_mtime_ns == stamp
    assert (first.net.layers["conv1"].W == again.net.layers["conv1"].W).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"id": "LD-99"}, "no experiment 'LD-99': choose one of LD-0"),
        ({"id": "LD-3", "scale": "huge"}, "no scale 'huge': choose one of smoke, quick, paper"),
        ({"id": "LD-3", "backend": "abacus"}, "no backend named 'abacus'"),
        ({"id": "LD-3", "settings": ["epochs"]}, "expected key=value with a key out of dataset, epochs"),
        ({"id": "LD-3", "settings": ["epochs=many"]}, "epochs is 250 by default"),
        ({"id": "LD-3", "settings": ["colour=red"]}, "--set colour=red"),
    ],
)
def test_a_wrong_argument_is_refused_before_any_work(arguments, words, tmp_path):
    with pytest.raises(UsageError, match=words):
        run_experiment(**{"scale": "quick", **arguments}, out=tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="no results under"):
        write_report(tmp_path)


def run_cli(*arguments, **environment):
    command = [sys.executable, "-m", "experiments", *arguments]
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}", **environment}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_the_command_lists_runs_and_says_where_data_should_be(tmp_path):
    listed = run_cli("list")
    assert listed.returncode == 0
    assert all(id in listed.stdout for id in EXPERIMENTS)
    missing = run_cli("run", "LD-3", "--data-dir", str(tmp_path), "--out", str(tmp_path / "out"))
    assert missing.returncode == 2
    assert missing.stderr.startswith("error: ")
    assert "yale" in missing.stderr.lower()
    assert "Traceback" not in missing.stderr
    wrong = run_cli("run", "LD-3", "LD-99")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "LD-99" in wrong.stderr


def test_a_row_carries_its_interval():
    r = row("x", None, Interval(0.5, 0.4, 0.6), 10, "nets", interval="95%")
    assert (r.ours, r.low, r.high) == (0.5, 0.4, 0.6)
    assert math.isnan(row("x", 1.0, 0.5, 10, "nets").low)


@pytest.mark.data
@pytest.mark.slow
def test_ld0_on_the_real_faces(data_dir, tmp_path):
    """No training errors, and a test error like the ones known for these splits: at most 8 of 41."""
    folder = run_experiment("LD-0", "quick", out=tmp_path, data_dir=str(data_dir), settings=["seeds=4"], progress=False)
    rows = {r["name"]: r for r in json.loads((folder / "result.json").read_text())["rows"]}
    assert rows["training error, worst seed"]["ours"] == 0
    assert rows["test error"]["ours"] <= 5 / 41
    assert rows["test error, worst seed"]["ours"] <= 8 / 41
