"""A stand-in for CuPy 14 where there is no device: `sys.modules["cupy"] = stand_in`.

Arrays lie in the host's memory but refuse what CuPy's refuse; kernels run on the emulator; what crosses or waits is
counted by `stand_in.counts.counted()`. How CuPy itself answers is on record in `recorded.json`.
"""

from __future__ import annotations

import sys
from typing import Any

from stand_in import cuda, operators
from stand_in.cuda import RawModule
from stand_in.functions import attribute

__version__ = "14.2.0"
__all__ = ["RawModule", "cuda"]


operators.give_methods()


def __getattr__(name: str) -> Any:
    return attribute(name)


def install() -> None:
    """Let `import cupy` find the stand-in."""
    sys.modules["cupy"] = sys.modules[__name__]
