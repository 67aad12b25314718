"""A valid call of every public function, small and fast, and of what kind each of its arguments is; by rooms."""

from __future__ import annotations

from collections.abc import Iterator

from fuzz.calls import (
    analysis,
    attacks,
    building,
    data,
    exercises,
    explorer,
    gradients,
    jobs,
    lecture,
    maps,
    network,
    plots,
    rankings,
    training,
    tutorials,
)
from fuzz.calls.call import Call

ROOMS = (
    building,
    network,
    training,
    gradients,
    rankings,
    maps,
    attacks,
    analysis,
    data,
    jobs,
    plots,
    explorer,
    exercises,
    tutorials,
    lecture,
)


def calls() -> Iterator[Call]:
    """All of them."""
    for room in ROOMS:
        yield from room.calls()
