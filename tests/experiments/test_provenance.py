"""What a record says of its run: the code, the data sets, the processor. Nothing that is missing is an error."""

import ast
import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments import data_sets, provenance
from experiments.data_sets import CIFAR10_NOTE, data_sets_recorded, fingerprint, noted, notes_on
from experiments.experiment import Context
from experiments.models import cifar
from experiments.models.face_data import FEW, face_data
from experiments.provenance import Code, code_of
from nnpg.data import Dataset

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def checkout(tmp_path):
    """A checkout of one commit, and its hash."""

    def git(*words):
        settings = ("-c", "user.name=somebody", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(tmp_path), *settings, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init")
    (tmp_path / "a.py").write_text("a = 1\n")
    git("add", "a.py")
    git("commit", "-m", "One file")
    return tmp_path, git("rev-parse", "HEAD")


@needs_git
def test_the_commit_and_whether_the_tree_is_clean(checkout, monkeypatch):
    folder, commit = checkout
    assert code_of(folder) == Code(commit, "clean")
    monkeypatch.setenv("GIT_DIR", str(folder / "elsewhere"))  # as in a hook
    assert code_of(folder) == Code(commit, "clean")
    (folder / "a.py").write_text("a = 2\n")
    assert code_of(folder) == Code(commit, "changed")
    (folder / "a.py").write_text("a = 1\n")
    (folder / "b.py").write_text("b = 1\n")
    assert code_of(folder) == Code(commit, "changed"), "a new module counts too"


@needs_git
def test_a_folder_inside_of_another_checkout_is_none_itself(checkout):
    folder, _ = checkout
    (folder / "unpacked").mkdir()
    assert code_of(folder / "unpacked") == Code("", "no checkout")


def test_without_git_the_record_says_so(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_of(tmp_path) == Code("", "not known: git was not found")


@pytest.mark.skipif(os.name != "posix", reason="the git of the test is a shell script")
def test_a_git_that_fails_is_no_error(tmp_path, monkeypatch):
    (tmp_path / ".git").mkdir()
    (tmp_path / "git").write_text("#!/bin/sh\nexit 128\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert code_of(tmp_path) == Code("", "not known: git failed")


def test_the_processor_has_a_name(tmp_path):
    assert provenance.processor().strip()
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some  CPU @ 2.0 GHz\nmodel name\t: other\n")
    assert provenance.name_in_cpuinfo(tmp_path / "cpuinfo") == "Some CPU @ 2.0 GHz"
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nFeatures\t: fp\n")
    assert provenance.name_in_cpuinfo(tmp_path / "cpuinfo") == ""
    assert provenance.name_in_cpuinfo(tmp_path / "none") == ""


def images(name="toy"):
    x = np.arange(16, dtype=np.float32).reshape(2, 2, 2, 2) / 16
    return Dataset(x, np.array([0, 1]), ("a", "b"), name)


def test_a_fingerprint_depends_on_every_array_and_on_nothing_else():
    data = images()
    masks = np.zeros((2, 2, 2), bool)
    others = [
        replace(data, x=np.nextafter(data.x, np.float32(1))),
        replace(data, x=data.x.reshape(2, 1, 2, 4)),
        replace(data, labels=data.labels[::-1]),
        replace(data, labels=data.labels.astype(np.int32)),
        replace(data, masks=masks),
        replace(data, masks=~masks),
    ]
    assert len({fingerprint(d) for d in [data, *others]}) == len(others) + 1
    stored_otherwise = replace(data, x=np.asfortranarray(data.x), labels=data.labels.astype(">i8"), name="another")
    assert fingerprint(stored_otherwise) == fingerprint(data)
    by_hand = b"x <f4 (2, 2, 2, 2)\n" + data.x.tobytes() + b"labels <i8 (2,)\n" + data.labels.tobytes()
    assert fingerprint(data) == hashlib.sha256(by_hand).hexdigest()


def test_the_data_sets_of_a_run_are_recorded_and_each_is_computed_once(monkeypatch):
    computed = []
    monkeypatch.setattr(data_sets, "fingerprint", lambda data: computed.append(data.name) or "0")
    assert noted(images("before"), "before") is not None
    with data_sets_recorded() as record:
        for _ in range(2):
            noted(images("one"), "toy", "train")
            noted(images("two"), "toy", "test")
    noted(images("after"), "after")
    assert [data_set.name for data_set in record.values()] == computed == ["one", "two"]


COMPARES = "data_at_hand.py"  # compares data sets with those of records, outside of a run: there is nothing to note


def test_whatever_loads_a_data_set_notes_it():
    loaders = 0
    for file in Path(data_sets.__file__).parent.rglob("*.py"):
        imported = {
            alias.name
            for node in ast.walk(ast.parse(file.read_text()))
            if isinstance(node, ast.ImportFrom) and node.module in ("nnpg.data", "experiments.data_sets")
            for alias in node.names
        }
        if imported & {"load", "faces", "load_yale", "load_mnist", "load_cifar10", "load_npz", "load_folder"}:
            loaders += 1
            assert ("noted" in imported) != (file.name == COMPARES), file
    assert loaders >= 5


def test_a_set_that_is_kept_in_memory_is_on_record_in_every_run(tmp_path):
    context = Context(tmp_path, tmp_path, None, None, "numpy", progress=False)
    for _ in range(2):
        with data_sets_recorded() as record:
            face_data(FEW, context)
        assert [(data_set.name, data_set.images) for data_set in record.values()] == [(FEW, 75)]
        with data_sets_recorded() as record:
            cifar.load_images(cifar.SCALES["smoke"], context)
        assert len(record) == 2


def test_results_on_cifar10_say_that_the_copy_was_recompressed():
    def of(name):
        with data_sets_recorded() as record:
            noted(images(name), name)
        return notes_on(list(record.values()))

    assert of("cifar10 test") == of("cifar10 train") == [CIFAR10_NOTE]
    assert of("mnist train") == of("faces") == []
