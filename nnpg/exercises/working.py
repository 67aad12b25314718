"""What a student does with an exercise: start it, check the file, ask for a hint, list all."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from nnpg.exercises.catalogue import EXERCISES
from nnpg.exercises.exercise import Exercise
from nnpg.exercises.judging import Judgement
from nnpg.exercises.records import FILE, Record, now, read_records, write_records
from nnpg.exercises.student import lines_of_traceback
from nnpg.files.atomic import atomic_write, results_folder, temporary_folder, writable
from nnpg.support.arguments import as_choice, as_number, as_path
from nnpg.support.tables import text_table
from nnpg_command import printable

LARGEST = 1_000_000  # bytes of a student's file
SECONDS = 20.0
STARTING = 120.0  # seconds in which Python itself must start, on a machine that does other work


@dataclass(frozen=True)
class Verdict:
    """The answer to one check; prints as a few lines.

    Parameters
    ----------
    exercise : str
    file : Path
    right : bool
    words : str
        The first mistake, with the numbers of one entry; or what was found to hold.
    line : int or None
        The line of the file that it is about.
    printed : str
        What the student's code printed.
    attempts, minutes : int
        Since the start of the exercise, up to the first right answer.
    """

    exercise: str
    file: Path
    right: bool
    words: str
    line: int | None
    printed: str
    attempts: int
    minutes: int

    def __str__(self) -> str:
        plural = "" if self.minutes == 1 else "s"
        head = f"{self.exercise}: {'right' if self.right else 'not yet'}"
        counts = f"(attempt {self.attempts}, {self.minutes} minute{plural})"
        place = f"{self.file}, line {self.line}: " if self.line else ""
        lines = [f"{head} {counts}", f"{place}{self.words}"]
        if self.printed:
            lines = [f"your code printed:\n{self.printed}", *lines]
        if not self.right:
            lines.append(f"a hint: nnpg exercise hint {self.file}")
        return "\n".join(lines)


def start(name: str, folder: str | Path = ".") -> Path:
    """Write the file of an exercise into a folder, and begin to count its time.

    Parameters
    ----------
    name : str
        One of `EXERCISES`.
    folder : path
        Made unless it exists.

    Returns
    -------
    Path
        The file, such as dense.py.

    Raises
    ------
    ValueError
        For an unknown name.
    FileExistsError
        If the file exists: nothing is overwritten.

    Examples
    --------
    >>> from nnpg.files.atomic import temporary_folder
    >>> with temporary_folder() as folder:
    ...     start("dense", folder).name
    'dense.py'
    """
    name, folder = as_choice(name, "name", EXERCISES), results_folder(as_path(folder, "folder"))
    path, records = folder / f"{name}.py", read_records(folder)
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists and is not overwritten: move it away, or name another folder")
    writable(folder / FILE)
    with atomic_write(path) as out:
        out.write(EXERCISES[name].text().encode())
    write_records(folder, records | {name: Record(now())})
    return path


def check(path: str | Path, seconds: float = SECONDS) -> Verdict:
    """Run a student's file in a process of its own, and say whether it is right, or what its first mistake is.

    Python executes the file. The network is not used.

    Parameters
    ----------
    path : path
        A file that `start` wrote, with the answer in it.
    seconds : float
        The time limit.

    Returns
    -------
    Verdict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If its first line names no exercise.

    Examples
    --------
    >>> from nnpg.files.atomic import temporary_folder
    >>> with temporary_folder() as folder:
    ...     verdict = check(start("dense", folder))
    >>> verdict.right, verdict.words
    (False, 'backward is not written yet: replace the line `raise NotImplementedError`')
    """
    path, seconds = as_path(path, "path"), as_number(seconds, "seconds", above=0)
    exercise, records = _opened(path)
    judgement, printed = _judged(exercise, path, seconds)
    record = records.get(exercise.name, Record(now())).checked(judgement.right)
    write_records(path.parent, records | {exercise.name: record})
    return Verdict(
        exercise.name,
        path,
        judgement.right,
        judgement.words,
        judgement.line,
        printed,
        record.attempts,
        record.minutes,
    )


def hint(path: str | Path) -> str:
    """Return the next of the three hints of an exercise; after the third, that there are no more, and all three.

    Parameters
    ----------
    path : path
        A file that `start` wrote.

    Raises
    ------
    FileNotFoundError, ValueError
        As for `check`.

    Examples
    --------
    >>> from nnpg.files.atomic import temporary_folder
    >>> with temporary_folder() as folder:
    ...     print(hint(start("tanh", folder)))
    hint 1 of 3: Each y depends on one x only. So dL/dx is delta times one slope, entry by entry: no sum.
    """
    path = as_path(path, "path")
    exercise, records = _opened(path)
    record = records.get(exercise.name, Record(now()))
    count = len(exercise.hints)
    if record.hints >= count:
        shown = "\n".join(f"hint {n} of {count}: {text}" for n, text in enumerate(exercise.hints, start=1))
        return (
            f"there are no more hints; these are all {count}:\n{shown}\n"
            f"the equation to write stands at the top of {path.name}; its source is {exercise.source}"
        )
    write_records(path.parent, records | {exercise.name: replace(record, hints=record.hints + 1)})
    return f"hint {record.hints + 1} of {count}: {exercise.hints[record.hints]}"


def exercise_rows(folder: str | Path = ".") -> list[tuple[str, str, str, str]]:
    """Return name, title, source and state of every exercise; the state is that of the files in a folder.

    Examples
    --------
    >>> from nnpg.files.atomic import temporary_folder
    >>> with temporary_folder() as folder:
    ...     _ = start("dense", folder)
    ...     [row[3] for row in exercise_rows(folder)[:2]]
    ['started', '']
    """
    records = read_records(as_path(folder, "folder"))
    return [
        (exercise.name, exercise.title, exercise.source, _state(records.get(exercise.name)))
        for exercise in EXERCISES.values()
    ]


def exercise_table(folder: str | Path = ".") -> str:
    """Return the list of all exercises as text; see `exercise_rows`.

    Examples
    --------
    >>> print(' '.join(exercise_table().split()[:3]))
    name exercise state
    """
    return text_table(("name", "exercise", "state"), [(row[0], row[1], row[3]) for row in exercise_rows(folder)])


def _state(record: Record | None) -> str:
    if record is None:
        return ""
    attempts = f"{record.attempts} attempt{'s' * (record.attempts != 1)}"
    if record.solved is None:
        return f"not yet: {attempts}" if record.attempts else "started"
    return f"solved: {attempts}, {record.minutes} min, {record.hints} hint{'s' * (record.hints != 1)}"


def _opened(path: Path) -> tuple[Exercise, dict[str, Record]]:
    """Return the exercise that a file's first line names, and the records of its folder, which can be written."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name the file of an exercise in it")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: `nnpg exercise start NAME` writes one")
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise ValueError(f"{path} is not the file of an exercise: it must be a text of at most {LARGEST} bytes")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text in UTF-8: {error}") from error
    first = re.match(r'\s*"""Exercise ([a-z_]+)\b', lines[0] if lines else "")
    if first is None or first[1] not in EXERCISES:
        raise ValueError(
            f"the first line of {path} names no exercise: keep the one that `nnpg exercise start` wrote, as in "
            '"""Exercise dense: ...'
        )
    writable(path.parent / FILE)
    return EXERCISES[first[1]], read_records(path.parent)


def _judged(exercise: Exercise, path: Path, seconds: float) -> tuple[Judgement, str]:
    """Judge a file in a process of its own; return what it printed too."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    with temporary_folder() as folder:
        result = folder / "judgement.json"
        words = ["-P", "-m", "nnpg.exercises.child", exercise.name, str(path), str(result), repr(seconds)]
        try:
            done = subprocess.run(
                [sys.executable, *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=seconds + STARTING,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Judgement(False, f"it did not end within {seconds:g} seconds"), ""
        printed = _readable(done.stdout)
        if result.exists():
            return Judgement(**json.loads(result.read_text(encoding="utf-8"))), printed
    errors = done.stderr.decode(errors="replace")
    if "Timeout (" in errors:
        line = next(lines_of_traceback(errors), None)
        reason = f"it did not end within {seconds:g} seconds: is there a loop without end?"
        return Judgement(False, reason, line), printed
    return Judgement(False, f"Python ended without an answer, with exit code {done.returncode}"), printed


def _readable(printed: bytes) -> str:
    """Return what the student's code printed, without what could drive a terminal."""
    return "\n".join(map(printable, printed.decode(errors="replace").splitlines()))
