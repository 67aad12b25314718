"""The command `nnpg`: the commands by name. What they do with errors and Ctrl-C is in `nnpg_command`."""

from __future__ import annotations

import platform
from typing import Annotated

import typer

import nnpg
from nnpg.cli.demonstration import demo
from nnpg.cli.exercises import exercise
from nnpg.cli.explanation import explain
from nnpg.cli.explorer import explore
from nnpg.cli.gradient_check import gradcheck
from nnpg.cli.information import info
from nnpg.cli.knockouts import knockout
from nnpg.cli.one_lecture import lecture
from nnpg.cli.ranking import rank
from nnpg.cli.training import train
from nnpg.cli.tutorial_copies import tutorials
from nnpg_command.group import Commands


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"nnpg {nnpg.__version__}, Python {platform.python_version()}")
        raise typer.Exit


app = typer.Typer(
    name="nnpg",
    cls=Commands,
    rich_markup_mode="markdown",
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="On an error, also print where it came from.")] = False,
) -> None:
    """Neural networks by hand, and the prediction gradient: which of its parts a network's answer depends on.

    New here? `nnpg demo` needs no data: it trains a small network on built-in faces, ranks its filters, switches them
    off one by one, and explains all of it on one page. Then, with your own data:

    - `nnpg train --data faces --save faces.safetensors` trains,

    - `nnpg rank faces.safetensors` says which filters each class depends on,

    - `nnpg knockout faces.safetensors --class face07` shows what the network loses with them,

    - `nnpg explain faces.safetensors --unit pool1:2,5,5` shows the arithmetic of any of its numbers,

    - `nnpg explore faces.safetensors` writes a page on which to click through all of them,

    - `nnpg tutorials --to DIR` copies the tutorials, to be read, run and changed,

    - `nnpg lecture --to DIR` writes the notes, drawings and handout of one lecture,

    - `nnpg exercise list` lists exercises: write backpropagation yourself, and have the mistakes named.

    The papers' experiments (`python -m experiments list`) are not part of the installed package: run them in a checkout
    or an unpacked source distribution of this project.

    A data set that is larger than a limit is refused: NNPG_MAX_MEGABYTES, NNPG_MAX_MEGAPIXELS (of one picture) and
    NNPG_MAX_CLASSES raise the limits.

    Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for command in (demo, train, rank, knockout, explain, explore, tutorials, lecture, gradcheck, info):
    app.command(context_settings={"help_option_names": ["-h", "--help"]})(command)
app.add_typer(exercise, name="exercise")


__all__ = ["app"]
