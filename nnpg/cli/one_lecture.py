"""`nnpg lecture`: everything for one lecture, in one folder."""

from __future__ import annotations

from typing import Annotated

import typer

from nnpg.cli.options import JsonOption, print_json
from nnpg.files import results_folder
from nnpg.lecture import lecture_steps, lecture_subject
from nnpg.lecture.writing import write_lecture
from nnpg.report.demo import EPOCHS
from nnpg.support.tables import text_table


def lecture(
    to: Annotated[
        str, typer.Option("--to", metavar="DIR", help="Write into this folder, which is made if need be.")
    ] = "out/lecture",
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the training images.")] = EPOCHS,
    as_json: JsonOption = False,
) -> None:
    """Write the notes, the handout, the drawings and the explorer of one lecture of 45 minutes.

    The lecture has twelve steps, from a network's answer to the prediction gradient: what to say, to show and to ask,
    and the wrong answers to expect. Its numbers are those of a network that is trained for it on the built-in faces.
    It needs no data and no internet.

    Example: `nnpg lecture --to lecture`, then open lecture/lecture.html in a browser.
    """
    if to == "":
        raise ValueError("--to needs a folder, not '': name one, such as lecture")
    results_folder(to)
    subject = lecture_subject(epochs)
    notes = write_lecture(subject, to)
    steps = lecture_steps(subject)
    if as_json:
        print_json({"page": str(notes), "steps": [{"title": s.title, "minutes": s.minutes} for s in steps]})
        return
    print(text_table(("step", "title", "minutes"), [(n, s.title, s.minutes) for n, s in enumerate(steps, start=1)]))
    print(f"\nopen {notes}")
