"""Our engine against others on this machine, side by side in one run."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

import nnpg
from benchmarks.measuring import instructions
from benchmarks.report import print_table, write_json
from benchmarks.run import Options, Record, run
from benchmarks.workloads import choose
from nnpg.files import writable
from nnpg_command import INTERRUPTED
from nnpg_command.group import Commands

app = typer.Typer(cls=Commands, help=__doc__, add_completion=False)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="On an error, also print where it came from.")] = False,
) -> None:
    """Our engine against others on this machine, side by side in one run."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def cpu(
    only: Annotated[str | None, typer.Option(help="Workloads, such as W1-b1,W5; all unless given.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, each contender in turn.")] = 10,
    json: Annotated[Path | None, typer.Option(help="Write the records to this file.")] = None,
    backend: Annotated[str, typer.Option(help="Kernels of our side; see nnpg.load_backend.")] = "auto",
    separate: Annotated[bool, typer.Option("--separate", help="Also time each in processes of its own.")] = False,
    all_jax: Annotated[bool, typer.Option("--all-jax", help="JAX on all workloads, not only the quick ones.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few images, one round: only to see that it runs.")] = False,
    isa: Annotated[
        str | None, typer.Option(help="avx2: both sides use no AVX-512; all instructions unless given.")
    ] = None,
) -> None:
    """Compare with PyTorch and JAX on the CPU: first that the results agree, then time and memory."""
    if isa is not None:
        _start_anew(instructions.variables(isa))
    options = Options(backend, 1 if quick else rounds, separate, all_jax, quick)
    workloads = choose(only)
    nnpg.load_backend(backend)
    if json is not None:
        writable(json)
    records: list[Record] = []
    try:
        for workload in workloads:
            records += run(workload, options)
            if json is not None:
                write_json(json, records)
    except KeyboardInterrupt:
        print_table(records)  # what is done
        raise typer.Exit(INTERRUPTED) from None
    print_table(records)
    if any(r.disagrees for r in records):
        raise typer.Exit(1)


def _start_anew(variables: dict[str, str]) -> None:
    """Run the same command in a process with these variables, which libraries read when they are loaded."""
    if any(os.environ.get(name) != value for name, value in variables.items()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **variables})


@app.command()
def attack(
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST; NNPG_DATA unless given.")] = None,
    net: Annotated[
        Path | None, typer.Option(help="784-100-100-10 sigmoid network, or any with --rivals; trained unless given.")
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="Test images that ours attacks at once.")] = 1000,
    compare: Annotated[int, typer.Option(min=1, help="Of these, how many SciPy attacks one by one.")] = 60,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, each way in turn.")] = 3,
    rivals: Annotated[
        bool, typer.Option("--rivals", help="Instead, on ReLU networks: nine attacks of Foolbox and adv-lib.")
    ] = False,
) -> None:
    """Minimal distortion: ours on all images at once against SciPy's L-BFGS-B on one at a time, one core each.

    With --rivals: the nearest image of another class by ours and by nine published attacks, on `compare` test images.
    """
    if rivals:
        from benchmarks.attacks import nearest

        nearest.benchmark(data_dir, net, compare, rounds)
        return
    from benchmarks.attacks.against_scipy import benchmark

    benchmark(data_dir, net, images, compare, rounds)


@app.command()
def masks(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds, each contender in turn.")] = 5,
    backend: Annotated[str, typer.Option(help="Kernels of our side; see nnpg.load_backend.")] = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="A few images, one round: only to see that it runs.")] = False,
) -> None:
    """Masks of net A, 32 x 32 colours: all-class Jacobian by the pixels, and the line search, beside PyTorch."""
    from benchmarks.attacks.masks import benchmark

    nnpg.load_backend(backend)
    benchmark(backend, 1 if quick else rounds, *((16, 3) if quick else ()))


@app.command()
def kernels(
    only: Annotated[str, typer.Option(help="Workloads.")] = "W1-b1,W1-b32,W2,W3,W4,W5-W1",
    rounds: Annotated[int, typer.Option(min=1, help="Calls of each, of which the quickest counts.")] = 20,
) -> None:
    """Print for each kernel of our programs its share of the roof and of the time, on one core, with AVX2 as well."""
    from benchmarks.measuring.kernel_times import markdown, of_each_instruction_set

    typer.echo(markdown(of_each_instruction_set(choose(only), rounds)))


@app.command()
def growth(
    out: Annotated[Path | None, typer.Option(help="A folder for growth.json and growth.svg.")] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Take the run into the checkout, with its figure and docs/performance.md.")
    ] = False,
    backend: Annotated[str, typer.Option(help="Kernels; see nnpg.load_backend.")] = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="A few images, one round: only to see that it runs.")] = False,
) -> None:
    """Time our functions at growing numbers of images, classes, filters and threads, beside the roof."""
    from benchmarks.gpu.pages import take
    from benchmarks.growth.command import benchmark

    nnpg.load_backend(backend)
    benchmark(backend, out, on_record=record, quick=quick)
    for written in take(None) if record else ():
        typer.echo(f"wrote {written}")


@app.command()
def floors(
    bandwidth: Annotated[float, typer.Option(min=1e-9, help="10^9 bytes a second that the device moves.")],
    rate: Annotated[float, typer.Option(min=1e-9, help="10^9 float32 operations a second that it computes.")],
    only: Annotated[str | None, typer.Option(help="Workloads, such as W1-b1,W2; all unless given.")] = None,
) -> None:
    """Print the least time of each CUDA kernel of a workload, from the bytes and operations that it cannot avoid."""
    from benchmarks.floors import print_floors

    print_floors(choose(only), bandwidth, rate)


@app.command()
def gpu(
    only: Annotated[str | None, typer.Option(help="Rows, such as W1-b1,W5,attack; all unless given.")] = None,
    floor: Annotated[bool, typer.Option("--floor", help="Only the ceilings of the card, and the least times.")] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Instead, one layer at a time beside cuDNN.")] = False,
    minutes: Annotated[
        float, typer.Option(min=0.1, help="For everything: rounds, then competitors, are left out.")
    ] = 8,
    json: Annotated[Path | None, typer.Option(help="Write the record here after each row; goes on with it.")] = None,
    rivals: Annotated[str, typer.Option(help="Competitors: torch, jax, or both.")] = "torch,jax",
    data_dir: Annotated[Path | None, typer.Option(help="Folder of MNIST; NNPG_DATA unless given.")] = None,
    net: Annotated[Path | None, typer.Option(help="784-100-100-10 network to attack; trained unless given.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A few images, one round: only to see that it runs.")] = False,
) -> None:
    """Compare the backend cupy with PyTorch and JAX on the same GPU: first that the results agree, then time."""
    from benchmarks.gpu import command

    if floor and layers:
        raise typer.BadParameter("--floor measures no layers: give one of --floor and --layers")
    if layers and only is not None:
        raise typer.BadParameter("--layers compares layers, not the rows of --only: give one of them")
    options = command.Options(minutes, json, tuple(rivals.split(",")), quick, data_dir, net)
    try:
        if floor:
            command.floors(only, options)
            return
        agree = command.by_layer(options) if layers else command.benchmark(only, options)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if not agree:
        raise typer.Exit(1)


@app.command()
def record(
    file: Annotated[Path | None, typer.Argument(help="Of `gpu --json`; the record that is there unless given.")] = None,
) -> None:
    """Take a record of `gpu` into the checkout, and write docs/performance.md from it."""
    from benchmarks.gpu.pages import take

    for written in take(file):
        typer.echo(f"wrote {written}")
