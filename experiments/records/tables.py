"""The tables of README and docs, written from what is on record between markers; no number in them is typed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from experiments.catalogue import EXPERIMENTS
from experiments.page import cell
from experiments.provenance import CHECKOUT
from experiments.records.chosen import CHOSEN, Chosen
from experiments.records.claims import Line, lines_of, scale_of, value_of
from experiments.records.reading import Record, is_old
from nnpg.files import write_file
from nnpg_command import UsageError

Records = Mapping[str, Record]
HEADER = ("", "the paper says", "measured", "paper", "ours", "n", "scale", "verdict")
NOT_RUN = "not run yet"
BEGIN, END = "<!-- begin: {name}, by `python -m experiments tables` -->", "<!-- end: {name} -->"


def claims_table(records: Records) -> str:
    """README's table: about ten claims of each paper."""
    rows = []
    for paper, chosen in CHOSEN.items():
        rows.append((f"**{paper}**", *[""] * (len(HEADER) - 1)))
        rows += [_cells(_line(one, records.get(one.id)), "results/") for one in chosen]
    return table(HEADER, rows)


def every_result(records: Records) -> str:
    """docs/results.md: every experiment, and every claim that it judges."""
    others = ", ".join(id for id in EXPERIMENTS if id not in records)
    return "\n\n".join([*map(_section, records.values()), *([f"## Not run yet\n\n{others}"] if others else [])])


def localisation_table(records: Records) -> str:
    """docs/localisation.md: hits of every method, for both questions."""
    if "LOC-1" not in records:
        return "Not run."
    rows = {row["name"]: row for row in records["LOC-1"]["rows"]}
    tasks = ("true", "other")
    methods = [name.partition(": ")[2] for name in rows if name.startswith("true: ") and " minus " not in name]
    lines = []
    for method in methods:
        shown = [rows[f"{task}: {method}"] for task in tasks]
        lines.append((cell(method), *(value_of(row) for row in shown)))
    return table(("method", *tasks), lines)


def localisation_finding(records: Records) -> str:
    """docs/localisation.md: what was found, and on how many nets."""
    if "LOC-1" not in records:
        return "Not run."
    record = records["LOC-1"]
    nets = next(row["n"] for row in record["rows"] if row["over"] == "nets")
    return f"{record['verdict']} ({nets} nets, {scale_of(record)} scale: `{record['command']}`)"


PAGES: dict[str, dict[str, Callable[[Records], str]]] = {
    "README.md": {"claims": claims_table},
    "docs/results.md": {"results": every_result},
    "docs/localisation.md": {"hits": localisation_table, "finding": localisation_finding},
}


def write_tables(records: Records, checkout: Path = CHECKOUT, check: bool = False) -> list[str]:
    """Write the tables of every page, and return which pages they change.

    Parameters
    ----------
    records : mapping of id to Record
    checkout : Path
        The folder of the pages.
    check : bool
        Whether nothing is written.

    Raises
    ------
    UsageError
        If a page lacks a marker, or README names a claim that the record does not judge. Nothing is written then.
    """
    pages = {}
    for page, blocks in PAGES.items():
        text = (checkout / page).read_text(encoding="utf-8")
        new = text
        for name, make in blocks.items():
            new = filled(new, name, make(records), page)
        if new != text:
            pages[page] = new
    if not check:
        for page, new in pages.items():
            write_file(checkout / page, new.encode())
    return list(pages)


def filled(text: str, name: str, block: str, page: str) -> str:
    r"""Return a page with the block between its markers.

    Examples
    --------
    >>> begin, end = BEGIN.format(name="sum"), END.format(name="sum")
    >>> filled(f"{begin}\n1\n{end}\n", "sum", "2", "a.md").split("\n")[2]
    '2'
    """
    begin, end = (re.escape(mark.format(name=name)) for mark in (BEGIN, END))
    parts = re.split(f"(?<={begin}\n).*(?={end}\n)", text, flags=re.DOTALL)
    if len(parts) != 2:
        raise UsageError(f"{page}: expected one line {BEGIN.format(name=name)}, and after it {END.format(name=name)}")
    return f"{parts[0]}\n{block}\n\n{parts[1]}"


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table in Markdown; the cells are Markdown already."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _line(chosen: Chosen, record: Record | None) -> Line:
    """The line of a claim that README shows."""
    if record is None:
        return Line(chosen.id, chosen.words, NOT_RUN, "-", "-", "-", "-", NOT_RUN)
    found = [
        line
        for line in lines_of(record)
        if line.claim.startswith(chosen.words) and line.measured.startswith(chosen.measured)
    ]
    if not found:
        judged = [line.claim or line.measured for line in lines_of(record)]
        raise UsageError(
            f"README shows the claim {chosen.words or chosen.measured!r} of {chosen.id}, which its record does not "
            f"judge: choose another in experiments/records/chosen.py, out of {judged}"
        )
    return found[0]


def _cells(line: Line, results: str) -> tuple[str, ...]:
    """The cells of a line, its id a link to the record."""
    id = line.id if line.measured == NOT_RUN else f"[{line.id}]({results}{line.id}/result.md)"
    return id, *(cell(text) for text in line[1:])


def _section(record: Record) -> str:
    id = record["id"]
    head = f"## {id}: {cell(record['title'])}\n\n{cell(record['source'])}"
    old = " The experiment has another meaning since: these numbers are old." if is_old(record) else ""
    head += (
        f"; [{scale_of(record)} scale, {record['date']}](../results/{id}/result.md).{old}\n\n{cell(record['verdict'])}"
    )
    head += "".join(f"\n\nNote: {cell(note)}" for note in record["notes"])
    lines = lines_of(record)
    rows = [tuple(cell(text) for text in (*line[1:6], line.verdict)) for line in lines]
    return f"{head}\n\n{table((*HEADER[1:6], HEADER[7]), rows)}" if rows else f"{head}\n\nNo claim is judged."
