"""Several processes compile the kernels of a program: each kernel once, and no process is left."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnpg_kernels import threads
from nnpg_kernels.numba.kernels import activations, correlation, packing, pooled_convolution
from nnpg_kernels.numba.runtime import compilation, disk_cache, together
from nnpg_kernels.numba.runtime.together import compile_all, compile_free

KERNELS = Path(__file__).parent.parent.parent / "kernels"
PROGRAM = """
import os, subprocess
import numpy as np
from nnpg_kernels.numba.kernels import activations, correlation, packing, pooled_convolution
from nnpg_kernels.numba.runtime.together import compile_all
f = np.dtype("f4")
kernels = [packing.unpack(f, 1), packing.unpack(f, 16), correlation.correlate(f, 1, 1), correlation.correlate(f, 2, 1)]
start = subprocess.Popen
def started(*words, **settings):
    process = start(*words, **settings)
    print(process.pid, flush=True)
    return process
subprocess.Popen = started
compile_all(kernels)
print(sum(kernel.cache_hits for kernel in kernels))
"""


class Pretended:
    """A kernel that is compiled by making its file."""

    def __init__(self, path: Path, done: list[str]) -> None:
        self.path, self.done, self.recipe = path, done, [path.name]

    @property
    def missing(self) -> Path | None:
        """The file, while it is not there."""
        return None if self.path.exists() else self.path

    def compile(self) -> None:
        """Make the file."""
        if not self.path.exists():
            self.path.touch()
            self.done.append(self.path.name)


@pytest.fixture(autouse=True)
def several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where no other tests keep the cores busy."""
    monkeypatch.setattr(together, "MOST", 4)


@pytest.fixture
def kernels(tmp_path: Path) -> tuple[list[Any], list[str]]:
    """Six kernels that are not there, and the list of those that this process has compiled."""
    folder, done = disk_cache.private_folder(tmp_path), list[str]()
    return [Pretended(folder / f"{n}.kernel", done) for n in range(6)], done


def test_with_one_thread_or_few_kernels_no_process_is_started(kernels, monkeypatch) -> None:
    monkeypatch.setattr(together.subprocess, "Popen", None)
    every, done = kernels
    with threads.use_threads(2):
        compile_all(every[: together.LEAST - 1])
    with threads.use_threads(1):
        compile_all(every)
    assert sorted(done) == [f"{n}.kernel" for n in range(6)]


def test_where_no_process_can_be_started_this_one_compiles_all(kernels, monkeypatch) -> None:
    def refuse(*words: Any, **settings: Any) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(together.subprocess, "Popen", refuse)
    every, done = kernels
    with threads.use_threads(4):
        compile_all(every)
    assert len(done) == 6


def test_each_process_begins_at_its_own_place_and_ends_with_the_block(kernels, monkeypatch) -> None:
    started: list[Any] = []

    class Process:
        def __init__(self, command: list[str], **settings: Any) -> None:
            self.settings, self.text, self.ended, self.stdin = settings, b"", [], self
            started.append(self)

        def write(self, text: bytes) -> None:
            self.text += text

        def flush(self) -> None:
            pass

        def kill(self) -> None:
            self.ended.append("killed")

        def communicate(self) -> None:
            self.ended.append("waited for")

    monkeypatch.setattr(together.subprocess, "Popen", Process)
    with threads.use_threads(9):
        compile_all(kernels[0])
    assert [process.ended for process in started] == [["killed", "waited for"]] * 3
    orders = [[int(name.partition(".")[0]) for (name,) in json.loads(process.text)] for process in started]
    assert orders == [[5, 4, 3, 2, 1, 0], [3, 2, 1, 0, 5, 4], [2, 1, 0, 5, 4, 3]]
    assert all(process.settings["start_new_session"] for process in started), "Ctrl-C comes to this process alone"


def test_two_processes_that_share_kernels_go_in_opposite_directions_and_start_no_other(kernels, monkeypatch) -> None:
    monkeypatch.setattr(together.subprocess, "Popen", None)
    every, done = kernels
    monkeypatch.setattr(together, "try_turn", lambda path: path.name in ("1.kernel", "4.kernel", "5.kernel"))
    for backwards, first in (
        (True, ["5.kernel", "4.kernel", "1.kernel"]),
        (False, ["1.kernel", "4.kernel", "5.kernel"]),
    ):
        with threads.use_threads(4), together.shared(backwards=backwards):
            compile_all(every)
        assert done[:3] == first
        assert sorted(done) == [f"{n}.kernel" for n in range(6)]
        for kernel in every:
            kernel.path.unlink()
        done.clear()


def test_a_kernel_that_another_process_compiles_is_left_to_it(kernels, monkeypatch) -> None:
    every, done = kernels
    monkeypatch.setattr(together, "try_turn", lambda path: path.name != "2.kernel")
    compile_free(every)
    assert done == ["0.kernel", "1.kernel", "3.kernel", "4.kernel", "5.kernel"]


def test_a_recipe_makes_a_kernel_that_is_kept_in_the_same_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(compilation, "folder_of", lambda function: tmp_path)
    for make in (packing.pack, activations.activate, correlation.correlate, pooled_convolution.convolve):
        make.cache_clear()  # other tests may have compiled these kernels
    for dtype in (np.float64, "f8", np.dtype("f8")):
        for kernel in (
            packing.pack(dtype, 5),
            activations.activate(dtype),
            correlation.correlate(dtype, 7, 1),
            pooled_convolution.convolve(dtype, 7, 1, 4),
        ):
            module, name, *words = json.loads(json.dumps(kernel.recipe))
            again = getattr(importlib.import_module(module), name)(*words)
            assert again.missing == kernel.missing != None  # noqa: E711
            assert again.missing.parent == tmp_path


def compiling(folder: Path) -> subprocess.Popen[str]:
    settings = {"PYTHONPATH": str(KERNELS), "NUMBA_CACHE_DIR": str(folder), "NNPG_NUM_THREADS": "2"}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.Popen(command, env=os.environ | settings, stdout=subprocess.PIPE, text=True)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.slow
def test_two_processes_compile_each_kernel_once_and_leave_whole_files(tmp_path: Path) -> None:
    with compiling(tmp_path) as process:
        helper, loaded = map(int, process.communicate()[0].split())
    assert process.returncode == 0
    assert gone(helper)
    assert 1 <= loaded <= 3, "this process loads what the other one has compiled"
    assert len(list(tmp_path.rglob("*.kernel"))) == 4
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the process in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_compiles_ends_with_the_one_that_started_it(tmp_path: Path, number: int) -> None:
    with compiling(tmp_path) as process:
        helper = int(process.stdout.readline())
        time.sleep(0.5)
        assert not gone(helper)
        process.send_signal(number)
    limit = time.monotonic() + 20
    while not gone(helper) and time.monotonic() < limit:
        time.sleep(0.05)
    assert gone(helper)
