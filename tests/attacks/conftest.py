"""What every test of attacks has: small blocks of images where a device is emulated."""

from __future__ import annotations

import os

import pytest

from nnpg.attacks import objective


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of few images where a device is emulated, which takes a thousand times as long for each."""
    if os.environ.get("NNPG_CUDA") == "emulated":
        monkeypatch.setattr(objective, "DEVICE_BLOCK", 32)
