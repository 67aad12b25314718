"""Some experiments on the device, at the smallest scale: each trains a network, and computes what it shows of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.runner import run_experiment

pytestmark = [pytest.mark.gpu, pytest.mark.slow]


@pytest.mark.parametrize("id", ["LD-1", "LD-3"])
def test_an_experiment_runs_on_the_device(id: str, tmp_path: Path) -> None:
    folder = run_experiment(id, scale="smoke", backend="cupy", out=tmp_path, progress=False)
    assert json.loads((folder / "result.json").read_text())["versions"]["backend"] == "cupy"
