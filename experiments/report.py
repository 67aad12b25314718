"""One page from every result under a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.runner import UsageError
from nnpg.page import Image, Section, Table, write_page

HEADER = ("", "paper", "ours", "interval", "n", "unit", "held")


def write_report(directory: str | Path) -> Path:
    """Write `report.html` from each `*/result.json` under a folder, and beside each of them a page of its own."""
    directory = Path(directory)
    results = sorted(directory.glob("*/result.json"))
    if not results:
        raise UsageError(f"no results under {directory}: run `python -m experiments run LD-3 --out {directory}` first")
    sections = [_section(json.loads(path.read_text()), path.parent) for path in results]
    for path, section in zip(results, sections, strict=True):
        write_page(path.with_name("result.html"), section.title, [section])
    lead = f"{len(results)} experiments: each paper's figure beside ours, with its interval and whether the claim held."
    return write_page(directory / "report.html", "nnpg: the papers' experiments", sections, lead=lead)


def _section(result: dict[str, Any], folder: Path) -> Section:
    rows = [
        (
            row["name"],
            _number(row["paper"]),
            _number(row["ours"]),
            "-" if row["low"] is None else f"{row['low']:.4g} to {row['high']:.4g} ({row['interval']})",
            str(row["n"]),
            row["unit"],
            {None: "-", True: "yes", False: "no"}[row["held"]],
        )
        for row in result["rows"]
    ]
    facts = f"{result['source']}; scale {result['scale']}; seed {result['seed']}; {result['seconds']:.0f} s."
    return Section(
        f"{result['id']}: {result['title']}",
        f"{facts} {result['verdict']}",
        figures=[
            Image(folder / name, f"{result['id']} {Path(name).stem}", Path(name).stem) for name in result["figures"]
        ],
        tables=[Table(HEADER, rows)],
        code="\n\n".join(f"{text['title']}\n{text['body']}" for text in result["texts"]),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
