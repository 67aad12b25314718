"""Where Numba cannot be imported, as in Pyodide, everything but the backend numba works."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from child import ROOT, child
from packaging.requirements import Requirement

BLOCKED = """
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
"""

WORK = """
import numpy as np
import nnpg

layers = [nnpg.conv(2, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(3), nnpg.Softmax()]
net = nnpg.build(layers, input_shape=(1, 8, 8), rng=0)
x, labels = np.random.default_rng(0).random((6, 1, 8, 8)), np.array([0, 1, 2, 0, 1, 2])
net = nnpg.train(net, x, labels, epochs=2, batch=2, rng=0, progress=False).net
scores = nnpg.filter_scores(net, x, labels)
print(net.backend.name, nnpg.predict(net, x).shape, len(scores.strongest(0)), "numba" in sys.modules)
try:
    nnpg.load_backend("numba")
except ImportError as error:
    print(error)
"""


def test_training_and_ranking_compute_with_numpy_where_there_is_no_numba() -> None:
    """A warning would end the child process."""
    first, error = child(BLOCKED.format(blocked=["numba", "llvmlite"]) + WORK).splitlines()
    assert first == "numpy (6, 3) 2 False"
    assert error == (
        "the backend 'numba' needs Numba, which cannot be imported (No module named 'numba'): pip install numba, or "
        "take the slower backend 'numpy'"
    )


def test_a_numba_that_cannot_be_imported_is_named_in_a_warning() -> None:
    script = """
import warnings
import nnpg_kernels

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    print(nnpg_kernels.load("auto").name)
(warning,) = caught
print(warning.message)
print(warning.filename)
"""
    name, message, file = child(BLOCKED.format(blocked=["llvmlite"]) + script).splitlines()
    assert name == "numpy"
    assert message == (
        "Numba is installed but cannot be imported (No module named 'llvmlite'): the slower backend 'numpy' computes "
        "instead"
    )
    assert file == "<string>", "the warning names the line that asked for the backend"


@pytest.mark.parametrize(("platform", "needed"), [("linux", True), ("win32", True), ("emscripten", False)])
def test_numba_is_required_everywhere_but_in_pyodide(platform: str, needed: bool) -> None:
    texts = tomllib.loads((Path(ROOT) / "pyproject.toml").read_text())["project"]["dependencies"]
    (numba,) = (r for r in map(Requirement, texts) if r.name == "numba")
    assert numba.marker is not None
    assert numba.marker.evaluate({"sys_platform": platform}) is needed
