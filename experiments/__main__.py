"""The papers' experiments: list them, run them, gather their results into one page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.catalogue import EXPERIMENTS
from experiments.report import write_report
from experiments.runner import UsageError, find, run_experiment
from nnpg.data import DataError

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command("list")
def list_() -> None:
    """Name every experiment and the table or figure it stands for."""
    for id, experiment in EXPERIMENTS.items():
        typer.echo(f"{id:8} {experiment.title}  [{experiment.source}]")


@app.command()
def run(
    ids: Annotated[list[str], typer.Argument(help="Ids such as LD-3, or 'all'.")],
    data_dir: Annotated[str | None, typer.Option(help="Folder of the real data sets; NNPG_DATA unless given.")] = None,
    scale: Annotated[str, typer.Option(help="smoke (seconds, built-in data), quick (minutes) or paper.")] = "quick",
    seed: Annotated[int | None, typer.Option(help="First seed; the experiment's own unless given.")] = None,
    backend: Annotated[str, typer.Option(help="Kernels: auto, numpy.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder for results; one folder an experiment.")] = Path("out"),
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value: change one setting; repeat it.")
    ] = None,
) -> None:
    """Run experiments; each writes result.json, result.md and its figures."""
    wanted = list(EXPERIMENTS) if ids == ["all"] else ids
    for id in wanted:
        find(id)  # a misspelt last id must not cost the time of the first ones
    for id in wanted:
        try:
            folder = run_experiment(id, scale, seed, backend, out, data_dir, settings or [])
        except KeyboardInterrupt:
            print("interrupted: trained networks are kept, the same command goes on from there", file=sys.stderr)
            raise typer.Exit(130) from None
        Console().print((folder / "result.md").read_text(), markup=False, highlight=False, soft_wrap=True)
        typer.echo(f"written to {folder}")


@app.command()
def report(directory: Annotated[Path, typer.Argument(help="Folder that `run --out` wrote.")] = Path("out")) -> None:
    """Gather every result under a folder into one page."""
    typer.echo(f"written to {write_report(directory)}")


def main() -> int:
    """Run the command line; return its exit code."""
    try:
        app()
    except (UsageError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
