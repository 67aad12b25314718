"""What a run writes: its result as a Markdown page, and its rows for JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.experiment import Row
from nnpg_command import printable

ROUNDING = 1e-14  # a difference of fractions that is smaller is none
LEFT_OUT = "Drawn by the command, and not kept here because they show images that may not be passed on"


def markdown(record: Mapping[str, Any]) -> str:
    """Return a record as a Markdown page: the paper's figure beside ours, and the facts of the run."""
    lines = [f"# {record['id']}: {record['title']}", "", f"{record['source']}; scale {record['scale']}", ""]
    lines += [record["verdict"], "", *(f"Note: {note}\n" for note in record["notes"])]
    lines += ["| | paper | ours | interval | n | unit | verdict |", "|---|---|---|---|---|---|---|"]
    for row in record["rows"]:
        lines.append(f"| {' | '.join(map(cell, row_cells(row)))} |")
    for text in record["texts"]:
        marks = fence(text["body"])
        lines += ["", f"## {cell(text['title'])}", "", marks, *map(printable, text["body"].split("\n")), marks]
    lines += [
        "",
        "## This run",
        "",
        "| | |",
        "|---|---|",
        *(f"| {fact} | {cell(said)} |" for fact, said in facts(record)),
    ]
    lines += ["", *(f"![{cell(Path(figure).stem)}](<{figure}>)" for figure in record["figures"])]
    if record.get("left_out"):
        names = ", ".join(f"{name} ({shown})" for name, shown in record["left_out"].items())
        lines += ["", f"{LEFT_OUT}: {cell(names)}."]
    return "\n".join(lines) + "\n"


def row_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a row as the cells of a table: name, the paper's number, ours, interval, n, unit, verdict.

    Examples
    --------
    >>> facts = {"name": "error", "paper": 0.05, "ours": 0.0625, "low": None, "high": None, "n": 2000, "over": "nets"}
    >>> row_cells(facts | {"interval": "", "unit": "fraction", "verdict": None})
    ('error', '0.05', '0.0625', '-', '2000 nets', 'fraction', '-')
    """
    numbers = (number(row[who], row["unit"]) for who in ("paper", "ours"))
    return row["name"], *numbers, interval(row), f"{row['n']} {row['over']}", row["unit"], row["verdict"] or "-"


def without_rounding(value: float, unit: str) -> float:
    """Return a number of a record, 0 where it is only the rounding of a difference of fractions.

    Examples
    --------
    >>> without_rounding(0.1 + 0.2 - 0.3, "fraction"), without_rounding(1e-16, "ratio")
    (0.0, 1e-16)
    """
    return 0.0 if unit == "fraction" and abs(value) < ROUNDING else value


def number(value: float | None, unit: str) -> str:
    """Return a number of a record with four digits, "-" where there is none."""
    return "-" if value is None else f"{without_rounding(value, unit):.4g}"


def interval(row: Mapping[str, Any]) -> str:
    """Return a row's interval and how it was computed, "-" where it has none."""
    between = ends(row, lambda end: number(end, row["unit"]))
    return f"{between} ({row['interval']})" if between else "-"


def ends(row: Mapping[str, Any], words: Callable[[float], str]) -> str:
    """Return the ends of a row's interval in words, "" where it has none; one end where the other is infinite.

    Examples
    --------
    >>> [ends({"low": low, "high": high}, "{:g}".format) for low, high in ((1, 2), (1, None), (None, 2), (None, None))]
    ['1 to 2', 'at least 1', 'at most 2', '']
    """
    low, high = ("" if row[end] is None else words(row[end]) for end in ("low", "high"))
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a record holds of its run, in words: command, date, seed, code, data sets, machine and time."""
    data_sets = [f"{d['name']}: {d['images']} images, SHA-256 {d['sha256']}" for d in record["data"]]
    return [
        ("command", record["command"]),
        ("date", record["date"]),
        ("seed", str(record["seed"])),
        ("code", f"commit {record['commit']}, tree {record['tree']}" if record["commit"] else record["tree"]),
        ("data", "; ".join(data_sets) or "none"),
        ("processor", f"{record['processor']}, {record['threads']} threads"),
        ("backend", f"{record['versions']['backend']}; {_ways(record['computed'])}"),
        ("minutes", _minutes(record["minutes"], record.get("kept", 0))),
    ]


def _minutes(minutes: float, kept: int) -> str:
    """Say how long a run took, and how many files it had from earlier runs."""
    return f"{minutes:.2f}" + (f"; kept by earlier runs, and not counted: {kept} files" if kept else "")


def _ways(computed: Mapping[str, Sequence[str]]) -> str:
    """Say which tasks were compiled, and which were not and why."""
    tasks: dict[str, list[str]] = {}
    for task, ways in computed.items():
        for way in ways:
            tasks.setdefault(way, []).append(task)
    return "; ".join(f"{way}: {', '.join(of_way)}" for way, of_way in tasks.items()) or "nothing computed by a program"


def cell(text: str) -> str:
    r"""Return a name as Markdown shows it: no character of it is markup or ends the cell.

    Examples
    --------
    >>> print(cell("a|b <img src=x>"))
    a\|b &lt;img src=x>
    """
    plain = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace("\\", "\\\\")
    for mark in "|`[]!":
        plain = plain.replace(mark, f"\\{mark}")
    return plain


def fence(body: str) -> str:
    """Return enough backticks that no line of the body ends the block."""
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    return "`" * max(3, longest + 1)


def json_row(row: Row) -> dict[str, Any]:
    """Return a row for JSON, which has neither NaN nor infinity."""
    return {
        key: (None if isinstance(value, float) and not np.isfinite(value) else value)
        for key, value in row._asdict().items()
    }
