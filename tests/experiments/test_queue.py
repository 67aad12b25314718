"""A queue of experiments: one that fails leaves the others, and `--resume` leaves out the records of the same runs."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from experiments import data_at_hand, runner
from experiments.catalogue import EXPERIMENTS
from experiments.commands import app
from experiments.data_sets import noted
from experiments.experiment import Experiment, Result, row
from nnpg.data import DataError, Dataset, load
from nnpg.plots import image_grid
from nnpg_command import FAILED, Failures

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Config:
    parts: tuple[int, ...] = (1, 2)
    dataset: str = "mnist"
    seed: int = 0


@pytest.fixture
def ran(monkeypatch):
    """Three experiments, of which B-2 fails while `ran` says so; the ids of those that ran."""
    ids, failing = [], {"B-2"}
    data = Dataset(np.zeros((2, 1, 4, 4), np.float32), np.array([0, 1]), ("a", "b"), "mnist train")
    monkeypatch.setattr(data_at_hand, "load", lambda name, data_dir, split: data)
    data_at_hand.fingerprint_of.cache_clear()
    data_at_hand._error_of.cache_clear()

    def experiment(id):
        def run(config, context):
            ids.append(id)
            if id in failing:
                raise ArithmeticError("the loss is not finite")
            noted(data, "mnist")
            image_grid(np.zeros((1, 1, 4, 4)), context.folder / "grey.png")
            return Result([row("a number", None, 0.5, 1, "nets")], "It is a half.", ("grey.png",))

        return Experiment(id, "A try", "nobody", {"quick": Config(), "paper": Config()}, run)

    monkeypatch.setattr(runner, "EXPERIMENTS", {id: experiment(id) for id in ("A-1", "B-2", "C-3")})
    yield ids, failing
    data_at_hand.fingerprint_of.cache_clear()
    data_at_hand._error_of.cache_clear()


def queue(out, ids=("A-1", "B-2", "C-3"), scale="quick", seed=None, backend="numpy", settings=(), resume=True):
    return runner.run_all(ids, scale, seed, backend, out, None, settings, resume=resume)


def test_one_that_fails_leaves_the_others_and_is_listed(ran, tmp_path, capsys):
    endings = []
    with pytest.raises(Failures, match=r"^1 of 3 experiments failed: B-2: the loss is not finite$"):
        endings.extend(queue(tmp_path))  # list() would drop what came before the error
    assert ran[0] == ["A-1", "B-2", "C-3"]
    assert capsys.readouterr().err.splitlines() == [
        "A-1, 1 of 3",
        "B-2, 2 of 3",
        "note: B-2 failed: the loss is not finite",
        "C-3, 3 of 3",
    ]


def test_a_single_one_that_fails_has_its_own_error(ran, tmp_path):
    with pytest.raises(ArithmeticError, match="not finite"):
        list(queue(tmp_path, ["B-2"]))


def test_what_has_its_record_is_not_run_again(ran, tmp_path):
    ids, failing = ran
    with pytest.raises(Failures):
        list(queue(tmp_path))
    failing.clear()
    ids.clear()
    assert [ending.made for ending in queue(tmp_path)] == [False, True, False]
    assert ids == ["B-2"]
    assert [ending.made for ending in queue(tmp_path)] == [False] * 3
    assert all(ending.made for ending in queue(tmp_path, resume=False))


def _other_version(monkeypatch, tmp_path):
    monkeypatch.setitem(runner.EXPERIMENTS, "A-1", replace(runner.EXPERIMENTS["A-1"], version=2))
    return {}


def _other_data(monkeypatch, tmp_path):
    data = Dataset(np.ones((2, 1, 4, 4), np.float32), np.array([0, 1]), ("a", "b"), "mnist train")
    monkeypatch.setattr(data_at_hand, "load", lambda name, data_dir, split: data)
    data_at_hand.fingerprint_of.cache_clear()
    data_at_hand._error_of.cache_clear()
    return {}


def _no_data(monkeypatch, tmp_path):
    monkeypatch.setattr(data_at_hand, "load", load)
    monkeypatch.setenv("NNPG_DATA", str(tmp_path))
    data_at_hand.fingerprint_of.cache_clear()
    data_at_hand._error_of.cache_clear()
    return {}


def _older_record(monkeypatch, tmp_path):
    file = tmp_path / "A-1" / "result.json"
    record = json.loads(file.read_text())
    del record["version"]
    file.write_text(json.dumps(record))
    return {}


CHANGES = {
    "another version of the experiment": _other_version,
    "other data": _other_data,
    "a record without a version": _older_record,
    "another scale": lambda *_: {"scale": "paper"},
    "another seed": lambda *_: {"seed": 1},
    "another backend": lambda *_: {"backend": "numba"},
    "another setting": lambda *_: {"settings": ["parts=1,3"]},
    "a record that is cut off": lambda _, out: (out / "A-1" / "result.json").write_text('{"id": "A-1"') and {},
    "a record that is no mapping": lambda _, out: (out / "A-1" / "result.json").write_text("[]") and {},
    "a figure that is gone": lambda _, out: (out / "A-1" / "grey.png").unlink() or {},
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_record_of_another_run_is_made_again(ran, tmp_path, monkeypatch, change):
    assert [ending.made for ending in queue(tmp_path, ["A-1"])] == [True]
    assert [ending.made for ending in queue(tmp_path, ["a-1"], seed=0)] == [False], "the seed of the config"
    different = CHANGES[change](monkeypatch, tmp_path)
    assert [ending.made for ending in queue(tmp_path, ["A-1"], **different)] == [True]


@pytest.mark.parametrize("name", ["faces", "faces train", "few-faces"])
def test_data_that_the_code_draws_are_not_read_again(ran, tmp_path, monkeypatch, name):
    assert [ending.made for ending in queue(tmp_path, ["A-1"])] == [True]
    file = tmp_path / "A-1" / "result.json"
    record = json.loads(file.read_text())
    record["data"][0]["name"] = name
    file.write_text(json.dumps(record))
    _no_data(monkeypatch, tmp_path)
    assert [ending.made for ending in queue(tmp_path, ["A-1"])] == [False]


def test_data_that_are_given_by_a_path_are_read_again(ran, tmp_path):
    for _ in range(2):
        assert [ending.made for ending in queue(tmp_path, ["A-1"], settings=["dataset=mnist.npz"])] == [True]


def test_what_needs_data_that_cannot_be_read_is_named_first_and_the_others_run(ran, tmp_path, monkeypatch, capsys):
    ids, failing = ran
    failing.clear()
    monkeypatch.setattr(data_at_hand, "load", load)
    (tmp_path / "mnist").mkdir()
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / "mnist" / name).write_bytes(b"half of a fi")
    monkeypatch.setenv("NNPG_DATA", str(tmp_path))
    needs, built_in = replace(Config(), dataset="mnist"), replace(Config(), dataset="faces")
    for id, config in {"A-1": needs, "B-2": built_in, "C-3": needs}.items():
        monkeypatch.setitem(runner.EXPERIMENTS, id, replace(runner.EXPERIMENTS[id], scales={"quick": config}))
    with pytest.raises(Failures, match=r"^2 of 3 experiments failed: A-1, C-3: .*train-images-idx3-ubyte"):
        list(queue(tmp_path / "out"))
    assert ids == ["B-2"]
    note, running = capsys.readouterr().err.splitlines()
    assert note.startswith("note: not run: A-1, C-3: ")
    assert running == "B-2, 2 of 3"
    with pytest.raises(DataError, match="train-images-idx3-ubyte"):
        list(queue(tmp_path / "out", ["A-1"]))
    with pytest.raises(Failures, match=r"^2 of 2 experiments failed: A-1, C-3: "):
        list(queue(tmp_path / "out", ["A-1", "C-3"]))
    assert ids == ["B-2"]
    assert capsys.readouterr().err == "", "one message, where nothing can be run"
    with pytest.raises(Failures, match=r"^2 of 3"):
        assert [ending.made for ending in queue(tmp_path / "out")] == [False], "its record is there"


def test_the_data_sets_of_all_networks_of_a_run_are_tried():
    for id, names in {
        "HI-6": ("mnist", "cifar10"), "HI-7": ("mnist",), "TH-4": ("yale",), "LD-9": ("cifar10",), "LOC-1": (),
    }.items():  # fmt: skip
        assert data_at_hand.read_by(EXPERIMENTS[id].scales["paper"]) == names
        assert data_at_hand.read_by(EXPERIMENTS[id].scales["smoke"]) == ()


def test_the_record_holds_the_version(ran, tmp_path, monkeypatch):
    _other_version(monkeypatch, tmp_path)
    (ending,) = queue(tmp_path, ["A-1"])
    assert json.loads((ending.folder / "result.json").read_text())["version"] == 2


def test_the_command_says_what_it_leaves_out(ran, tmp_path):
    words = ["run", "A-1", "C-3", "--out", str(tmp_path), "--resume"]
    assert "not run again" not in CliRunner().invoke(app, words).output
    again = CliRunner().invoke(app, words).output.splitlines()
    assert again == [f"not run again: {tmp_path / id} has the record of the same run" for id in ("A-1", "C-3")]


def command(*words, folder, **options):
    path = f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"
    env = os.environ | {"PYTHONPATH": path, "NNPG_DATA": str(folder / "none")}
    arguments = [sys.executable, "-m", "experiments", "run", "--out", str(folder / "out"), *words]
    return subprocess.Popen(
        arguments, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_the_exit_code_is_1_and_the_last_line_lists_what_failed(tmp_path):
    with command("SZ-F7", "LD-12", "--set", "dataset=mnist", "--scale", "smoke", folder=tmp_path) as failing:
        out, err = failing.communicate()
    assert failing.returncode == FAILED
    assert (out, "Traceback" in err) == ("", False)
    assert err.splitlines()[-1].startswith("error: 2 of 2 experiments failed: SZ-F7, LD-12: MNIST: ")


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL])
def test_a_queue_that_is_stopped_goes_on(tmp_path, by):
    """Stopped after its first record, the same command leaves that one out and makes the others."""
    words = ["TH-1", "SZ-F7", "HI-2", "--scale", "smoke", "--resume"]
    with command(*words, folder=tmp_path, start_new_session=True) as queued:
        for line in queued.stdout:
            if line.startswith("written to"):
                queued.send_signal(by)
                break
        _, err = queued.communicate()
    if by == signal.SIGINT:
        assert queued.returncode == 130
        last = "stopped: trained networks are kept; the same command with --resume goes on"
        assert err.splitlines() in (["TH-1, 1 of 3", last], ["TH-1, 1 of 3", "SZ-F7, 2 of 3", last])
    with command(*words, folder=tmp_path) as queued:
        out, _ = queued.communicate()
    assert queued.returncode == 0
    assert out.count("not run again") >= 1
    assert out.count("not run again") + out.count("written to") == 3
