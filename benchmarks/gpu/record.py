"""What is on record of a card: one JSON file, written after every row, whole or not at all.

    {"schema": 1, "card": ..., "driver": ..., "versions": {...}, "date": ..., "quick": false,
     "ceilings": {"copy": ..., ...}, "rows": {"W1-b1": {...}}, "layers": [...], "attack": {...}}

A run with a file that is there keeps what it does not measure, if card, driver and versions are the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.gpu.card import Ceilings
from nnpg.files.atomic import write_file
from nnpg_command import UsageError

SCHEMA = 1
SAME = ("card", "driver", "versions", "quick")
ON_RECORD = Path(__file__).parents[1] / "records" / "gpu.json"

Record = dict[str, Any]


def new(identity: Mapping[str, Any], *, quick: bool = False) -> Record:
    """Return a record of a card on which nothing is measured."""
    return {"schema": SCHEMA, **identity, "quick": quick, "ceilings": None, "rows": {}, "layers": [], "attack": None}


def read(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    UsageError
        If the file is not one.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(f"{path}: expected a record of `python -m benchmarks gpu --json`: {error}") from error
    fields = set(new({"card": "", "driver": "", "versions": {}, "date": ""}))
    if not isinstance(record, dict) or record.get("schema") != SCHEMA or set(record) != fields:
        raise UsageError(f"{path}: expected a record of `python -m benchmarks gpu --json`, of schema {SCHEMA}")
    return record


def begun(path: Path | None, identity: Mapping[str, Any], *, quick: bool = False) -> Record:
    """Return the record in a file that this run goes on with, or a new one.

    Raises
    ------
    UsageError
        If the file is a record of another card, driver or versions, or no record.
    """
    fresh = new(identity, quick=quick)
    if path is None or not path.exists():
        return fresh
    old = read(path)
    for name in SAME:
        if old[name] != fresh[name]:
            raise UsageError(f"{path}: it is of {name} {old[name]}, and this is {fresh[name]}: name another file")
    return old | {"date": fresh["date"]}


def write(path: Path | None, record: Record) -> None:
    """Write a record, if there is a path."""
    if path is not None:
        write_file(path, (json.dumps(record, indent=1) + "\n").encode())


def ceilings_of(record: Record) -> Ceilings:
    """Return the ceilings on record; a JSON file has the numbers of launches and blocks as text."""
    kept = dict(record["ceilings"])
    for name in ("launch", "cluster_barrier"):
        kept[name] = {int(n): seconds for n, seconds in kept[name].items()}
    return Ceilings(**kept)


def with_ceilings(record: Record, ceilings: Ceilings) -> Record:
    """Return the record with these ceilings."""
    return record | {"ceilings": asdict(ceilings)}
