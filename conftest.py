"""The device of tests of the backend "cupy": NNPG_CUDA=emulated (make test), =device, or none; which files are read."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from selection import WRITTEN

CUDA = os.environ.get("NNPG_CUDA", "")
if CUDA not in ("", "emulated", "device"):
    raise SystemExit(f"NNPG_CUDA must be emulated or device, not {CUDA!r}")
if CUDA == "emulated":
    sys.path.insert(0, str(Path(__file__).parent / "tests" / "cuda"))
    import stand_in

    stand_in.install()
# Copies that `make docs` makes, and its settings, are no tests.
collect_ignore = ["docs/conf.py", "docs/tutorials", "docs/records", "docs/kernels", "docs/lecture"]
if not CUDA:  # without a device, there is nothing in this module that could be imported
    collect_ignore += ["kernels/nnpg_kernels/cupy_backend.py"]
if find_spec("sphinx") is None:
    collect_ignore_glob = ["docs/nnpg_docs/*.py"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m slow`, leave out each file without that word: to import all files takes 20 seconds of each process."""
    asked = config.getoption("markexpr")
    if asked not in WRITTEN or not collection_path.is_file() or collection_path.name == "conftest.py":
        return None
    return True if asked.encode() not in collection_path.read_bytes().lower() else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Look for no circles among what is collected: it is all there until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()
