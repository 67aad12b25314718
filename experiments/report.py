"""One page from every result under a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from experiments.page import facts
from nnpg.analysis.verdicts import Verdict
from nnpg.report import Image, Section, Table, write_page
from nnpg.support.arguments import as_choice
from nnpg_command import UsageError

MOST_BYTES = 64 << 20  # of a result.json
HEADER = ("", "paper", "ours", "interval", "n", "unit", "verdict")


def write_report(directory: str | Path) -> Path:
    """Write `report.html` from each `*/result.json` under a folder, and one page beside each of them."""
    directory = Path(directory)
    results = sorted(directory.glob("*/result.json"))
    if not results:
        raise UsageError(f"no results under {directory}: run `python -m experiments run LD-3 --out {directory}` first")
    sections = [_read(path) for path in results]
    for path, section in zip(results, sections, strict=True):
        write_page(path.with_name("result.html"), section.title, [section])
    lead = f"{len(results)} experiments: each paper's figure beside ours, its interval, and the verdict on the claim."
    return write_page(directory / "report.html", "nnpg: the papers' experiments", sections, lead=lead)


def _read(path: Path) -> Section:
    """The section of one result, or UsageError with what is wrong with the file."""
    if not path.is_file():
        raise UsageError(f"{path}: expected a file that `python -m experiments run` wrote, found something else")
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path}: expected at most {MOST_BYTES:,} bytes, found {path.stat().st_size:,}")
    try:
        return _section(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise UsageError(
            f"{path}: damaged, or not written by `python -m experiments run` ({why}); run that experiment again"
        ) from error


def _picture(folder: Path, name: str) -> Path:
    """The path of a picture that a result names; it must lie in the result's own folder."""
    home = folder.resolve()
    path = (home / name).resolve()  # follows links: one that leads out of the folder counts as outside
    if not path.is_relative_to(home):
        raise UsageError(f"the picture {name!r} lies outside of its folder and is not taken into the report")
    if not path.is_file():
        raise UsageError(f"the picture {name!r} is missing; run that experiment again")
    return path


def _section(result: dict[str, Any], folder: Path) -> Section:
    rows = [
        (
            row["name"],
            _number(row["paper"]),
            _number(row["ours"]),
            "-" if row["low"] is None else f"{row['low']:.4g} to {row['high']:.4g} ({row['interval']})",
            f"{row['n']} {row['over']}",
            row["unit"],
            "-" if row["verdict"] is None else as_choice(row["verdict"], "a verdict", get_args(Verdict)),
        )
        for row in result["rows"]
    ]
    notes = "".join(f"\n\nNote: {note}" for note in result["notes"])
    return Section(
        f"{result['id']}: {result['title']}",
        f"{result['source']}; scale {result['scale']}. {result['verdict']}{notes}",
        figures=[
            Image(_picture(folder, name), f"{result['id']} {Path(name).stem}", Path(name).stem)
            for name in result["figures"]
        ],
        tables=[Table(HEADER, rows), Table(("this run", ""), facts(result))],
        code="\n\n".join(f"{text['title']}\n{text['body']}" for text in result["texts"]),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
