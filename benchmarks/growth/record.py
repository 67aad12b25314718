"""What was measured of the growth: one JSON file, a figure, and a section of docs/performance.md.

{"schema": 1, "processor": ..., "cores": ..., "backend": ..., "versions": {...}, "date": ..., "quick": false,
"fma_gflops": {"1": ..., "2": ...}, "points": [{"axis": ..., "value": ..., "task": ..., "ms": ..., ...}]}
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from benchmarks.growth.points import AXES
from nnpg.files.atomic import write_file
from nnpg.plots.lines import Lines, line_panels
from nnpg_command import UsageError

SCHEMA = 1
FIELDS = {"schema", "processor", "cores", "backend", "versions", "date", "quick", "fma_gflops", "points"}
ON_RECORD = Path(__file__).parents[1] / "records" / "growth.json"
FIGURE = Path(__file__).parents[2] / "docs" / "images" / "growth.svg"
HEADER = ("", "grows from", "to", "work", "time", "exponent", "ms", "roof / ms, least work", "most work")
NOT_MEASURED = "Not measured: `python -m benchmarks growth --record` measures it in a few minutes."

Record = dict[str, Any]


def read(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    UsageError
        If the file is not one.
    """
    expected = f"{path}: expected a record of `python -m benchmarks growth`, of schema {SCHEMA}"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{expected}: {error}") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or set(record) != FIELDS:
        raise UsageError(expected)
    return record


def on_record() -> Record | None:
    """Return the record that is checked in, or None."""
    return read(ON_RECORD) if ON_RECORD.exists() else None


def write(record: Record, file: Path, figure: Path) -> None:
    """Write the record and its figure, each whole or not at all."""
    write_file(file, (json.dumps(record, indent=1) + "\n").encode())
    line_panels(panels(record), figure, logarithmic=True)


def panels(record: Record) -> list[Lines]:
    """Return a panel for each of what grows: the time of each task, and the least time of the same work."""
    found = []
    for axis, unit in AXES.items():
        series: dict[str, list[float]] = {}
        by_task = lines_of(record, axis)
        for task, line in by_task.items():
            series[task] = [point["ms"] for point in line]
        for task, line in by_task.items():
            series[f"roof: {task}"] = [point["roof_ms"] for point in line]
        values = [point["value"] for point in next(iter(by_task.values()))]
        found.append(Lines(axis, values, series, unit, "ms"))
    return found


def lines_of(record: Record, axis: str) -> dict[str, list[dict[str, Any]]]:
    """Return the points of an axis by task, in the order in which they were measured."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for point in record["points"]:
        if point["axis"] == axis:
            by_task.setdefault(point["task"], []).append(point)
    return by_task


def exponent(line: list[dict[str, Any]]) -> float:
    """Return p of time ~ work^p over the upper half of a line; for threads, of time ~ threads^p.

    NaN where the work grows by less than a tenth: nothing follows from it.

    Examples
    --------
    >>> line = [{"axis": "images", "value": v, "work": 2 * v, "ms": 1 + v} for v in (1, 10, 1e6, 1e7)]
    >>> round(exponent(line), 3)
    1.0
    """
    if len(line) < 2:
        return math.nan
    first, last = line[len(line) // 2 - (len(line) == 2)], line[-1]
    size = "value" if first["axis"] == "threads" else "work"
    if last[size] < 1.1 * first[size]:
        return math.nan
    return math.log(last["ms"] / first["ms"]) / math.log(last[size] / first[size])


def cells(record: Record) -> list[tuple[str, ...]]:
    """Return a row of `HEADER` for each line of the figure."""
    rows: list[tuple[str, ...]] = []
    for axis in AXES:
        for task, line in lines_of(record, axis).items():
            first, last = line[0], line[-1]
            p = exponent(line)
            rows.append(
                (
                    f"{axis}: {task}",
                    f"{first['value']:,.4g}",
                    f"{last['value']:,.6g}",
                    f"x {last['work'] / first['work']:,.3g}",
                    f"x {last['ms'] / first['ms']:,.3g}",
                    "-" if math.isnan(p) else f"{p:.2f}",
                    f"{last['ms']:,.3g}",
                    f"{first['roof_ms'] / first['ms']:.1%}",
                    f"{last['roof_ms'] / last['ms']:.1%}",
                )
            )
    return rows


def machine(record: Record) -> str:
    """Say on what it was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return f"{record['processor']}, {record['cores']} cores, backend {record['backend']}, {record['date']}. {versions}."
