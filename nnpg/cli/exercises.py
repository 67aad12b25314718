"""`nnpg exercise`: list, start, check and hint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nnpg.cli.options import JsonOption, print_json
from nnpg.exercises import EXERCISES, exercise_rows, exercise_table
from nnpg.exercises import check as check_file
from nnpg.exercises import hint as hint_for
from nnpg.exercises import start as start_exercise

exercise = typer.Typer(
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A file that `nnpg exercise start` wrote.")]
FolderArgument = Annotated[Path, typer.Argument(metavar="[DIR]", help="The folder of the exercises' files.")]


@exercise.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Write backpropagation yourself: one function at a time, checked, with the mistake named.

    - `nnpg exercise list` lists the exercises,

    - `nnpg exercise start dense` writes dense.py: a statement, an equation, and a function to write,

    - `nnpg exercise check dense.py` runs it, and says whether it is right, or what its first mistake is,

    - `nnpg exercise hint dense.py` shows the next of three hints.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@exercise.command("list")
def list_exercises(folder: FolderArgument = Path(), as_json: JsonOption = False) -> None:
    """List the exercises, and which of them are solved in a folder. Each can be done alone.

    Example: `nnpg exercise list`
    """
    if as_json:
        print_json([dict(zip(("name", "title", "source", "state"), row, strict=True)) for row in exercise_rows(folder)])
    else:
        print(exercise_table(folder))


@exercise.command("start")
def start_one(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `nnpg exercise list`.")],
    folder: FolderArgument = Path(),
) -> None:
    """Write the file of an exercise: the statement, the equation, and a function to write.

    Attempts and time are counted in exercises.json beside it. Nothing leaves this computer.

    Example: `nnpg exercise start dense`
    """
    path = start_exercise(name, folder)
    print(f"wrote {path}: {EXERCISES[name].title}\nwrite it, then: nnpg exercise check {path}")


@exercise.command("check")
def check_one(file: FileArgument, as_json: JsonOption = False) -> None:
    """Run the file and say whether it is right, or what its first mistake is. The exit code is 0 or 1.

    Python executes FILE, with your rights, because you ask for it: check only code that you wrote or read. It runs in
    a process of its own for at most 20 seconds. The results of its functions are compared with measured derivatives;
    then contract, gradcheck and the laws of the exercise are checked.

    Example: `nnpg exercise check dense.py`
    """
    verdict = check_file(file)
    if as_json:
        print_json({**vars(verdict), "file": str(verdict.file)})
    else:
        print(verdict)
    if not verdict.right:
        raise typer.Exit(1)


@exercise.command("hint")
def hint_one(file: FileArgument) -> None:
    """Show the next of three hints, each stronger than the one before. FILE is read, not run.

    Example: `nnpg exercise hint dense.py`
    """
    print(hint_for(file))
