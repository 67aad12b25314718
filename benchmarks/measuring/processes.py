"""What only a new process can measure: the memory of one contender, and its time with no other library loaded.

Peak memory is what the workload adds to a process in which the library is loaded and has done the same on a few images
(so that code, thread pools and compilers are there already): images, weights, workspaces and results, at the highest
point of a warm call. It is read as resident memory, which sees the allocations of every library, and not from the
counters of one of them. Linux alone can reset the peak; elsewhere a peak reached while compiling hides lower ones.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

from benchmarks.measuring.timing import Times, interleaved
from benchmarks.sides import contender
from benchmarks.workloads import Workload
from nnpg_command.interrupts import interrupts_stay_here

P = ParamSpec("P")
T = TypeVar("T")
PROC = Path("/proc/self")
FEW = 16  # images: enough for a kernel that takes 16 at once


def peak_mb(workload: Workload, name: str, backend: str) -> float:
    """Return the peak memory of a contender in MB, measured in a process of its own."""
    return alone(_peak, workload, name, backend)


def times_alone(workload: Workload, names: list[str], backend: str, rounds: int, turns: int = 2) -> dict[str, Times]:
    """Time contenders each in processes of their own, taking turns; the rounds are shared out over the turns."""
    share = -(-rounds // turns)
    parts = [{name: alone(_times, workload, name, backend, share) for name in names} for _ in range(turns)]
    return {n: Times(sum((part[n].rounds for part in parts), ()), parts[0][n].calls) for n in names}


def alone(f: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function in a fresh process, which gets the environment of this moment; Ctrl-C here ends it."""
    with interrupts_stay_here():
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
        answer = pool.submit(f, *args, **kwargs)  # starts the process
    with pool:
        try:
            return answer.result()
        except KeyboardInterrupt:
            for process in active_children():
                process.kill()
            raise


def _times(workload: Workload, name: str, backend: str, rounds: int) -> Times:
    return interleaved([contender(workload, name, backend)], rounds)[name]


def _peak(workload: Workload, name: str, backend: str) -> float:
    _call_twice(workload.at_most(FEW, identities=1), name, backend)
    _trim()
    before = _resident_mb()
    return _call_twice(workload, name, backend) - before


def _call_twice(workload: Workload, name: str, backend: str) -> float:
    """Do a workload twice; return the peak of resident memory in the second call."""
    c = contender(workload, name, backend)
    with c.threads():
        c.call()
        _trim()
        _reset_peak()
        c.call()
    return _peak_mb()


def _trim() -> None:
    """Give freed memory back to the system, so that what is resident is in use."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
        if trim is not None:
            trim(0)


def _reset_peak() -> None:
    if sys.platform == "linux":
        (PROC / "clear_refs").write_text("5")


def _resident_mb() -> float:
    return _status_mb("VmRSS") if sys.platform == "linux" else _peak_mb()


def _peak_mb() -> float:
    if sys.platform == "linux":
        return _status_mb("VmHWM")
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _status_mb(field: str) -> float:
    """A line of /proc/self/status, such as `VmHWM:   123 kB`."""
    line = next(line for line in (PROC / "status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6
