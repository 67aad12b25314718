"""The kernels that the demo's second process compiles are those that the demo needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
AHEAD = """
from nnpg.data import faces
from nnpg.report.demo.ahead import compile_ahead
compile_ahead(faces())
"""
LATER = """
import os
from pathlib import Path
from nnpg.attacks import minimal_distortion
from nnpg.data import faces
from nnpg.report.demo.findings import examine, learn
kept = []
def say(text):
    kept.append({path.name for path in Path(os.environ["NUMBA_CACHE_DIR"]).rglob("*.kernel")})
learnt = learn(faces(), 7, 1, say=say, progress=False)
found = examine(learnt, say=say, progress=False)
images, labels = found.data.x[:30], found.data.labels[:30]
minimal_distortion(found.training.net, images, "all", labels=labels, effort="rough", progress=False)
say("")
print(sorted(kept[-1] - kept[0]))
"""


@pytest.mark.slow
def test_nothing_is_left_to_compile(tmp_path: Path) -> None:
    settings = {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}"}
    for program, printed in ((AHEAD, ""), (LATER, "[]\n")):
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, printed), done.stderr
