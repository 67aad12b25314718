"""Which parameters of a test always run, and which only with ``--slow``; and every backend."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import pytest

from nnpg_kernels import BACKENDS

# Marks that are written where the test is: a file without the word has no such test. (Fixtures mark tests as gpu.)
WRITTEN = ("slow", "oracle", "browser", "mutants")
WITH_DEVICE = [pytest.param(name, marks=[pytest.mark.gpu] if name == "cupy" else []) for name in BACKENDS]


def slow_except(quick: Container[Any], values: Iterable[Any]) -> list[Any]:
    """Return a test's parameters, all marked slow but the quick ones."""
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow) for value in values]
