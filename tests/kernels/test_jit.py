"""Kept kernels: found again by another process, never mixed up, whole or not there."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnpg_kernels.jit import _compiling, _Files, _no_cache, fingerprint, made_of

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys, time
import numpy as np
import nnpg_kernels.jit as jit
missed = []
jit._compiling = lambda: missed.append(1)
from nnpg_kernels.correlation import correlate
from nnpg_kernels.pooled_convolution import convolve
tiles = [(int(a), int(b)) for a, b in (word.split("x") for word in sys.argv[1:])]
for tile in tiles:
    convolve(np.float32, *tile, 16)
    correlate(np.float32, *tile)
print(len(missed))
"""


def process(folder: Path, *tiles: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "kernels"), "NUMBA_CACHE_DIR": str(folder)}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *tiles], env=environment, stdout=subprocess.PIPE, text=True)


def test_another_process_compiles_nothing_and_two_at_once_do_not_mix_kernels_up(tmp_path: Path) -> None:
    both = [process(tmp_path, "1x1", "2x1"), process(tmp_path, "2x1", "1x1")]
    assert all(int(p.communicate()[0]) > 0 for p in both)
    last = process(tmp_path, "1x1", "2x1")
    assert int(last.communicate()[0]) == 0
    assert not list(tmp_path.rglob("*.part"))


def test_a_damaged_file_or_another_key_is_not_there(tmp_path: Path) -> None:
    files = _Files(tmp_path, "f")
    assert files.load("a") is None
    files.save("a", [1, 2])
    assert files.load("a") == [1, 2]
    (path,) = tmp_path.iterdir()
    path.rename(files._path("b"))
    assert files.load("b") is None
    for damage in (b"", b"\x80", path.name.encode()):
        files._path("c").write_bytes(damage)
        assert files.load("c") is None
    files.flush()
    assert not list(tmp_path.iterdir())


def test_a_full_or_missing_disk_is_one_warning_and_no_error(tmp_path: Path) -> None:
    _no_cache.cache_clear()
    files = _Files(tmp_path / "gone", "f")
    with pytest.warns(UserWarning, match="set NUMBA_CACHE_DIR"):
        files.save("a", 1)
    files.save("b", 1)  # a second warning would be an error
    _no_cache.cache_clear()


def test_people_at_a_terminal_are_told_once_that_it_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _compiling.cache_clear()
    _Files(tmp_path, "f").load("a")
    assert capsys.readouterr().err == ""
    _compiling.cache_clear()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    for key in "ab":
        _Files(tmp_path, "f").load(key)
    assert capsys.readouterr().err.count("compiling kernels for this processor") == 1


def test_many_writers_leave_one_whole_file(tmp_path: Path) -> None:
    files = _Files(tmp_path, "f")
    data = [np.full(10_000, i) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: files.save("same", data[i]), range(8)))
    found = files.load("same")
    assert any((found == d).all() for d in data)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_key_says_what_a_kernel_is_made_of() -> None:
    def make(n: Any, inner: Any) -> Any:
        return lambda x: inner(x) + n

    class Compiled:
        def __init__(self, py_func: Any) -> None:
            self.py_func = py_func

    def one(x: Any) -> Any:
        return x

    keys = {made_of(make(n, Compiled(f))) for n in (1, 2, np.float32) for f in (one, make(1, 2), make(1, 3))}
    assert len(keys) == 9
    assert not any(" at 0x" in str(key) for key in keys)


def test_sources_and_version_are_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()
    monkeypatch.setattr("numba.__version__", "0")
    assert fingerprint.__wrapped__() != before
