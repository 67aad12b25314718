"""A child process: what would end the process is a failure there, and not the end of all tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = os.pathsep.join(str(ROOT / folder) for folder in ("", "kernels", "tests"))


def child(script: str, *args: str, data: bytes = b"") -> str:
    """Run a script in a process of its own, with freed memory overwritten, and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": SOURCES, "MALLOC_PERTURB_": "165"}
    command = [sys.executable, "-W", "error", "-c", script, *args]
    done = subprocess.run(command, env=environment, input=data, capture_output=True)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stderr.decode()}"
    return done.stdout.decode()
