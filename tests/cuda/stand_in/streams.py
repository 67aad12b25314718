"""Streams and graphs. The default stream works at once; any other one when it is waited for, or when it must.

So a result that is read without waiting for its stream is not there yet, as on a device.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import local
from typing import Any

Launch = Callable[[], None]


class OfThread(local):
    """The streams that a thread has entered, and the one that captures."""

    def __init__(self) -> None:
        self.entered: list[Stream] = []
        self.capturing: Stream | None = None


_here = OfThread()


class Graph:
    """The launches of a capture; they run at `launch`."""

    def __init__(self, launches: Sequence[Launch]) -> None:
        self.launches = launches

    def launch(self, stream: Stream | None = None) -> None:
        for one in self.launches:
            (stream or get_current_stream()).take(one)


class Stream:
    """A stream: what it has still to do, and while it captures, the launches of the graph."""

    null: Stream

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False) -> None:
        self.later = self.can_capture = non_blocking
        self.pending: list[Launch] = []
        self.captured: list[Launch] = []

    def __enter__(self) -> Stream:
        _here.entered.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _here.entered.remove(self)

    def take(self, launch: Launch) -> None:
        """Do something after all before it."""
        if _here.capturing is self:
            self.captured.append(launch)
        elif _here.capturing is not None:
            raise RuntimeError("a launch on another stream than the one that captures is no part of the graph")
        elif self.later:
            self.pending.append(launch)
        else:
            launch()

    def finish(self) -> None:
        """Do all that is to be done."""
        while self.pending:
            self.pending.pop(0)()

    def synchronize(self) -> None:
        from stand_in.counts import note

        note("wait", "synchronize")
        self.finish()

    def begin_capture(self, mode: int | None = None) -> None:
        if not self.can_capture:
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if _here.capturing is not None:
            raise RuntimeError("a graph is being captured already")
        if mode != 1:
            raise RuntimeError("capture in the mode streamCaptureModeThreadLocal: others give memory away")
        _here.capturing, self.captured = self, []

    def end_capture(self) -> Graph:
        if _here.capturing is not self:
            raise RuntimeError("no graph is being captured")
        _here.capturing = None
        return Graph(self.captured)

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        self.take(event.finish)


Stream.null = Stream(null=True)


class Event:
    """A mark in a stream."""

    def __init__(self, block: bool = False, disable_timing: bool = False, interprocess: bool = False) -> None:
        self.stream, self.at = Stream.null, 0.0

    @property
    def done(self) -> bool:
        return not self.stream.pending

    def record(self, stream: Stream | None = None) -> None:
        """Mark the place; the time is that at which the stream has come there."""
        self.stream = stream or get_current_stream()
        self.stream.take(self.reached)

    def reached(self) -> None:
        self.at = time.perf_counter()

    def finish(self) -> None:
        self.stream.finish()

    def synchronize(self) -> None:
        self.stream.synchronize()


def get_current_stream() -> Stream:
    return _here.entered[-1] if _here.entered else Stream.null


def get_elapsed_time(earlier: Event, later: Event) -> float:
    """Return milliseconds."""
    return (later.at - earlier.at) * 1e3


def capturing() -> bool:
    """Whether this thread captures a graph."""
    return _here.capturing is not None


def launched(launch: Launch) -> None:
    """Run a launch, or record it for the graph that is being captured."""
    get_current_stream().take(launch)


def in_order(stream: Any = None) -> None:
    """Do what is to be done in a stream before something that works at once; the current stream unless given."""
    (stream or get_current_stream()).finish()
