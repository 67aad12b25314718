"""One way of doing a workload: what is timed, what it answers, and the threads it runs with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from nnpg_kernels import Array

Answer = Mapping[str, Array]


@dataclass(frozen=True)
class Contender:
    """A prepared workload.

    Parameters
    ----------
    name : str
        "nnpg", or framework, layout and threads: "torch channels_last 2t".
    call : function
        What is timed. Returns when the work is done.
    answer : function
        The same work, its result as NumPy arrays; see `measuring.agreement`. A training step goes on from here.
    threads : function -> context
        Sets the threads; entered outside the timed part.
    steps : int
        Times that one call does the workload: a whole `train` is timed by the step.
    """

    name: str
    call: Callable[[], Any]
    answer: Callable[[], Answer]
    threads: Callable[[], AbstractContextManager[Any]]
    steps: int = 1

    @property
    def framework(self) -> str:
        """The first word of the name."""
        return self.name.split()[0]


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
