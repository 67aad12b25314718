"""The numbers on record, in results/, that a text names by record and row."""

from __future__ import annotations

from functools import cache

from experiments.records.claims import ours_of
from experiments.records.reading import Record, on_record


class RecordError(ValueError):
    """A text that names no row of a record."""


@cache
def records() -> dict[str, Record]:
    """Return what is on record, by id."""
    return on_record()


def number_on_record(target: str) -> tuple[str, Record]:
    """Return the number that "id: name of the row" names, in words, and its record.

    Raises
    ------
    RecordError
        If there is no such record, or no such row in it.

    Examples
    --------
    >>> words, record = number_on_record("LD-0: train_error")
    >>> words
    '0%, 20 seeds'
    >>> record["command"]
    'python -m experiments run LD-0 --scale paper'
    >>> number_on_record("LD-0: moon")
    Traceback (most recent call last):
    ...
    nnpg_docs.numbers.RecordError: LD-0 has no row 'moon'
    """
    id, separator, name = target.partition(": ")
    if not separator or id not in records():
        raise RecordError(f"{target!r}: write `id: name of the row`, of one of {', '.join(records())}")
    record = records()[id]
    rows = [row for row in record["rows"] if row["name"] == name]
    if len(rows) != 1:
        raise RecordError(f"{id} has {len(rows) or 'no'} row{'s' * (len(rows) > 1)} {name!r}")
    (row,) = rows
    n = "" if row["n"] is None else f", {row['n']} {row['over']}"
    return f"{ours_of(row)}{n}", record
