"""What a run writes: its result as a Markdown page, and its rows for JSON."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from experiments.experiment import Experiment, Result, Row
from nnpg_command import printable


def markdown(experiment: Experiment, scale: str, result: Result, seconds: float) -> str:
    """Return a result as a Markdown page: the paper's figure beside ours."""
    lines = [f"# {experiment.id}: {experiment.title}", "", f"{experiment.source}; scale {scale}; {seconds:.0f} s", ""]
    lines += [result.verdict, "", "| | paper | ours | interval | n | unit | verdict |", "|---|---|---|---|---|---|---|"]
    for row in result.rows:
        paper = "-" if row.paper is None else f"{row.paper:.4g}"
        around = "-" if math.isnan(row.low) else f"{row.low:.4g} to {row.high:.4g} ({row.interval})"
        number = f"{cell(row.name)} | {paper} | {row.ours:.4g} | {around} | {row.n} {cell(row.over)} | {cell(row.unit)}"
        lines.append(f"| {number} | {row.verdict or '-'} |")
    for text in result.texts:
        marks = fence(text.body)
        lines += ["", f"## {cell(text.title)}", "", marks, *map(printable, text.body.split("\n")), marks]
    lines += ["", *(f"![{cell(Path(figure).stem)}](<{figure}>)" for figure in result.figures)]
    return "\n".join(lines) + "\n"


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
