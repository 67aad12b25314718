"""What all commands share: one line for an error, an exit code, Ctrl-C; and text that a terminal would obey."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from selection import slow_except

from experiments.page import cell, fence
from nnpg.data import DataError
from nnpg.divergence import TrainingDiverged
from nnpg.files import ModelFileError
from nnpg_command import Interrupted, UsageError, run, verdict

ROOT = Path(__file__).parent.parent
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and device files of POSIX")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("a.npz: damaged\nget it again"), 2, "error: a.npz: damaged get it again"),
        (ModelFileError("m: no"), 2, "error: m: no"),
        (UsageError("no such id"), 2, "error: no such id"),
        (KeyError("no output named 'x'"), 2, "error: no output named 'x'"),
        (OverflowError("too large"), 2, "error: too large"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), 2, "error: a: Permission denied"),
        (OSError(errno.ELOOP, "Too many levels of symbolic links", "a"), 2, "error: a: Too many levels of"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: No space left on device"),
        (MemoryError(), 1, "error: not enough memory"),
        (TrainingDiverged("diverged at epoch 1"), 1, "error: diverged"),
        (Interrupted("stopped; a.st holds epoch 3"), 130, "stopped; a.st holds epoch 3"),
        (DataError("no class \x1b[2Jcat"), 2, r"error: no class \x1b[2Jcat"),
        (RuntimeError("the disk sang"), 1, "error: RuntimeError: the disk sang. This should not happen"),
    ],
)
def test_each_error_is_one_line_with_its_code(capsys, error, code, line) -> None:
    def command(arguments: list[str]) -> None:
        raise error

    assert run(command, []) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(line)
    assert err.count("\n") == 1
    assert verdict(error)[1] == code


def test_debug_prints_the_traceback(capsys) -> None:
    def command(arguments: list[str]) -> None:
        raise DataError("no")

    run(command, ["--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_is_one_word(capsys) -> None:
    def command(arguments: list[str]) -> None:
        raise KeyboardInterrupt

    assert run(command, []) == 130
    assert capsys.readouterr().err == "stopped\n"


def started(code: str) -> subprocess.Popen[str]:
    """A process that says "ready" when the code is about to do its long work."""
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


LONG = {  # each keeps Python from seeing a signal, or drops what the signal raises
    "a call without the lock": "import ctypes; ctypes.CDLL(None).sleep(30); ctypes.CDLL(None).sleep(30)",
    "a matrix product": "import numpy as np; a = np.ones((9000, 9000)); a @ a @ a @ a",
    "Python that ignores exceptions": """
import time
class Drop:
    def __del__(self):
        time.sleep(1)
Drop()
time.sleep(30)""",
}


@POSIX
@pytest.mark.parametrize("work", LONG)
def test_ctrl_c_ends_a_command_within_a_second_or_so(work) -> None:
    body = "".join(f"\n    {line}" for line in LONG[work].strip().splitlines())
    process = started(
        f"from nnpg_command import main\ndef command(_):\n    print('ready', flush=True){body}\nmain(command)"
    )
    with process:
        time.sleep(0.3)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "stopped\n"
    assert time.monotonic() - sent < 4  # 0.6 s and the end of a process, on a machine that does other work besides


@POSIX
@pytest.mark.parametrize("program", ["nnpg", "-m nnpg", "-m nnpg.data.download", "-m experiments", "-m benchmarks"])
def test_ctrl_c_during_imports_is_one_word(program, tmp_path) -> None:
    slow = tmp_path / "numpy"  # stands in for a library that takes long to load
    slow.mkdir()
    (slow / "__init__.py").write_text("print('ready', flush=True)\nimport time\ntime.sleep(30)\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, ROOT, ROOT / "kernels")))}
    script = tmp_path / "nnpg"  # what an installer writes for `nnpg = "nnpg.__main__:nnpg"` in pyproject.toml
    script.write_text("from nnpg.__main__ import nnpg\nnnpg()\n")
    command = [str(script)] if program == "nnpg" else program.split()
    with subprocess.Popen(
        [sys.executable, *command, "list"], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert err == "stopped\n"
    assert process.returncode == 130


@POSIX
@pytest.mark.parametrize("module", ["nnpg", "experiments", "benchmarks"])
def test_a_full_disk_behind_stdout_is_one_line(module) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", module], cwd=ROOT, env=env, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device\n"


def test_names_in_markdown_are_text() -> None:
    assert cell("a|b`c`<img src=x>![y](z)\n") == r"a\|b\`c\`&lt;img src=x>\!\[y\](z)" + r"\\n"
    assert fence("a\n````\nb") == "`````"
    assert fence("plain") == "```"


@POSIX
@pytest.mark.parametrize(
    "moment",
    slow_except(
        {"while the bar starts", "while it runs"}, ["while the bar starts", "while it runs", "in one long call"]
    ),
)
def test_after_ctrl_c_the_cursor_is_shown_and_nothing_follows_the_last_line(moment: str) -> None:
    import pty  # not on every system

    work = {
        "while the bar starts": "bar.stop = lambda: None; print('now', flush=True); time.sleep(30)",
        "while it runs": "print('now', flush=True); time.sleep(30)",
        "in one long call": "a = np.ones((9000, 9000)); print('now', flush=True); a @ a @ a @ a",
    }[moment]
    code = f"""
import time
from nnpg_command import main
def command(words):
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress
    with Progress(console=Console(stderr=True)) as bar:
        bar.add_task("work")
        {work}
main(command, [])
"""
    pid, terminal = pty.fork()
    if pid == 0:
        path = f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"
        os.execve(sys.executable, [sys.executable, "-c", code], os.environ | {"PYTHONPATH": path, "TERM": "xterm"})
    shown = b""
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        while b"now" not in shown:
            shown += screen.read(1000)
        time.sleep(0.3)
        screen.write(b"\x03")
        with contextlib.suppress(OSError):  # the terminal is gone
            while more := screen.read(1000):
                shown += more
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert b"\x1b[?25l" in shown
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert shown.replace(b"\x1b[?25h", b"").endswith(b"stopped\r\n")
    assert b"Traceback" not in shown
