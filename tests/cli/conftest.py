"""A data set that a network learns in a second, a model trained on it by `nnpg train`, and a way to run commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from nnpg.cli import app

NAMES = ("left", "middle", "right")
Run = Callable[..., "Answer"]


class Answer:
    """What a command printed, and its exit code."""

    def __init__(self, args: Sequence[str]) -> None:
        result = CliRunner().invoke(app, list(args))
        self.code, self.out, self.err = result.exit_code, result.stdout, result.stderr
        self.exception = result.exception

    @property
    def json(self):
        assert self.code == 0, self.err
        return json.loads(self.out)


@pytest.fixture(scope="session")
def run() -> Run:
    return lambda *args: Answer([str(a) for a in args])


def write_bars(path: Path, size: int = 12) -> Path:
    """Images of a bright bar on the left, in the middle or on the right, in noise: 8 of each."""
    rng = np.random.default_rng(0)
    x = rng.random((24, 1, size, size)) * 0.3
    labels = np.arange(24) % 3
    for image, c in zip(x, labels, strict=True):
        image[0, :, c * size // 3 : (c + 1) * size // 3] += 0.6
    np.savez(path, x=x, labels=labels, class_names=np.array(NAMES))
    return path


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bars(tmp_path_factory.mktemp("data") / "bars.npz")


@pytest.fixture(scope="session")
def model(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "bars.safetensors"
    answer = Answer(["train", "--data", str(bars), "--epochs", "5", "--batch", "4", "--save", str(path)])
    assert answer.code == 0, answer.err
    return path
