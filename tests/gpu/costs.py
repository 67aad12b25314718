"""What each public function costs on a device: data that goes up, data that comes down, and waits for a result.

`make gpu-costs` counts the calls of tests/fuzz/calls, each of 6 small images, and writes docs/gpu-costs.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import numpy as np
from fuzz.calls import calls
from fuzz.calls.call import Call
from moved import has, of_network, on_device
from repeats import FOREVER, Repeated, of_each, repeated
from stand_in.counts import Counts, counted

FILE = Path(__file__).parents[2] / "docs" / "gpu-costs.md"

HEAD = """# What crosses between host and device

For each public function that computes with a network on the backend `cupy`: how often data goes up to the device, how
often it comes down (which waits), and how often else the host waits for the device, copies that come down beside its
work included; and with arrays of the host, its operations on the device: functions of CuPy that make an array, views
included, and kernels. Written by `make gpu-costs`, which counts calls with 6 small images on the stand-in for CuPy; a
test compares. A function that is not listed computes on the host: an array of the device comes down once.
[gpu.md](gpu.md) says what the counts depend on.

`~` stands before the counts of what searches: they depend on how many rounds it takes.

| function | with arrays of the host: up, down, waits | with arrays of the device: up, down, waits | operations |
|---|---|---|---|
"""
REPEATED = """
What is repeated, on 12 images, the median of many repetitions:

| repeated | operations | up, down, waits |
|---|---|---|
"""
# They repeat until something has been found: the counts depend on the last bit of a number.
SEARCHES = re.compile(
    "choose_targets|minimal_distortion|projected_gradient|fast_gradient_sign|learn_class_mask|train_lbfgs|"
    "gradcheck|maximise_outputs|measured_gains|explain"
)


class Cost(NamedTuple):
    """Counts of one call."""

    up: int
    down: int
    waits: int

    def __str__(self) -> str:
        return ", ".join(map(str, self))


def counts_of(call: Call, *, data: bool) -> Counts:
    """Count what crosses in a call, with arrays of the host or of the device."""
    run = on_device(call, data=data)
    with mock.patch("nnpg.training.LOOK", FOREVER), counted() as counts:
        run()
    return counts


def cost(counts: Counts) -> Cost:
    return Cost(counts.up, counts.down, counts.waits)


def listed() -> dict[str, Call]:
    """Return the calls that compute with a network, one of each that differ only in the backend of the CPU."""
    named = {re.sub(" on (numba|numpy)$", "", one.name): one for one in calls() if of_network(one)}
    return dict(sorted(named.items()))


def rows() -> Iterator[str]:
    for name, call in listed().items():
        host, device = (counts_of(call, data=data) for data in (False, True))
        about = "~" if SEARCHES.match(name) else ""
        with_data = f"{about}{cost(device)}" if has(np.ndarray, dict(call.plain)) else ""
        yield f"| {name} | {about}{cost(host)} | {with_data} | {about}{host.operations} |"


class Row(NamedTuple):
    """The counts of one function in the file, with arrays of the host and of the device."""

    host: Cost
    device: Cost | None
    operations: int


def _lines(columns: int) -> Iterator[list[str]]:
    """Yield the names and counts in the table with so many columns."""
    for line in FILE.read_text().splitlines():
        if re.match(r"\| \w.*\d", line) and line.count("|") == columns + 1:
            yield [part.strip().strip("~") for part in line.strip("|").split("|")]


def _cost(text: str) -> Cost | None:
    return Cost(*map(int, text.split(", "))) if text else None


def read() -> dict[str, Row]:
    """Return the counts in the file, by the name of the call."""
    return {name: Row(_cost(host), _cost(device), int(n)) for name, host, device, n in _lines(4)}  # type: ignore[arg-type]


def read_repeated() -> dict[str, Repeated]:
    """Return the counts of what is repeated."""
    return {name: Repeated(int(n), *map(int, crossings.split(", "))) for name, n, crossings in _lines(3)}


def main() -> None:
    import stand_in

    stand_in.install()
    of_repeated = (f"| {name} | {of_each(place, run)} |" for name, (place, run) in repeated().items())
    FILE.write_text("\n".join([HEAD + "\n".join(rows()), REPEATED + "\n".join(of_repeated)]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
