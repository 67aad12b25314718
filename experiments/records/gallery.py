"""One page of what is on record: a card for each table or figure of the papers, from `results/` alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.catalogue import EXPERIMENTS
from experiments.page import LEFT_OUT, facts, row_cells
from experiments.records.claims import counted, lines_of
from experiments.records.papers import SHOWN
from experiments.records.reading import RESULTS, Record, is_old
from nnpg.report import Image, Table, write_template

HEADER = ("measured", "paper", "ours", "interval", "n: what the interval is over", "unit", "verdict")
PAPERS = {
    "LD": "Lo & Ding 2015: Understanding Deep Networks with Gradients",
    "TH": "Lo 2016: Querying Deep Neural Networks with Gradients",
    "SZ": "Szegedy et al. 2013: Intriguing Properties of Neural Networks",
    "HI": "Hinthorn 2017: Visualization and Selective Dropout",
}
FEW = 12  # rows that are shown at once where none is judged and the paper has no number
ROOM = {"LOC": "TH"}  # an id that begins otherwise than its paper's


def write_gallery(path: Path, records: Mapping[str, Record], results: Path = RESULTS) -> Path:
    """Write the page: one HTML file with all pictures inside.

    Parameters
    ----------
    path : Path
        A .html file.
    records : mapping of id to Record
        What is on record.
    results : Path
        The folder of their pictures.

    Returns
    -------
    Path
        The file.
    """
    cards = [_card(id, records.get(id), results / id) for id in EXPERIMENTS]
    papers = [
        {"title": title, "cards": [card for card in cards if card["paper"] == paper]} for paper, title in PAPERS.items()
    ]
    return write_template(path, "gallery.html.j2", title="The papers' tables and figures, beside ours", papers=papers)


def _card(id: str, record: Record | None, folder: Path) -> dict[str, Any]:
    """What a card shows."""
    experiment, (figure, differs), begin = EXPERIMENTS[id], SHOWN[id], id.split("-")[0]
    card = {
        "id": id,
        "paper": ROOM.get(begin, begin),
        "title": experiment.title,
        "source": experiment.source,
        "figure": figure,
        "differs": differs,
        "verdict": "not run" if record is None else counted([row["verdict"] for row in record["rows"]]),
        "record": None,
        "old": False,
    }
    if record is None:
        return card
    judged = [row for row in record["rows"] if row["verdict"]]
    main = judged + [row for row in record["rows"] if not row["verdict"] and row["paper"] is not None]
    main = main or record["rows"][:FEW]
    others = [row for row in record["rows"] if row not in main]
    return card | {
        "record": record,
        "old": is_old(record),
        "claims": list(dict.fromkeys(line.claim for line in lines_of(record) if line.claim)),
        "rows": _table(main) if main else None,
        "others": _table(others) if others else None,
        "pictures": [Image(folder / name, f"{id}: {Path(name).stem}", Path(name).stem) for name in record["figures"]],
        "left_out": f"{LEFT_OUT}: {', '.join(record['left_out'])}." if record["left_out"] else "",
        "facts": Table(("this run", ""), [("scale", record["scale"]), *facts(record)]),
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    return Table(HEADER, [*map(row_cells, rows)])
