"""What is taken on record, what is refused, and what a record holds."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import provenance, runner
from experiments.data_sets import noted
from experiments.experiment import Experiment, Result, row
from experiments.provenance import Code
from experiments.records import pictures, reading, taking
from nnpg.data import Dataset
from nnpg_command import UsageError


@dataclass(frozen=True)
class Config:
    seed: int = 0
    nets: int = 20


def data(name):
    return Dataset(np.zeros((2, 1, 4, 4), np.float32), np.array([0, 1]), ("a", "b"), name)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose tree and history are as a test says, with one experiment, X-1, that draws two pictures."""

    @dataclass
    class Checkout:
        out: Path = tmp_path / "out"
        results: Path = tmp_path / "results"
        changed: list[str] = field(default_factory=list)
        history: tuple[str, ...] = ("abc",)
        shows: dict[str, str | None] = field(default_factory=lambda: {"curve.png": None, "face.png": "yale"})
        reads: str = "yale"
        noise: int = 8  # pixels in a row of a picture

    made = Checkout()

    def run(config, context):
        noted(data(made.reads), made.reads)
        for name in ("curve.png", "face.png"):
            pixels = np.random.default_rng(0).integers(0, 256, (made.noise, made.noise, 3), np.uint8)
            Image.fromarray(pixels).save(context.folder / name, dpi=(200, 200))
        rows = (row("error", 0.25, 0.1, config.nets, "nets"),)
        return Result(rows, "Small.", ("curve.png", "face.png"), shows=dict(made.shows))

    def set_version(version):
        scales = {"smoke": Config(), "quick": Config(), "paper": Config()}
        experiment = Experiment("X-1", "A try", "nobody", scales, run, version=version)
        for module in (runner, taking, reading):
            monkeypatch.setitem(module.EXPERIMENTS, "X-1", experiment)

    def go(scale="paper", commit="abc", tree="clean", settings=(), **options):
        monkeypatch.setattr(runner, "code_of", lambda: Code(commit, tree))
        runner.run_experiment("X-1", scale, out=made.out, backend="numpy", settings=settings, progress=False)
        return take(**options)

    def take(**options):
        (taken,) = taking.take_all(made.out, results=made.results, **options)
        return taken.outcome if taken.error is None else str(taken.error)

    made.go, made.take, made.set_version = go, take, set_version
    monkeypatch.setattr(taking, "changed_files", lambda: made.changed)
    monkeypatch.setattr(taking, "is_ancestor", lambda commit: commit in made.history)
    set_version(1)
    return made


def on_record(checkout):
    return json.loads((checkout.results / "X-1" / "result.json").read_text())


def test_a_record_holds_the_run_without_pictures_that_may_not_be_passed_on(checkout):
    assert checkout.go() == "recorded"
    folder = checkout.results / "X-1"
    assert sorted(file.name for file in folder.iterdir()) == ["curve.png", "result.json", "result.md"]
    record, run = on_record(checkout), json.loads((checkout.out / "X-1" / "result.json").read_text())
    assert record == run | {"figures": ["curve.png"], "left_out": {"face.png": "yale"}}
    text = (folder / "result.md").read_text()
    assert "may not be passed on: face.png (yale)" in text
    assert "](<face.png>)" not in text
    assert "| 20 nets |" in text
    assert "| command | python -m experiments run X-1 --scale paper --backend numpy |" in text


def test_the_same_run_changes_nothing(checkout):
    checkout.go()
    assert checkout.take() == "unchanged"


def test_pictures_of_data_that_may_be_passed_on_are_kept_unless_they_show_other_data(checkout):
    checkout.reads, checkout.shows = "mnist test", {"curve.png": "mnist test"}
    assert checkout.go() == "recorded"
    assert on_record(checkout)["figures"] == ["curve.png", "face.png"]


def test_a_picture_of_which_nothing_is_said_is_refused_where_the_data_may_not_be_passed_on(checkout):
    checkout.shows = {"curve.png": None}
    assert "read yale, which may not be passed on, and does not say whether face.png shows" in checkout.go()
    assert not checkout.results.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tree": "changed"}, r"not known \(tree: changed\)"),
        ({"commit": "", "tree": "no checkout"}, r"not known \(tree: no checkout\)"),
        ({"commit": "def"}, "def, is not in the history"),
        ({"scale": "smoke"}, "at smoke scale: a record is of quick or paper"),
    ],
)
def test_what_unknown_code_or_a_trial_made_is_refused(checkout, options, words):
    with pytest.raises(UsageError, match=words):
        raise UsageError(checkout.go(**options))
    assert not checkout.results.exists()
    assert "recorded" not in checkout.take(replace=True)


def test_a_changed_file_is_refused_before_any_run_is_taken_unless_records_change_it(checkout):
    checkout.changed.append("nnpg/network.py")
    with pytest.raises(UsageError, match=r"1 files are changed \(nnpg/network.py\): commit them"):
        checkout.go()
    checkout.changed[:] = ["results/LD-0/result.json", "README.md", "docs/results.md"]
    assert checkout.take() == "recorded"
    checkout.changed.clear()


def test_less_replaces_nothing_without_being_told(checkout):
    checkout.go()
    assert "run at paper scale, this at quick scale; --replace takes it" in checkout.go("quick")
    assert on_record(checkout)["scale"] == "paper"
    assert "settings of its own" in checkout.go(settings=["nets=2"])
    assert on_record(checkout)["config"]["nets"] == 20
    assert checkout.go("quick", replace=True) == "recorded"
    assert on_record(checkout)["scale"] == "quick"
    assert checkout.go() == "recorded"
    assert on_record(checkout)["scale"] == "paper"


def test_a_run_before_the_one_on_record_replaces_it_only_where_that_is_asked_for(checkout):
    checkout.go()
    path = checkout.results / "X-1" / "result.json"
    path.write_text(json.dumps(on_record(checkout) | {"date": "2999-01-01 00:00 UTC"}))
    assert "was run later (2999-01-01 00:00 UTC" in checkout.take()
    assert checkout.take(replace=True) == "recorded"


def test_a_run_of_another_meaning_is_refused_and_its_record_is_old(checkout):
    checkout.go()
    assert not reading.is_old(on_record(checkout))
    checkout.set_version(2)
    assert reading.is_old(on_record(checkout))
    assert "another meaning since (version 2, not 1): run it again" in checkout.take(replace=True)
    assert checkout.go("quick") == "recorded", "a newer meaning replaces an older one of any scale"
    checkout.set_version(1)
    assert "on record is of version 2, this of 1" in checkout.go()


def test_a_picture_that_is_no_longer_drawn_leaves_the_record(checkout):
    checkout.shows = dict.fromkeys(checkout.shows)
    checkout.go()
    checkout.shows = {"curve.png": "yale", "face.png": None}
    assert checkout.go() == "recorded"
    assert not (checkout.results / "X-1" / "curve.png").exists()


def test_a_picture_is_made_smaller_or_refused_with_its_size(checkout, monkeypatch):
    most = [14_000]
    monkeypatch.setattr(taking, "fitted", lambda png, name: pictures.fitted(png, name, *most))
    checkout.noise = 130
    assert checkout.go() == "recorded"
    with Image.open(checkout.results / "X-1" / "curve.png") as small:
        assert small.width < 130
        assert small.width / small.info["dpi"][0] == pytest.approx(130 / 200, rel=0.02), "shown at the same size"
    most[0] = 1_000
    assert re.search(r"curve.png has 5\d,\d{3} bytes, and \d,\d{3} at 0.33 of its size", checkout.take())


def test_all_pictures_together_have_a_limit(checkout, monkeypatch):
    monkeypatch.setattr(taking, "MOST_BYTES_OF_ALL", 100)
    assert "the pictures of all records have" in checkout.go()


def test_a_damaged_or_moved_run_is_named(checkout):
    checkout.go()
    path = checkout.out / "X-1" / "result.json"
    path.write_text(path.read_text().replace('"over": "nets"', '"over": ""'))
    assert "result.json: damaged" in checkout.take()
    path.write_text(path.read_text().replace('"over": ""', '"over": "nets"').replace('"X-1"', '"LD-0"'))
    assert "expected a run of X-1, found one of 'LD-0'" in checkout.take()
    with pytest.raises(UsageError, match=r"there is no .*LD-0"):
        list(taking.take_all(checkout.out, ["ld-0"], results=checkout.results))
    with pytest.raises(UsageError, match="no experiment X-9"):
        list(taking.take_all(checkout.out, ["X-9"], results=checkout.results))


def test_the_history_and_the_changes_of_a_checkout(tmp_path):
    def git(*words):
        return subprocess.run(
            ["git", "-C", tmp_path, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "-q")
    name = ["-c", "user.name=A", "-c", "user.email=a@b"]
    git(*name, "commit", "-q", "--allow-empty", "-m", "one")
    first = git("rev-parse", "HEAD")
    git(*name, "commit", "-q", "--allow-empty", "-m", "two")
    second = git("rev-parse", "HEAD")
    git("checkout", "-q", first)
    assert provenance.is_ancestor(first, tmp_path)
    assert not provenance.is_ancestor(second, tmp_path)
    assert not provenance.is_ancestor("0" * 40, tmp_path)
    assert provenance.changed_files(tmp_path) == []
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "new file.txt").write_text("new")
    assert provenance.changed_files(tmp_path) == ["a/new file.txt"]
