"""Compiled kernels on disk: other processes load them; damaged files and files of other users are not loaded."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnpg_kernels.numba.runtime import compilation, disk_cache
from nnpg_kernels.numba.runtime.compilation import announce_compilation, fingerprint, made_of
from nnpg_kernels.numba.runtime.disk_cache import Kernel, load, save

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
import numpy as np
import nnpg_kernels.numba.runtime.compilation as compilation
missed = []
compilation.announce_compilation = lambda: missed.append(1)
from nnpg_kernels.numba.kernels.class_sums import sum_by_class
from nnpg_kernels.numba.kernels.correlation import correlate
from nnpg_kernels.numba.kernels.pooled_convolution import convolve
tiles = [(int(a), int(b)) for a, b in (word.split("x") for word in sys.argv[1:])]
for tile in tiles:
    convolve(np.float32, *tile, 16).compile()
    correlate(np.float32, *tile).compile()
sums = sum_by_class(np.array([[[1.0], [2.0], [4.0]]]), np.array([1, 0, 1]), 2)
assert sums.ravel().tolist() == [2, 5]
print(len(missed))
"""
WORDS = {"library": "a", "name": "b"}


def process(folder: Path, *tiles: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "kernels"), "NUMBA_CACHE_DIR": str(folder)}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, *tiles], env=environment, stdout=subprocess.PIPE, text=True)


def compiled(folder: Path, *tiles: str) -> int:
    """Return how many kernels a new process had to compile."""
    child = process(folder, *tiles)
    output, _ = child.communicate()
    assert child.returncode == 0
    return int(output)


@pytest.fixture
def no_warning_yet() -> Iterator[None]:
    """The process has given no warning yet."""
    before = compilation.warnings_given[:]
    compilation.warnings_given.clear()
    yield
    compilation.warnings_given[:] = before


@pytest.fixture
def kernel_file(tmp_path: Path) -> Path:
    """The file of a kernel that is kept under the key "a"."""
    path = disk_cache.private_folder(tmp_path) / "f.kernel"
    save(path, "a", Kernel(WORDS, b"machine code" * 100))
    assert load(path, "a") == Kernel(WORDS, b"machine code" * 100)
    return path


@pytest.mark.slow
def test_another_process_compiles_nothing_and_two_processes_at_once_compile_each_kernel_once(tmp_path: Path) -> None:
    both = [process(tmp_path, "1x1", "2x1"), process(tmp_path, "2x1", "1x1")]
    missed = sum(int(p.communicate()[0]) for p in both)
    assert missed == len(list(tmp_path.rglob("*.kernel"))), "each kernel was compiled by one of them"
    assert compiled(tmp_path, "1x1", "2x1") == 0
    assert not list(tmp_path.rglob("*.part"))


class Harmful:
    """Its pickle runs a command when it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def test_a_harmful_pickle_in_place_of_every_kernel_does_not_run(
    tmp_path: Path,
) -> None:
    marker, cache = tmp_path / "marker", tmp_path / "cache"
    number = compiled(cache)
    files = list(cache.rglob("*.kernel"))
    assert len(files) == number > 0
    for path in files:
        path.write_bytes(pickle.dumps(Harmful(marker)))
    assert compiled(cache) == number
    assert not marker.exists()
    assert compiled(cache) == 0
    pickle.loads(pickle.dumps(Harmful(marker)))
    assert marker.exists()  # so the pickle would have run


def test_no_kernel_module_imports_pickle() -> None:
    for path in (ROOT / "kernels").rglob("*.py"):
        assert not any("import" in line and "pickle" in line for line in path.read_text().splitlines()), path


def test_a_file_with_a_flipped_bit_anywhere_is_not_loaded(kernel_file: Path) -> None:
    whole = kernel_file.read_bytes()
    for place in range(len(whole)):
        kernel_file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        assert load(kernel_file, "a") is None, place


def test_a_file_that_is_cut_off_or_too_long_or_of_another_version_is_not_loaded(kernel_file: Path) -> None:
    whole = kernel_file.read_bytes()
    versions = [whole.replace(b"nnpg kernel 1", b"nnpg kernel 2"), b"\x80", b"text", disk_cache.FORMAT]
    for damaged in (*(whole[:end] for end in range(len(whole))), whole + b"\0", *versions):
        kernel_file.write_bytes(damaged)
        assert load(kernel_file, "a") is None


def test_the_file_of_another_kernel_is_not_loaded(kernel_file: Path) -> None:
    assert load(kernel_file, "b") is None
    assert load(kernel_file.with_name("g.kernel"), "a") is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_to_is_not_loaded(kernel_file: Path, mode: int) -> None:
    kernel_file.chmod(mode)
    assert load(kernel_file, "a") is None
    kernel_file.chmod(0o644)
    assert load(kernel_file, "a") is not None


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_folder_that_others_may_write_to_is_neither_read_nor_written(kernel_file: Path, mode: int) -> None:
    kernel_file.parent.chmod(mode)
    assert load(kernel_file, "a") is None
    with pytest.raises(PermissionError, match="others may write to it"):
        save(kernel_file, "a", Kernel(WORDS, b""))


def test_the_folder_of_another_user_is_neither_read_nor_written(
    kernel_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
    assert load(kernel_file, "a") is None
    with pytest.raises(PermissionError, match="belongs to another user"):
        save(kernel_file, "a", Kernel(WORDS, b""))
    assert disk_cache.private_folder(kernel_file.parent.parent) != kernel_file.parent


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a file")
def test_a_file_that_belongs_to_another_user_is_not_loaded(kernel_file: Path) -> None:
    os.chown(kernel_file, 12345, -1)
    assert load(kernel_file, "a") is None


def test_links_and_pipes_and_folders_are_not_opened(kernel_file: Path) -> None:
    link, pipe, folder = (kernel_file.with_name(name) for name in ("link", "pipe", "folder"))
    link.symlink_to(kernel_file)
    os.mkfifo(pipe)
    folder.mkdir()
    assert [load(path, "a") for path in (link, pipe, folder)] == [None] * 3


def test_only_this_user_may_enter_the_folder_under_any_umask(tmp_path: Path) -> None:
    for umask in (0, 0o077, 0o022):
        before = os.umask(umask)
        try:
            folder = disk_cache.private_folder(tmp_path / str(umask))
            save(folder / "f", "a", Kernel(WORDS, b""))
        finally:
            os.umask(before)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "f").stat().st_mode & 0o777 == 0o600


def put(n: int) -> Any:
    """A small compiled function that Python calls."""

    @compilation.entry
    def put(y: Any) -> None:
        y[0] = n

    return put


def test_without_a_private_folder_kernels_work_and_one_warning_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_warning_yet: None
) -> None:
    folder, y = disk_cache.private_folder(tmp_path), np.zeros(1)
    folder.chmod(0o777)
    monkeypatch.setattr(compilation, "folder_of", lambda function: folder)
    with pytest.warns(UserWarning, match="others may write to it.*set NUMBA_CACHE_DIR"):
        put(1)(y)
    assert y[0] == 1
    put(2)(y)  # a second warning would be an error
    assert y[0] == 2
    assert not list(folder.iterdir())


def test_without_any_folder_kernels_work_and_warn_once(monkeypatch: pytest.MonkeyPatch, no_warning_yet: None) -> None:
    def no_folder(self: Any, function: Any) -> None:
        raise RuntimeError("cannot cache function: no locator available for file")

    y = np.zeros(1)
    monkeypatch.setattr("nnpg_kernels.numba.runtime.compilation.CompileResultCacheImpl.__init__", no_folder)
    monkeypatch.setattr(compilation, "folders", {})
    with pytest.warns(UserWarning, match="no locator.*set NUMBA_CACHE_DIR"):
        put(1)(y)
    assert y[0] == 1
    put(2)(y)  # a second warning would be an error
    assert y[0] == 2


def test_a_full_or_missing_disk_is_one_warning_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_warning_yet: None
) -> None:
    y = np.zeros(1)
    monkeypatch.setattr(compilation, "folder_of", lambda function: tmp_path / "gone")
    with pytest.warns(UserWarning, match="set NUMBA_CACHE_DIR"):
        put(1)(y)
    put(2)(y)  # a second warning would be an error
    assert y[0] == 2


def test_a_terminal_is_told_once_that_kernels_are_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = disk_cache.private_folder(tmp_path)
    monkeypatch.setattr(compilation, "folder_of", lambda function: folder)
    announce_compilation.cache_clear()
    put(1)(np.zeros(1))
    assert capsys.readouterr().err == ""
    announce_compilation.cache_clear()
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    put(1)(np.zeros(1))  # it is on disk now
    assert capsys.readouterr().err == ""
    for n in (2, 3):
        put(n)(np.zeros(1))
    assert capsys.readouterr().err.count("compiling kernels for this processor") == 1


def test_a_function_that_returns_a_value_cannot_be_an_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "nnpg_kernels.numba.runtime.compilation.folder_of", lambda function: disk_cache.private_folder(tmp_path)
    )
    with pytest.raises(TypeError, match="cannot be kept on disk"):
        compilation.entry(lambda x: x + 1)(1)


@pytest.mark.slow
def test_kernels_to_which_two_processes_gave_the_same_number_are_not_confused(tmp_path: Path) -> None:
    folder = disk_cache.private_folder(tmp_path)
    script = """
import sys
from pathlib import Path
import numpy as np
import nnpg_kernels.numba.runtime.compilation as compilation
folder = Path(sys.argv[1])
compilation.folder_of = lambda function: folder
def make(n):
    def run(address, a, b, c, d):
        jit_array(address, np.float64)[0] = n
    return compilation.kernel(run)
from nnpg_kernels.numba.runtime.memory import array as jit_array
y = np.zeros(1)
kernels = [make(int(n)) for n in sys.argv[2:]]
for n, kernel in zip(sys.argv[2:], kernels):
    kernel.ctypes(y.ctypes.data, 0, 0, 0, 0)
    assert y[0] == int(n), (y, n)
print(sum(kernel.cache_hits for kernel in kernels))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "kernels")}
    for numbers, loaded in ((["1"], "0"), (["2"], "0"), (["1", "2"], "2"), (["2", "1"], "2")):
        command = [sys.executable, "-c", script, str(folder), *numbers]
        child = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert (child.returncode, child.stdout.strip()) == (0, loaded), child.stderr


def test_many_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = disk_cache.private_folder(tmp_path) / "f.kernel"
    kernels = [Kernel(WORDS, bytes([i]) * 100_000) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda kernel: save(path, "same", kernel), kernels))
    assert load(path, "same") in kernels
    assert list(path.parent.iterdir()) == [path]


def test_the_key_differs_for_everything_that_a_kernel_is_made_of() -> None:
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


def test_the_version_of_numba_is_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()
    monkeypatch.setattr("numba.__version__", "0")
    assert fingerprint.__wrapped__() != before
