"""A test that hangs fails within the limits of pyproject.toml; it never holds up the run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
HANGING = """
import itertools
import time

def test_that_waits():
    time.sleep(1000)

def test_in_compiled_code():
    any(itertools.repeat(0))
"""


@pytest.mark.slow
def test_a_test_that_hangs_fails_with_its_name_and_stack(tmp_path: Path) -> None:
    """The limits are those of pyproject.toml, but shorter; `any` hears no signal, as compiled code hears none."""
    (tmp_path / "test_hanging.py").write_text(HANGING, encoding="utf-8")
    shorter = ["-o", "timeout=1", "-o", "faulthandler_timeout=3", "-p", "no:cacheprovider"]
    settings = ["-c", CHECKOUT / "pyproject.toml", "--rootdir", tmp_path, *shorter]
    command = [sys.executable, "-m", "pytest", *settings, "-n", "1", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert run.returncode == 1
    assert "Failed: Timeout (>1.0s)" in run.stdout
    assert "FAILED test_hanging.py::test_that_waits" in run.stdout
    assert "crashed while running 'test_hanging.py::test_in_compiled_code'" in run.stdout
    assert 'test_hanging.py", line 9 in test_in_compiled_code' in run.stderr
    assert "2 failed" in run.stdout
