"""What is kept of the exercises of a folder: when each was started, the attempts, the hints, and when it was solved.

It is one small file, exercises.json, beside the student's files. It is written whole or not at all.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nnpg.files.atomic import atomic_write

FILE = "exercises.json"
LARGEST = 1_000_000  # bytes that such a file may have


@dataclass(frozen=True)
class Record:
    """What is kept of one exercise.

    Parameters
    ----------
    started : str
        Date and time, UTC.
    attempts : int
        How often it was checked, up to the first right answer.
    hints : int
        How many hints were shown.
    solved : str or None
        Date and time of the first right answer.
    """

    started: str
    attempts: int = 0
    hints: int = 0
    solved: str | None = None

    @property
    def minutes(self) -> int:
        """Minutes from the start to the first right answer, or until now."""
        end = datetime.fromisoformat(self.solved) if self.solved else datetime.now(UTC)
        return max(0, round((end - datetime.fromisoformat(self.started)).total_seconds() / 60))

    def checked(self, right: bool) -> Record:
        """Return the record after one more check."""
        if self.solved:
            return self
        return replace(self, attempts=self.attempts + 1, solved=now() if right else None)


def now() -> str:
    """Return the date and time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_records(folder: Path) -> dict[str, Record]:
    """Return the records of a folder by exercise; none where there is no file.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has more than {LARGEST} bytes")
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): _record(values) for name, values in content.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged ({error}), so that attempts cannot be counted: move it away, and a new one is begun"
        ) from error


def write_records(folder: Path, records: dict[str, Record]) -> None:
    """Write the records of a folder, whole or not at all."""
    content = json.dumps({name: asdict(record) for name, record in records.items()}, indent=1)
    with atomic_write(folder / FILE) as out:
        out.write(content.encode())


def _record(values: Any) -> Record:
    record = Record(**values)
    for field in fields(record):
        value, kind = getattr(record, field.name), int if field.name in ("attempts", "hints") else str
        if type(value) is not kind and not (value is None and field.name == "solved"):
            raise ValueError(f"{field.name} is {value!r}")
    if min(record.attempts, record.hints) < 0:
        raise ValueError("a count is below 0")
    for time in filter(None, (record.started, record.solved)):
        if datetime.fromisoformat(time).tzinfo is None:
            raise ValueError(f"{time} has no time zone")
    return record
