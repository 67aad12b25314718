"""The run of `python -m benchmarks gpu`: the card's ceilings, then rows, layers or floors; the record after each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import nnpg
from benchmarks import ours as ours_on_cpu
from benchmarks.contender import cores
from benchmarks.gpu import attack, card, layers, ours, record, tables
from benchmarks.gpu.contender import Absent, Offer, failure
from benchmarks.gpu.record import Record
from benchmarks.gpu.rounds import Budget, Found, as_record, race
from benchmarks.gpu.rows import Row, choose_rows
from benchmarks.measuring.agreement import Disagreement, check
from benchmarks.measuring.timing import interleaved
from benchmarks.run import MANY
from nnpg.files import writable
from nnpg_kernels import Window

RIVALS = ("torch", "jax")
QUICK_IMAGES = 2
ATTACK_SHARE, CPU_SHARE = 3.0, 1.5  # of the minutes, where a row has 1
CPU_ROUNDS = 3
COSTS = 5  # seconds: about what a call on the CPU takes at least, its kernels compiled


@dataclass(frozen=True)
class Options:
    """How a run is made; see the command."""

    minutes: float = 8.0
    json: Path | None = None
    rivals: tuple[str, ...] = RIVALS
    quick: bool = False
    data_dir: Path | None = None
    net: Path | None = None

    def __post_init__(self) -> None:
        for name in self.rivals:
            if name not in RIVALS:
                raise ValueError(f"no competitor {name!r}: choose of {', '.join(RIVALS)}")


def begin(options: Options) -> Record:
    """Return the record that this run goes on with, the card's ceilings measured."""
    if options.json is not None:
        writable(options.json)
        if options.json.exists():
            record.read(options.json)  # an error before the card is asked for
    found = record.begun(options.json, card.identity(), quick=options.quick)
    found = record.with_ceilings(found, card.measure(quick=options.quick))
    record.write(options.json, found)
    show("the card: at most", ("", ""), tables.ceiling_cells(found))
    return found


def floors(only: str | None, options: Options) -> None:
    """Measure the card, and print the least time of each row."""
    rows, _ = choose_rows(only)
    found = begin(options)
    show("at least", tables.FLOOR_HEADER, tables.floor_cells(found, rows))


def by_layer(options: Options) -> bool:
    """Compare layer by layer; return whether all results agree."""
    found = begin(options)
    found["layers"] = []
    until = time.monotonic() + options.minutes * 60
    for one in layers.layers(quick=options.quick):
        if time.monotonic() > until:
            late = [{"layer": one.name, "pass": p, "images": one.shape[0], "why_not": "no time"} for p in one.passes]
            found["layers"] += late
            continue
        found["layers"] += layers.compare(one, record.ceilings_of(found), quick=options.quick)
        record.write(options.json, found)
        card.free_memory()
    record.write(options.json, found)
    show("one layer at a time, microseconds", tables.LAYER_HEADER, tables.layer_cells(found))
    return not any(one["why_not"].startswith("disagrees") for one in found["layers"])


def benchmark(only: str | None, options: Options) -> bool:
    """Compare rows, then the attack, then the same on the CPU; return whether all results agree."""
    rows, attacked = choose_rows(only)
    rows = tuple(row.at_most(QUICK_IMAGES) for row in rows) if options.quick else rows
    if options.net is not None:
        nnpg.load_network(options.net)  # an error before the work, not after it
    began = time.monotonic()
    found = begin(options)
    if rows:
        show("at least", tables.FLOOR_HEADER, tables.floor_cells(found, rows))
    _load(options)
    shares = [*(row.share for row in rows), *([ATTACK_SHARE] if attacked else []), *([CPU_SHARE] if rows else [])]
    budget = Budget(options.minutes * 60 - (time.monotonic() - began), shares)
    try:
        for row in rows:
            found["rows"][row.name] = _row(row, budget.next(), options)
            record.write(options.json, found)
            _show_row(found, row)
            card.free_memory()
        if attacked:
            found["attack"] = _attack(budget.next(), options)
            record.write(options.json, found)
        if rows:
            _on_cpu(found, rows, budget.next(), options)
    finally:
        _show_all(found, rows, attacked)
    return not any(found["rows"].get(row.name, {}).get("disagrees") for row in rows)


def _load(options: Options) -> None:
    """Compile our kernels and import the competitors, which must not be part of the first row's time."""
    k = nnpg.load_backend("cupy")
    x, W, b = (k.asarray(np.zeros(shape, "f4")) for shape in ((1, 1, 2, 2), (1, 1, 1, 1), (1,)))
    k.conv_forward(x, W, b, Window((1, 1)))
    for rival in options.rivals:
        with suppress(Absent):  # who is absent is listed with each row
            _framework(rival, quick=options.quick)


def _row(row: Row, until: float, options: Options) -> dict[str, Any]:
    """One row of the record."""
    if time.monotonic() >= until and not options.quick:
        return _nothing("nnpg", "no time")
    try:
        mine, answers = ours.contender(row, quick=options.quick)
        offers, absent = [], {}
        for rival in () if row.by_layers else options.rivals:
            try:
                offers += offers_of(rival, row, quick=options.quick)
            except Absent as error:
                absent[rival] = f"absent: {error}"
        norms = row.workload.net.units > MANY
        parts = ours.parts(row, quick=options.quick)  # before the competitors: a short run has it at least
        found: Found = race(mine, answers, offers, until, norms=norms, quick=options.quick)
    except Exception as error:
        return _nothing("nnpg", failure(error))
    return as_record(found) | {"left_out": {**absent, **found.left_out}, "cpu": None, "parts": parts}


def _nothing(name: str, why: str) -> dict[str, Any]:
    """A row without any time."""
    return {"ours": None, "theirs": [], "left_out": {name: why}, "disagrees": False} | dict.fromkeys(
        ("best", "ratio", "ratio_min", "cpu", "parts")
    )


def _framework(rival: str, *, quick: bool) -> Any:
    """Import a framework with its settings: where PyTorch computes, or the module of JAX's networks.

    Raises
    ------
    Absent
        If it is not installed, or finds no device.
    """
    if find_spec(rival) is None:
        raise Absent(f"{rival} is not installed: pip install -e '.[bench]', in its build for CUDA")
    if rival == "jax":
        return import_module("benchmarks.gpu.rivals.jax_gpu").jax_on_device(quick=quick)
    return import_module("benchmarks.gpu.rivals.torch_device").device(quick=quick)


def offers_of(rival: str, row: Row, *, quick: bool) -> list[Offer]:
    """Return what a framework offers for a row.

    Raises
    ------
    Absent
        If it is not installed, or finds no device.
    """
    on = _framework(rival, quick=quick)
    if rival == "jax":
        return list(import_module("benchmarks.gpu.rivals.jax_gpu").offers(row, quick=quick))
    if row.workload.kind == "train":
        training = import_module("benchmarks.gpu.rivals.torch_training")
        return list(training.offers(row.workload, on, quick=quick))
    return list(import_module("benchmarks.gpu.rivals.torch_answers").offers(row, on))


def _attack(until: float, options: Options) -> dict[str, Any]:
    if time.monotonic() >= until and not options.quick:
        return {"why_not": "no time"}
    try:
        data = attack.images(options.data_dir, 64 if options.quick else attack.N)
        net = attack.network(data, options.net, quick=options.quick)
        backend = "numpy" if options.quick else "numba"
        return attack.compare(data, net, until, quick=options.quick, cpu_backend=backend)
    except Exception as error:
        return {"why_not": failure(error)}


def _on_cpu(found: Record, rows: Sequence[Row], until: float, options: Options) -> None:
    """Measure our compiled programs on the CPU beside each row, and compare their answer with the device's."""
    done: dict[str, Any] = {}
    for row in rows:
        entry, workload = found["rows"][row.name], row.workload
        if entry["ours"] is None:
            continue
        if time.monotonic() + COSTS > until and workload.name not in done and not options.quick:
            done[workload.name] = None
        if workload.name not in done:
            one = ours_on_cpu.contender(workload, "numpy" if options.quick else "numba")
            try:
                with one.threads():
                    _, answers = ours.contender(row, quick=options.quick)
                    answer = one.answer()
                    agreement = _agrees(next(iter(answers.values()))(), answer)
                times = interleaved([one], 1 if options.quick else CPU_ROUNDS, at_least=0.0)[one.name]
                done[workload.name] = {
                    "us": times.median * 1e3,
                    "min_us": times.minimum * 1e3,
                    "rounds": len(times.rounds),
                    "cores": cores(),
                    "agreement": agreement,
                }
            except Disagreement as error:
                entry["left_out"]["nnpg on the CPU"], entry["disagrees"] = f"disagrees: {error}", True
                done[workload.name] = None
        entry["cpu"] = done[workload.name]
        record.write(options.json, found)


def _agrees(device: Any, cpu: Any) -> str:
    """Compare our device with our CPU; of knock-outs both give predictions, which must be the same."""
    if "predictions" not in device:
        return check(device, cpu)
    differ = int((device["predictions"] != cpu["predictions"]).sum())
    if differ > device["predictions"].size // 1000:
        raise Disagreement(f"{differ} of {device['predictions'].size} predictions differ")
    return f"{differ} of {device['predictions'].size} predictions differ"


def show(title: str, header: Sequence[str], lines: Sequence[tuple[str, ...]]) -> None:
    """Print a table."""
    console = Console()
    if not console.is_terminal:
        console.width = 220
    table = Table(title=title, box=box.SIMPLE)
    for name in header:
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(*map(escape, line))
    console.print(table)


def _show_row(found: Record, row: Row) -> None:
    show(f"{row.name}: everyone, microseconds", tables.ALL_HEADER, tables.all_cells(found, [row]))


def _show_all(found: Record, rows: Sequence[Row], attacked: bool) -> None:
    if attacked:
        show("minimal distortion", ("", ""), tables.attack_cells(found))
    if rows:
        show(f"{found['card']}: microseconds, medians", tables.ROW_HEADER, tables.row_cells(found, rows))
    if found["quick"]:
        print("--quick: a few images and single runs, to see that it runs. Nothing here is a measurement.")
