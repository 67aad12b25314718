"""Files are written whole or not at all; whether they can be is tried before the work; no result is lost after it."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nnpg.files import NotWrittenError, atomic_write, writable, write_file, write_files


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The system's temporary folder, for this test."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def full(monkeypatch):
    """A full disk, except for the folders that the test adds to this list."""
    room, fsync = [], os.fsync

    def no_space(number):
        if not any(Path(f"/proc/self/fd/{number}").readlink().is_relative_to(folder) for folder in room):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(number)

    monkeypatch.setattr("os.fsync", no_space)
    return room


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError, ValueError])
def test_an_error_while_writing_leaves_the_old_file_and_no_other(tmp_path, error):
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")

    def write():
        with atomic_write(file) as out:
            out.write(b"new, but only in part")
            raise error

    with pytest.raises(error):
        write()
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_temporary_file_of_a_killed_process_disturbs_no_writer(tmp_path):
    left = tmp_path / ".nnpg-0a1b2c3d4e5f6071.part"
    left.write_bytes(b"part")
    writable(tmp_path / "a.bin")
    write_file(tmp_path / "a.bin", b"whole")
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    assert left.read_bytes() == b"part"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.slow
def test_ctrl_c_in_one_long_call_leaves_no_temporary_file(tmp_path):
    """Python does not handle the signal during the call; the process ends without ending the block."""
    script = """
import numpy as np
from nnpg.files import atomic_write, temporary_folder
from nnpg_command.interrupts import watch_for_interrupts
watch_for_interrupts()
a = np.ones((6000, 6000))
with temporary_folder() as folder, atomic_write("a.bin") as out:
    (folder / "figure.png").write_bytes(b"part")
    print("ready", flush=True)
    a @ a
"""
    (tmp_path / "tmp").mkdir()
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    places = {"PYTHONPATH": path, "TMPDIR": str(tmp_path / "tmp"), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | places, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == b"ready\n"
            assert len(list(tmp_path.rglob("*"))) == 4, "a folder in the temporary one, a figure in it, and a part"
            time.sleep(0.3)  # most likely until it is in the long call; before it, Python itself ends the block
            process.send_signal(signal.SIGINT)
            assert process.wait(30) in (130, -signal.SIGINT)
        finally:
            process.kill()
    assert list(tmp_path.rglob("*")) == [tmp_path / "tmp"]


def test_a_path_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "notes.txt").write_text("a file")
    (tmp_path / "folder").mkdir()
    for path, error, words in (
        ("none/a.bin", FileNotFoundError, "there is no folder .*none; make it first"),
        ("notes.txt/a.bin", NotADirectoryError, "notes.txt is not a folder"),
        ("notes.txt/deeper/a.bin", FileNotFoundError, "there is no folder"),
        ("folder", IsADirectoryError, "it is a folder"),
        ("a" * 300, OSError, "File name too long"),
    ):
        with pytest.raises(error, match=f"cannot write .*{words}"):
            writable(tmp_path / path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "notes.txt"]


def test_the_trial_leaves_nothing_and_touches_no_file(tmp_path):
    file = tmp_path / "a.bin"
    assert writable(file) == file
    assert list(tmp_path.iterdir()) == []
    file.write_bytes(b"old")
    writable(file, 1_000_000)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def limited(folder, script):
    """Run a script in `folder` by a process that may not write more than 100,000 bytes to a file."""
    start = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); import nnpg.files as f"
    return subprocess.run([sys.executable, "-c", f"{start}\n{script}"], cwd=folder, capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))})  # fmt: skip


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_full_disk_is_noticed_before_the_work(tmp_path):
    """A limit on the size of files in place of a full disk: both refuse the same calls."""
    done = limited(tmp_path, "f.writable('a.bin', 90_000); f.writable('a.bin', 200_000)")
    assert "OSError: [Errno 27] cannot write a.bin: File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []
    done = limited(tmp_path, "f.write_file('a.bin', bytes(200_000))")
    assert "NotWrittenError: cannot write a.bin: File too large. Nor could it be written to" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_that_reserves_no_space_is_tried_by_writing(tmp_path, monkeypatch, full):
    def cannot(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("os.posix_fallocate", cannot)
    with pytest.raises(OSError, match=r"cannot write .*a\.bin: No space left on device"):
        writable(tmp_path / "a.bin")
    full.append(tmp_path)
    writable(tmp_path / "a.bin", 10_000_000)
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_does_not_fit_is_written_elsewhere(tmp_path, elsewhere, full):
    full.append(elsewhere)
    file = tmp_path / "a.bin"
    with pytest.raises(NotWrittenError, match=rf"cannot write {file}: No space left on device\. It is in ") as error:
        write_file(file, b"whole")
    (copy,) = elsewhere.glob("*/a.bin")
    assert str(copy) in str(error.value)
    assert copy.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [elsewhere]


def test_a_result_whose_folder_is_gone_is_written_elsewhere(tmp_path, elsewhere):
    with pytest.raises(NotWrittenError, match=r"none.a\.bin: No such file or directory\. It is in .*elsewhere.*a\.bin"):
        write_file(tmp_path / "none" / "a.bin", b"whole")
    assert [path.read_bytes() for path in elsewhere.glob("*/a.bin")] == [b"whole"]


def test_the_files_of_one_result_stay_together(tmp_path, elsewhere):
    (tmp_path / "b.txt").mkdir()  # which the second file cannot replace
    with pytest.raises(NotWrittenError, match=r"b\.txt: Is a directory\. The result is in the folder .*elsewhere"):
        write_files(tmp_path, {"a.txt": b"one", "b.txt": b"two"})
    (folder,) = elsewhere.iterdir()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a.txt": b"one", "b.txt": b"two"}


def test_the_home_folder_and_then_the_current_one_are_tried_after_the_temporary_one(tmp_path, monkeypatch, full):
    home, current = tmp_path / "home", tmp_path / "current"
    home.mkdir()
    current.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(current)
    for room in (home, current):
        full[:] = [room]
        with pytest.raises(NotWrittenError, match=f"It is in {room}"):
            write_file(tmp_path / "a.bin", b"whole")
        assert [path.read_bytes() for path in room.glob("*/a.bin")] == [b"whole"]
    full[:] = []
    with pytest.raises(NotWrittenError, match=r"Nor could it be written to .*: it is lost"):
        write_file(tmp_path / "a.bin", b"whole")
    assert list(tmp_path.glob("**/*.part")) == []
