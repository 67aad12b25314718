"""The backends of the tests of attacks: the device too, where there is one or the stand-in for it."""

from __future__ import annotations

import os

import pytest

import nnpg
from nnpg.attacks import objective
from nnpg_kernels import BACKENDS, Backend


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.gpu) if name == "cupy" else name for name in sorted(BACKENDS)]
)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Every backend in turn; the tests that use it hold for each."""
    return nnpg.load_backend(request.param)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of few images where a device is emulated, which takes a thousand times as long for each."""
    if os.environ.get("NNPG_CUDA") == "emulated":
        monkeypatch.setattr(objective, "DEVICE_BLOCK", 32)
