"""Work that splits into jobs: done in several processes at once, or one after another in this one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import get_context
from typing import TypeVar

from nnpg.files.atomic import remove_temporaries
from nnpg.support.progress import progress_bar
from nnpg_command.interrupts import interrupts_stay_here
from nnpg_kernels import one_blas_thread
from nnpg_kernels.threads import thread_count

Job = TypeVar("Job")
Done = TypeVar("Done")


def run_jobs(
    work: Callable[[Job], Done],
    jobs: Sequence[Job],
    label: str,
    *,
    in_processes: bool = True,
    progress: bool | None = None,
) -> list[Done]:
    """Call `work` for every job and return the results in the order of the jobs.

    There are as many processes as cores, or as jobs if these are fewer. The processes share the cores: with 8 cores
    and 4 jobs each process runs 2 kernel threads. BLAS uses one thread, so the results do not depend on the number of
    processes.

    Parameters
    ----------
    work : function of a module
        Other processes import it, so it may not be a lambda or a local function.
    jobs : sequence
        What `work` takes; it must be possible to pickle it.
    label : str
        Of the progress bar.
    in_processes : bool
        False does the jobs in this process: starting processes takes longer than a job of a second.
    progress : bool, optional
        Draw a bar or not; unless given, only when stderr is a terminal.

    Examples
    --------
    >>> run_jobs(abs, [-1, 2, -3], "absolute values", in_processes=False)
    [1, 2, 3]
    """
    cores = thread_count()
    processes = min(cores, len(jobs)) if in_processes else 1
    do = partial(_with_one_blas_thread, work)
    results: list[Done] = []
    with progress_bar(label, len(jobs), show=progress) as advance:
        if processes <= 1:
            for job in jobs:
                results.append(do(job))
                advance()
            return results
        with interrupts_stay_here():  # leaving the pool's block ends its processes
            pool = get_context("spawn").Pool(processes, _start, (cores // processes,))
        with pool:
            for result in pool.imap(do, jobs, chunksize=1):
                results.append(result)
                advance()
    return results


def _start(threads: int) -> None:
    """Prepare a process: it limits the threads of its kernels, and leaves no half-written file when it is ended."""
    os.environ["NNPG_NUM_THREADS"] = str(threads)
    signal.signal(signal.SIGTERM, _leave)


def _leave(number: int, frame: object) -> None:
    remove_temporaries()
    os._exit(1)


def _with_one_blas_thread(work: Callable[[Job], Done], job: Job) -> Done:
    with one_blas_thread():
        return work(job)
