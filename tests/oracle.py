"""PyTorch as the oracle. A module that imports this one is skipped where the oracle extra is not installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

torch = pytest.importorskip(
    "torch", reason="PyTorch is the oracle: install the oracle extra, pip install -e '.[oracle]'"
)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads of the oracle cost more than these small arrays do."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
