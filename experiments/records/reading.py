"""Results that runs wrote, read back: those of a folder, and those on record in `results/`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from experiments.catalogue import EXPERIMENTS
from experiments.page import markdown
from experiments.provenance import CHECKOUT
from nnpg.analysis.verdicts import Verdict
from nnpg_command import UsageError

RESULTS = CHECKOUT / "results"
MOST_BYTES = 64 << 20  # of a result.json
TEXTS = ("id", "title", "source", "scale", "command", "date", "verdict", "commit", "tree")
LISTS = ("data", "notes", "rows", "texts", "figures")

Record = dict[str, Any]


def read_record(path: Path) -> Record:
    """Return the content of a result.json.

    Raises
    ------
    UsageError
        If it is no file, too large, or not one that this version of `python -m experiments run` writes.
    """
    if not path.is_file():
        raise UsageError(f"{path}: expected a file that `python -m experiments run` wrote, found something else")
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path}: expected at most {MOST_BYTES:,} bytes, found {path.stat().st_size:,}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        _check(record)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise UsageError(
            f"{path}: damaged, or not written by `python -m experiments run` ({why}); run that experiment again"
        ) from error
    return record


def on_record(results: Path = RESULTS) -> dict[str, Record]:
    """Return what is on record, by id, in the order of the catalogue.

    Raises
    ------
    UsageError
        If a file is damaged, or a folder is of no experiment.
    """
    ids = sorted(path.parent.name for path in results.glob("*/result.json"))
    unknown = [id for id in ids if id not in EXPERIMENTS]
    if unknown:
        raise UsageError(f"{results}: {', '.join(unknown)}: no such experiment; delete the folder, or name it anew")
    records = {id: read_record(results / id / "result.json") for id in EXPERIMENTS if id in ids}
    for id, record in records.items():
        if record["id"] != id:
            raise UsageError(f"{results / id}: expected the record of {id}, found that of {record['id']!r}")
    return records


def is_old(record: Record) -> bool:
    """Return whether its experiment has another meaning now: its numbers are not those of the code as it stands."""
    return bool(record["version"] != EXPERIMENTS[record["id"]].version)


def _check(record: Record) -> None:
    """Raise KeyError, TypeError, ValueError or AttributeError for what no page can be made of."""
    for key, kind in (*((key, str) for key in TEXTS), *((key, list) for key in LISTS)):
        if not isinstance(record[key], kind):
            raise TypeError(f"{key} is {record[key]!r}")
    for key in ("version", "seed"):
        if not isinstance(record[key], int):
            raise TypeError(f"{key} is {record[key]!r}")
    if not isinstance(record["shows"], Mapping) or not isinstance(record["config"], Mapping):
        raise TypeError("shows and config are no objects")
    for row in record["rows"]:
        numbers = [row[key] for key in ("paper", "ours", "low", "high") if row[key] is not None]
        if not all(isinstance(value, int | float) for value in numbers):
            raise TypeError(f"the row {row['name']!r} has numbers that are none")
        if not row["over"] or not isinstance(row["n"], int):
            raise ValueError(f"the row {row['name']!r} does not say what n counts")
        if row["verdict"] not in (None, *get_args(Verdict)):
            raise ValueError(f"the row {row['name']!r} has the verdict {row['verdict']!r}")
    markdown(record)
