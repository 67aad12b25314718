"""The command `nnpg`: the commands by name, and what every one of them does with an error.

Exit codes: 0 done, 1 failed (training diverged, a gradient is wrong), 2 bad input or usage, 130 interrupted.
"""

from __future__ import annotations

import os
import platform
import sys
import traceback
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

import nnpg
from nnpg.cli.check import gradcheck, info
from nnpg.cli.demo import demo
from nnpg.cli.knockout import knockout
from nnpg.cli.options import Interrupted
from nnpg.cli.rank import rank
from nnpg.cli.train import train
from nnpg.data import DataError

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
BAD_INPUT_ERRORS = (
    DataError,
    nnpg.ModelFileError,
    ValueError,
    KeyError,
    IndexError,
    ImportError,
    FileNotFoundError,
    FileExistsError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
FAILURES = (nnpg.TrainingDiverged, MemoryError, OSError)


class Commands(TyperGroup):
    """The group of all commands; an error is one line on stderr and an exit code."""

    def main(self, *positional: Any, **extra: Any) -> NoReturn:
        """Run a command and leave with its exit code."""
        args = positional[0] if positional else extra.pop("args", None)
        given = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main([a for a in given if a != "--debug"], **extra | {"standalone_mode": False})
            sys.stdout.flush()  # so that a closed pipe shows here
            if code == INTERRUPTED:
                print("stopped", file=sys.stderr)
        except BrokenPipeError:  # `nnpg rank ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left goes nowhere
            code = FAILED
        except Exception as error:
            if "--debug" in given:  # taken before or after the command's name
                traceback.print_exc()
            line, code = verdict(error)
            print(line, file=sys.stderr)
        sys.exit(code if isinstance(code, int) else 0)


def verdict(error: Exception) -> tuple[str, int]:
    """Return what to say about an error in one line, and the exit code.

    Examples
    --------
    >>> verdict(KeyError("no output named 'pool9'"))
    ("error: no output named 'pool9'", 2)
    """
    if isinstance(error, Interrupted):
        return str(error), INTERRUPTED
    text, code = _verdict(error)
    return "error: " + " ".join(text.split()), code


def _verdict(error: Exception) -> tuple[str, int]:
    if hasattr(error, "format_message"):  # typer's own: a wrong option, argument or command
        context = getattr(error, "ctx", None)
        more = f" (see: {context.command_path} --help)" if context else ""
        return error.format_message().replace("Value error, ", "") + more, BAD_INPUT
    if isinstance(error, BAD_INPUT_ERRORS):
        return str(error.args[0] if isinstance(error, KeyError) and error.args else error), BAD_INPUT
    if isinstance(error, FAILURES):
        return str(error) or type(error).__name__, FAILED
    return f"{type(error).__name__}: {error}. This should not happen; --debug shows where it came from", FAILED


def _version(wanted: bool) -> None:
    if wanted:
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
    """Neural networks by hand, and the prediction gradient: which of its parts a network's answer hangs on.

    New here? `nnpg demo` needs no data: it trains a small network on built-in faces, ranks its filters, switches them
    off one by one, and explains what it did on one page. Then, with data of your own:

    - `nnpg train --data faces --save faces.safetensors` trains,

    - `nnpg rank faces.safetensors` says which filters each class hangs on,

    - `nnpg knockout faces.safetensors --class face07` shows what the network loses with them.

    Exit codes: 0 done, 1 failed, 2 bad input, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for command in (demo, train, rank, knockout, gradcheck, info):
    app.command(context_settings={"help_option_names": ["-h", "--help"]})(command)


def main() -> NoReturn:
    """Run the command line."""
    app(prog_name="nnpg")
    raise AssertionError("Commands.main does not return")


__all__ = ["app", "main"]
