"""The command: time every point, print a table, and write the record where it is asked for."""

from __future__ import annotations

import gc
import platform
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import nnpg
from benchmarks.contender import cores
from benchmarks.growth import record as records
from benchmarks.growth.points import Point, number, points
from benchmarks.growth.record import Record
from benchmarks.measuring import probe
from benchmarks.measuring.instructions import in_use, processor
from nnpg.files import writable
from nnpg.support.progress import progress_bar

ROUNDS, AT_LEAST = 3, 0.3  # rounds, and seconds that short calls are repeated for


def measure(backend: str, *, quick: bool = False, progress: bool | None = None) -> Record:
    """Time every point; return the record."""
    before, measured = probe.measure(), []
    with progress_bar("growth", number(quick=quick), show=progress) as advance:
        for point in points(backend, quick=quick):
            measured.append((point, _times(point, quick)))
            advance()
    rates = _rates(before, probe.measure())
    return {
        "schema": records.SCHEMA,
        "processor": f"{processor()}, {in_use()}",
        "cores": cores(),
        "backend": nnpg.load_backend(backend).name,
        "versions": {"python": platform.python_version(), "numpy": np.__version__, "numba": version("numba")},
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "quick": quick,
        "fma_gflops": rates,
        "points": [_entry(point, times, rates) for point, times in measured],
    }


def _times(point: Point, quick: bool) -> list[float]:
    """Return milliseconds of each round; the first call, which may compile, is not among them."""
    gc.collect()
    times: list[float] = []
    with point.context():
        point.call()
        began = time.perf_counter()
        while len(times) < (1 if quick else ROUNDS) or (not quick and time.perf_counter() - began < AT_LEAST):
            start = time.perf_counter()
            point.call()
            times.append(1e3 * (time.perf_counter() - start))
    return times


def _rates(*probes: probe.Probe) -> dict[str, float]:
    """Return GFLOP/s of multiply-adds in registers on one core and on all, the faster of two measurements."""
    return {
        "1": max(p.fma_one_core for p in probes),
        str(cores()): max(p.fma_all_cores for p in probes),
    }


def _entry(point: Point, times: list[float], rates: dict[str, float]) -> dict[str, Any]:
    # as many cores as threads, of one core's rate where that number was not measured
    rate = rates.get(str(point.threads), rates["1"] * point.threads)
    return {
        "axis": point.axis,
        "value": point.value,
        "task": point.task,
        "work": point.operations,
        "threads": point.threads,
        "ms": median(times),
        "min_ms": min(times),
        "rounds": len(times),
        "roof_ms": point.operations / rate / 1e6,
    }


def benchmark(backend: str, out: Path | None, *, on_record: bool, quick: bool) -> Record:
    """Measure, print, and write; the page of docs is written by the caller, who knows it.

    Raises
    ------
    ValueError
        If a quick run, which measures nothing, is to go on record. Nothing is measured then.
    """
    if quick and on_record:
        raise ValueError("--quick measures nothing: give one of --quick and --record")
    places = [] if out is None else [(out / "growth.json", out / "growth.svg")]
    places += [(records.ON_RECORD, records.FIGURE)] if on_record else []
    for file in (file for pair in places for file in pair):
        writable(file)
    found = measure(backend, quick=quick)
    for place in places:
        records.write(found, *place)
    show(found)
    return found


def show(record: Record) -> None:
    """Print the table."""
    console = Console()
    if not console.is_terminal:
        console.width = 160
    table = Table(title="time against work; exponent: p of time ~ work^p, of the upper half (threads: ~ threads^p)")
    for i, heading in enumerate(records.HEADER):
        table.add_column(heading, justify="right" if i else "left")
    for row in records.cells(record):
        table.add_row(*row)
    console.print(table)
    console.print(records.machine(record), highlight=False)
    if record["quick"]:
        console.print("--quick: a few images and single calls, to see that it runs. Nothing here is a measurement.")
