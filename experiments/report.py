"""One page from every result under a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.page import facts, row_cells
from experiments.records.reading import read_record
from nnpg.report import Image, Section, Table, write_page
from nnpg_command import UsageError

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
    try:
        return _section(read_record(path), path.parent)
    except UsageError as error:
        raise UsageError(str(error) if str(path) in str(error) else f"{path}: {error}") from error


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
    notes = "".join(f"\n\nNote: {note}" for note in result["notes"])
    return Section(
        f"{result['id']}: {result['title']}",
        f"{result['source']}; scale {result['scale']}. {result['verdict']}{notes}",
        figures=[
            Image(_picture(folder, name), f"{result['id']} {Path(name).stem}", Path(name).stem)
            for name in result["figures"]
        ],
        tables=[Table(HEADER, [*map(row_cells, result["rows"])]), Table(("this run", ""), facts(result))],
        code="\n\n".join(f"{text['title']}\n{text['body']}" for text in result["texts"]),
    )
