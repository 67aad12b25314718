"""The results: a table for people, a list of records for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.run import Record
from nnpg.files.atomic import write_file

STYLES = {"goal": "[green]goal met[/]", "must": "must met", "missed": "[red]missed[/]", "": ""}


def write_json(path: Path, records: Sequence[Record]) -> None:
    """Write the records, whole or not at all."""
    write_file(path, (json.dumps([asdict(r) for r in records], indent=1) + "\n").encode())


def print_table(records: Sequence[Record]) -> None:
    """Print one line for each record, then what went wrong and how steady the machine was."""
    console = Console()
    if not console.is_terminal:
        console.width = 160
    machines = {(c["processor"], c["isa"]): None for r in records if (c := r.configuration)}
    table = Table(
        title="".join(f"{name}, {isa}: " for name, isa in machines)
        + "milliseconds per call: median (minimum); ratio: theirs over ours; roof: our multiply-adds at the speed "
        "of those in registers; peak memory in MB"
    )
    separate = any(r.separate for r in records)
    for heading in ("workload", "competitor", "ours", "theirs", "ratio", "must", "goal", ""):
        table.add_column(heading, justify="left" if heading in ("workload", "competitor", "") else "right")
    for heading in ("roof", "MB ours", "MB theirs", *(["ratio apart"] if separate else [])):
        table.add_column(heading, justify="right")
    for r in records:
        row = [r.workload, r.competitor]
        row += [_pair(r.ours_ms, r.ours_min_ms), _pair(r.theirs_ms, r.theirs_min_ms), _pair(r.ratio, r.ratio_min)]
        row += [_short(r.must), _short(r.goal), STYLES[r.verdict], _short(r.roof_ms)]
        row += [_short(r.ours_peak_mb), _short(r.theirs_peak_mb)]
        row += [_short(r.separate["ratio"] if r.separate else None)] if separate else []
        table.add_row(*row)
    console.print(table)
    for r in records:
        if r.problem:
            style = "red" if r.disagrees else ""
            console.print(f"{r.workload}, {r.competitor}: {r.problem}", markup=False, style=style)
    _print_machine(console, records)


def _print_machine(console: Console, records: Sequence[Record]) -> None:
    configurations = [r.configuration for r in records if r.configuration]
    if not configurations:
        return
    probes = [p for c in configurations for p in c["probe_gflops"].values()]
    for kind, key in (("sgemm", ""), ("multiply-adds in registers", "fma_")):
        spans = [
            f"{min(p[key + name] for p in probes):.0f}-{max(p[key + name] for p in probes):.0f} GFLOP/s on {n}"
            for name, n in (("one_core", "one core"), ("all_cores", f"all {configurations[0]['cores']}"))
        ]
        console.print(f"{kind}, before and after each workload: {', '.join(spans)}", highlight=False)
    for workload, data in {r.workload: c["data"] for r in records if (c := r.configuration)}.items():
        if data != "random images":
            console.print(f"{workload}: {data}.", highlight=False)
    console.print(f"Backend: {configurations[0]['backend']}.")
    if configurations[0]["quick"]:
        console.print("--quick: a few images and single calls, to see that it runs. Nothing here is a measurement.")


def _pair(a: float | None, b: float | None) -> str:
    return "" if a is None else f"{_short(a)} ({_short(b)})"


def _short(a: float | None) -> str:
    return "" if a is None else f"{a:.0f}" if abs(a) >= 100 else f"{a:.3g}"
