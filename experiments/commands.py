"""The papers' experiments: list them, run them, take their results on record, gather them into one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments.catalogue import EXPERIMENTS
from experiments.records.gallery import write_gallery
from experiments.records.reading import on_record
from experiments.records.tables import PAGES, write_tables
from experiments.records.taking import take_all
from experiments.report import write_report
from experiments.runner import run_all
from nnpg.files import results_folder
from nnpg_command import Failures, Interrupted, UsageError
from nnpg_command.group import Commands
from nnpg_kernels import BACKENDS

app = typer.Typer(cls=Commands, help=__doc__, add_completion=False)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="On an error, also print where it came from.")] = False,
) -> None:
    """The papers' experiments: list them, run them, take their results on record, gather them into one page."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("list")
def list_() -> None:
    """Name every experiment and the table or figure that it reproduces."""
    for id, experiment in EXPERIMENTS.items():
        typer.echo(f"{id:8} {experiment.title}  [{experiment.source}]")


@app.command()
def run(
    ids: Annotated[list[str], typer.Argument(help="Ids such as LD-3, or 'all'.")],
    data_dir: Annotated[str | None, typer.Option(help="Folder of the real data sets; NNPG_DATA unless given.")] = None,
    scale: Annotated[str, typer.Option(help="smoke (seconds, built-in data), quick (minutes) or paper.")] = "quick",
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**31 - 1, help="First seed; that of the experiment's config unless given.")
    ] = None,
    backend: Annotated[str, typer.Option(help=f"Kernels: auto, {', '.join(BACKENDS)}.")] = "auto",
    out: Annotated[Path, typer.Option(help="Folder for results; one folder per experiment.")] = Path("out"),
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="key=value: change one setting; repeat it.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for what can be done at once; as many as cores unless given.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster that does it instead.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Leave out what --out has a record of: same version of the experiment, config, seed, backend, data.",
        ),
    ] = False,
) -> None:
    """Run experiments; each writes result.json, result.md and its figures.

    If one fails, the others are run, and the exit code is 1. Trained networks are kept in `models` below --out, so each
    is trained once, and an interrupted training goes on.
    """
    wanted = list(EXPERIMENTS) if [id.lower() for id in ids] == ["all"] else ids
    try:
        for folder, made in run_all(wanted, scale, seed, backend, out, data_dir, settings or [], workers, dask, resume):
            if not made:
                typer.echo(f"not run again: {folder} has the record of the same run")
                continue
            Console().print((folder / "result.md").read_text(), markup=False, highlight=False, soft_wrap=True)
            typer.echo(f"written to {folder}")
    except KeyboardInterrupt as stop:
        line = "stopped: trained networks are kept; the same command with --resume goes on"
        raise Interrupted(line) from stop


@app.command()
def report(directory: Annotated[Path, typer.Argument(help="Folder that `run --out` wrote.")] = Path("out")) -> None:
    """Gather every result under a folder into one page."""
    typer.echo(f"written to {write_report(directory)}")


@app.command()
def record(
    out: Annotated[Path, typer.Argument(help="Folder that `run --out` wrote.")],
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids such as LD-3; all under the folder unless given.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Also in place of a record at a larger scale, with other settings, or later."),
    ] = False,
) -> None:
    """Take runs on record: copy them to results/, without pictures that may not be passed on.

    A run is refused unless committed code ran it, in the history of this checkout, and the experiment means the same
    today. It does not replace a larger one. The exit code is 1 if a run was refused.
    """
    taken = list(take_all(out, ids or [], replace))
    for one in taken:
        typer.echo(f"{one.id}: {one.outcome if one.error is None else f'{one.outcome}: {one.error}'}")
    refused = {one.id: one.error for one in taken if one.error is not None}
    if refused:
        raise Failures(f"{len(refused)} of {len(taken)} runs are refused: {', '.join(refused)}", list(refused.values()))


@app.command()
def tables(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 if a page would change.")] = False,
) -> None:
    """Write the tables of README.md and docs/ from what is on record in results/."""
    changed = write_tables(on_record(), check=check)
    if check and changed:
        why = UsageError("it is not as on record; `python -m experiments tables` writes it")
        raise Failures.of("pages", dict.fromkeys(changed, why), len(PAGES))
    typer.echo(f"written: {', '.join(changed)}" if changed else "as on record")


@app.command()
def gallery(
    path: Annotated[Path, typer.Argument(help="The .html file to write.")] = Path("out/gallery.html"),
) -> None:
    """Make one page of what is on record in results/: a card for each table or figure of the papers.

    It needs no data and no run.
    """
    results_folder(path.parent)
    typer.echo(f"written to {write_gallery(path, on_record())}")
