"""Tests of the tests: a share of all mutants in slow tests; `make mutants` tries every one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from child import ROOT, SOURCES

from mutation import path, programs
from mutation.forks import stale
from mutation.same import SAME


def mutation(*args: str, fences: str = "0") -> str:
    """Run `python -m mutation` in a process of one thread, which may fork; return what it printed."""
    one = {"NNPG_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NNPG_CHECK": fences}
    environment = {**os.environ, **one, "PYTHONPATH": SOURCES}
    command = [sys.executable, "-m", "mutation", *args]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


KEPT = """
import sys
from pathlib import Path
from mutation.forks import mutants_of, survives
from mutation.path import TARGETS
from nnpg_kernels.numba.runtime import disk_cache

def keep():
    disk_cache.save(Path(sys.argv[1], "one.kernel"), "key", disk_cache.Kernel({}, b"code"))

assert survives(next(mutants_of(TARGETS[0])), keep)
assert not any(Path(sys.argv[1]).iterdir())
keep()
assert any(Path(sys.argv[1]).iterdir())
"""


def test_no_compiled_code_of_a_mutant_is_kept(tmp_path: Path) -> None:
    """Not even where the cache is empty; without a mutant, the same code is kept."""
    environment = {**os.environ, "PYTHONPATH": SOURCES}
    done = subprocess.run(
        [sys.executable, "-c", KEPT, str(tmp_path)], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_share_of_the_mutants_of_the_path_is_caught() -> None:
    assert mutation("path", "--share", "12").count("0 survive") == len(path.TARGETS)


@pytest.mark.slow
def test_a_share_of_the_mutants_of_compiled_programs_is_caught() -> None:
    assert mutation("programs", "--share", "22", fences="1").count("0 survive") == len(programs.TARGETS)


@pytest.mark.slow
def test_every_mutant_that_is_listed_as_the_same_exists() -> None:
    targets = [*path.TARGETS, *programs.TARGETS]
    assert stale(targets, SAME) == []
    assert set(SAME) <= {target.module for target in targets}
