"""Starting, checking and listing exercises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from exercises.answers import SOLUTIONS
from exercises.answers.answer import written

from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import FOLDER
from nnpg import exercises
from nnpg.files.atomic import atomic_write


def calls() -> Iterator[Call]:
    folder = FOLDER / "exercises"
    file = folder / "tanh.py"
    with suppress(FileExistsError):  # of an earlier run, or of another process
        exercises.start("tanh", folder)
    with atomic_write(file) as out:
        out.write(written("tanh", SOLUTIONS["tanh"]).encode())
    yield call(exercises.check, path=str(file), skip=("seconds",))
    yield call(
        exercises.start,
        plain={"name": "tanh"},
        folder=str(folder),
        kinds={"name": lambda valid: w.wrong("danse", None, 3, b"tanh", ["tanh"], True), "folder": w.path},
    )
    yield call(exercises.hint, path=str(file))
    for function in (exercises.exercise_rows, exercises.exercise_table):
        yield call(function, folder=str(folder), kinds={"folder": w.path})
