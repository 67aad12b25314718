"""Launches that are captured once and replayed, on a stream of their own that waits for no other."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any


class Replays:
    """A stream, and the graphs that were captured on it.

    A capture takes nothing but launches of kernels that have run before, on arrays that live as long as the graph. The
    stream waits for no other: `begin` orders what was done elsewhere before what comes, and `wait` ends when all of it
    is done.

    Parameters
    ----------
    xp : module
        CuPy.
    """

    def __init__(self, xp: ModuleType) -> None:
        self.xp = xp
        self.stream = xp.cuda.Stream(non_blocking=True)
        self.captures = self.replays = 0

    def begin(self) -> None:
        """Let the stream wait for all that the current stream does until here."""
        event = self.xp.cuda.Event(disable_timing=True)
        event.record()
        self.stream.wait_event(event)

    def capture(self, launches: Callable[[], None]) -> Any:
        """Return the graph of these launches; none of them runs."""
        with self.stream:
            self.stream.begin_capture(self.xp.cuda.runtime.streamCaptureModeThreadLocal)
            try:
                launches()
            finally:  # after an error the graph is thrown away
                graph = self.stream.end_capture()
        self.captures += 1
        return graph

    def replay(self, graph: Any, times: int = 1) -> None:
        """Run a graph several times, one after the other; nothing waits for it here."""
        for _ in range(times):
            graph.launch(self.stream)
        self.replays += times

    def wait(self) -> None:
        """Wait until all of the stream is done."""
        self.stream.synchronize()
