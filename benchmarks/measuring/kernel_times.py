"""Where the time of our programs goes: each kernel on one core, and its multiply-adds beside those in registers.

Programs run in a loop that reads a clock after each op. A time is the shortest of several steps and calls.
"""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from benchmarks import sides
from benchmarks.measuring import instructions, probe
from benchmarks.measuring.processes import alone
from benchmarks.workloads import Workload
from nnpg_kernels import use_threads
from nnpg_kernels.numba.program import Op, Program, call_kernel
from nnpg_kernels.numba.runtime.fences import bytes_at
from nnpg_kernels.numba.simd import lanes

STEPS = 16  # of one call of a training

Times = dict[str, tuple[float, float]]  # by kernel: ticks and multiply-adds, times 2


def of_each_instruction_set(workloads: Sequence[Workload], rounds: int) -> dict[str, dict[str, str]]:
    """Return `shares` with all instructions of the processor, and with those of AVX2 alone."""
    rows = alone(shares, workloads, rounds)
    if instructions.in_use() != "avx2":
        with patch.dict(os.environ, instructions.variables("avx2")):
            rows |= alone(shares, workloads, rounds)
    return rows


def shares(workloads: Sequence[Workload], rounds: int) -> dict[str, dict[str, str]]:
    """Return for each kernel and each workload the share of the roof, where it multiplies, and of the time.

    A row of the result is a kernel, and for which instructions it was compiled.
    """
    ticks_of_one = _ticks_per_second() / probe.measure(30).fma_one_core / 1e9  # at the roof, half a multiply-add
    rows: dict[str, dict[str, str]] = defaultdict(dict)
    for workload in workloads:
        times = _times(workload, rounds)
        total = sum(ticks for ticks, _ in times.values())
        for kernel, (ticks, work) in times.items():
            roof = f"{work * ticks_of_one / ticks:.2f}" if work else "-"
            rows[f"{kernel} | {instructions.in_use()}"][workload.name] = f"{roof}, {ticks / total:.0%}"
    return dict(rows)


def markdown(rows: dict[str, dict[str, str]]) -> str:
    """Return a table; kernels that take less than 2% of the time of every workload are left out."""
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    lines = [f"| kernel | instructions | {' | '.join(names)} |", "|---" * (len(names) + 2) + "|"]
    for kernel in sorted(rows):
        cells = [rows[kernel].get(name, "") for name in names]
        if any(int(re.split(r"[ %]", cell)[1]) >= 2 for cell in cells if cell):
            lines.append(f"| {kernel} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _times(workload: Workload, rounds: int) -> Times:
    """Return the shortest time of each kernel in a call of the workload, on one thread."""
    least: Times = {}
    call = sides.contender(replace(workload, steps=STEPS), "nnpg", "numba").call
    with use_threads(1):
        call()
        for _ in range(rounds):
            found: Times = {}
            with patch.object(Program, "__call__", lambda *a, found=found: _run(found, *a)):
                call()
            least = {name: min(of, least.get(name, of)) for name, of in found.items()}
    return least


def _run(found: Times, program: Program, times: int = 1, first_time: int = 0) -> None:
    """Run a program and add up what each op takes when it is quickest; in place of `Program.__call__`."""
    kernels, records, tasks, _, _ = program.table
    ticks = np.full((len(tasks), len(program.ops[0])), np.iinfo(np.int64).max)
    for t in range(first_time, first_time + times):
        _run_once(kernels[0], records[0], tasks, t, ticks)
    for task, of_task in zip(tasks, ticks, strict=True):
        for o in range(task[0], task[1]):
            op = program.ops[0][o]
            kernel = re.sub(r"( \d+(x\d+)?)?$", "", op.name)
            before = found.get(kernel, (0.0, 0.0))
            once = of_task[o], _operations(kernel, op, int(task[3]))
            found[kernel] = before[0] + times * once[0], before[1] + times * once[1]


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _run_once(kernels: Any, records: Any, tasks: Any, t: int, ticks: Any) -> None:
    began = _ticks()
    for task in range(len(tasks)):
        for o in range(tasks[task, 0], tasks[task, 1]):
            call_kernel(kernels[o], records[o], tasks[task, 2], tasks[task, 3], tasks[task, 4], t)
            ended = _ticks()
            ticks[task, o] = min(ticks[task, o], ended - began)
            began = ended


def _operations(kernel: str, op: Op, images: int) -> float:
    """Return the multiply-adds of an op, times 2, also of lanes that no image fills; 0 where it is no product."""
    r: Any = {field: int(op.record[0][field]) for field in op.record.dtype.names or ()}
    vector = lanes(np.float32)
    if kernel == "route":  # two products for each winner and each place of its filter
        winners = bytes_at(r["counts"], 8 * images * r["F"]).view(np.int64).sum()
        return float(4 * winners * r["I"] * r["J"] * (r["last"] - r["first"]) * vector)
    if kernel == "convolve channels":
        return 2.0 * r["w_group"] * r["groups"] * r["z_rows"] * r["z_columns"]
    if kernel == "gradient":
        return 2.0 * r["F"] * r["C"] * r["I"] * r["J"] * r["H"] * (r["vectors"] * vector + r["rest"])
    if kernel in ("convolve", "correlate"):
        return 2.0 * r["F"] * r["C"] * r["I"] * r["J"] * r["H"] * r["W"]
    return 0.0


def _ticks_per_second() -> float:
    _now()  # is compiled
    began, ticks = time.perf_counter(), _now()
    time.sleep(0.1)
    return float((_now() - ticks) / (time.perf_counter() - began))


@intrinsic  # type: ignore[untyped-decorator]
def _ticks(typing: Any) -> Any:
    """The processor's clock."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(64), [])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.readcyclecounter"), [])

    return types.int64(), emit


@njit(nogil=True)  # type: ignore[untyped-decorator]
def _now() -> int:
    return _ticks()
