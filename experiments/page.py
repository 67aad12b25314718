"""What a run writes: its result as a Markdown page, and its rows for JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.experiment import Result, Row
from nnpg_command import printable


def markdown(record: Mapping[str, Any], result: Result) -> str:
    """Return a result as a Markdown page: the paper's figure beside ours, and the facts of the run."""
    lines = [f"# {record['id']}: {record['title']}", "", f"{record['source']}; scale {record['scale']}", ""]
    lines += [result.verdict, "", *(f"Note: {note}\n" for note in record["notes"])]
    lines += ["| | paper | ours | interval | n | unit | verdict |", "|---|---|---|---|---|---|---|"]
    for row in result.rows:
        paper = "-" if row.paper is None else f"{row.paper:.4g}"
        around = "-" if math.isnan(row.low) else f"{row.low:.4g} to {row.high:.4g} ({row.interval})"
        number = f"{cell(row.name)} | {paper} | {row.ours:.4g} | {around} | {row.n} {cell(row.over)} | {cell(row.unit)}"
        lines.append(f"| {number} | {row.verdict or '-'} |")
    for text in result.texts:
        marks = fence(text.body)
        lines += ["", f"## {cell(text.title)}", "", marks, *map(printable, text.body.split("\n")), marks]
    lines += [
        "",
        "## This run",
        "",
        "| | |",
        "|---|---|",
        *(f"| {fact} | {cell(said)} |" for fact, said in facts(record)),
    ]
    lines += ["", *(f"![{cell(Path(figure).stem)}](<{figure}>)" for figure in result.figures)]
    return "\n".join(lines) + "\n"


def facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a record holds of its run, in words: seed, code, data sets, machine and time."""
    data_sets = [f"{d['name']}: {d['images']} images, SHA-256 {d['sha256']}" for d in record["data"]]
    return [
        ("seed", str(record["seed"])),
        ("code", f"commit {record['commit']}, tree {record['tree']}" if record["commit"] else record["tree"]),
        ("data", "; ".join(data_sets) or "none"),
        ("processor", f"{record['processor']}, {record['threads']} threads"),
        ("backend", f"{record['versions']['backend']}; {_ways(record['computed'])}"),
        ("minutes", f"{record['minutes']:.2f}"),
    ]


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
    """Return a row for JSON, which has no NaN."""
    return {
        key: (None if isinstance(value, float) and not np.isfinite(value) else value)
        for key, value in row._asdict().items()
    }
