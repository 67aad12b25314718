"""Jobs in several processes of this machine, by joblib's loky."""

from __future__ import annotations

import os
import shutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from nnpg.files.atomic import remove_temporaries, temporary_folder
from nnpg.jobs.progress import PERIOD, Board, Place, Reported, seldom
from nnpg.support.progress import progress_reported
from nnpg_command.interrupts import interrupts_stay_here
from nnpg_kernels.threads import thread_count

Do = Callable[[str, Any], Any]  # takes a job's name and its argument
HandOver = Callable[[str, Any], None]  # takes a job's name and its outcome: a result, or Failed

ORDERLY = 0.3  # seconds that processes have to end by themselves: one that is still starting does not notice
ENDING = 0.05  # seconds after which a process that has closed its pipes because it was killed is gone
CLEANING = 1.0  # seconds in which joblib removes the files that the processes had mapped


class Failed(NamedTuple):
    """The outcome of a job that raised an error."""

    error: Exception


class KilledError(ChildProcessError):
    """The process that did a job was killed, also when it did this job alone."""


def in_processes(do: Do, jobs: Mapping[str, Any], processes: int, hand_over: HandOver, reported: Reported) -> None:
    """Do jobs in processes of this machine, each with its share of the cores.

    Arrays of a megabyte or more are written once to a file that the processes map. A process ends when this one does,
    however that ends. If a process is killed, the jobs that were being done are done again, one after another: the
    outcome of one whose process is then killed again is a `KilledError`.

    Parameters
    ----------
    do : function
        Returns an outcome, and raises nothing.
    jobs : mapping of names to arguments
    processes : int
    hand_over : function
    reported : function
        Called about twice a second with the share that is done of each job.
    """
    with temporary_folder() as folder:
        board = Board(folder / "shares", jobs)
        _in_pools(do, dict(jobs), board, processes, hand_over, partial(board.show, reported))


def _in_pools(
    do: Do,
    missing: dict[str, Any],
    board: Board,
    processes: int,
    hand_over: HandOver,
    look: Callable[[], None],
) -> None:
    """Do jobs in a pool, and go on in another one where a process is killed."""
    alone = dict[str, Any]()
    while missing or alone:
        waiting, at_once = (missing, processes) if missing else (alone, 1)
        jobs = {name: (argument, board.place(name)) for name, argument in waiting.items()}
        sent: list[str] = []
        try:
            _in_one_pool(do, jobs, sent, board.folder, processes, at_once, partial(_taken, waiting, hand_over), look)
        except BrokenProcessPool:
            begun = [name for name in sent if name in waiting]
            if waiting is missing:
                alone |= {name: waiting.pop(name) for name in begun}
            else:  # one at a time: what joblib has sent after it was never begun
                del waiting[begun[0]]
                killed = KilledError("its process was killed twice; is there too little memory?")
                hand_over(begun[0], Failed(killed))


def _taken(waiting: dict[str, Any], hand_over: HandOver, name: str, outcome: Any) -> None:
    del waiting[name]
    hand_over(name, outcome)


def _in_one_pool(
    do: Do,
    jobs: Mapping[str, tuple[Any, Place]],
    sent: list[str],
    folder: Path,
    processes: int,
    at_once: int,
    hand_over: HandOver,
    look: Callable[[], None],
) -> None:
    """Do jobs until all are done or a process is killed, and note which ones were sent.

    joblib would kill the processes at Ctrl-C, and with them leave half-written files. So it runs in a thread, and this
    one asks them to leave.
    """
    arrivals: SimpleQueue[Any] = SimpleQueue()
    parent_is_there, parent = Pipe(duplex=False)
    settings = {
        "n_jobs": max(2, processes),  # with 1 there would be no process
        "initializer": _begin,
        "initargs": (parent_is_there, os.getpid(), folder, max(1, thread_count() // processes)),
        "inner_max_num_threads": 1,
    }
    collecting = threading.Thread(
        target=_collect, args=(do, jobs, sent, at_once, settings, arrivals), name="nnpg jobs", daemon=True
    )
    with _no_warning_of_joblib():
        try:
            collecting.start()
            while isinstance(arrival := _next(arrivals, look), tuple):
                hand_over(*arrival)
            if arrival is not None:
                raise arrival
        finally:
            parent.close()  # first: a pool that is shut down may wait for ever for a process that is killed
            collecting.join(ORDERLY)
            _end_processes(kill=collecting.is_alive())
            collecting.join(CLEANING)
            parent_is_there.close()


def _next(arrivals: SimpleQueue[Any], look: Callable[[], None]) -> Any:
    """Return what arrives next, and look how far the jobs are until then."""
    while True:
        try:
            return arrivals.get(timeout=PERIOD)
        except Empty:
            look()


def _collect(
    do: Do,
    jobs: Mapping[str, tuple[Any, Place]],
    sent: list[str],
    at_once: int,
    settings: Mapping[str, Any],
    arrivals: SimpleQueue[Any],
) -> None:
    """Do jobs by joblib; put each name with its outcome into the queue, and in the end None or an error."""
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.backend import resource_tracker

    def tasks() -> Iterator[Any]:
        for name, (argument, place) in jobs.items():
            sent.append(name)
            yield delayed(_named)(do, name, argument, place)

    try:
        resource_tracker.ensure_running()  # its start would unblock Ctrl-C
        with interrupts_stay_here(), parallel_config("loky", **settings):
            work = Parallel(return_as="generator_unordered", pre_dispatch=at_once, batch_size=1, mmap_mode="r")
            for arrival in work(tasks()):
                arrivals.put(arrival)
    except BaseException as error:
        arrivals.put(error)
    else:
        arrivals.put(None)


def _named(do: Do, name: str, argument: Any, place: Place) -> tuple[str, Any]:
    with progress_reported(seldom(place)):
        return name, do(name, argument)


def _begin(parent_is_there: Any, parent: int, folder: Path, threads: int) -> None:
    """Prepare a process: it limits the threads of its kernels, and ends when its parent does."""
    os.environ["NNPG_NUM_THREADS"] = str(threads)
    threading.Thread(target=_leave_with, args=(parent_is_there, parent, folder), name="parent", daemon=True).start()


def _leave_with(parent_is_there: Any, parent: int, folder: Path) -> None:
    parent_is_there.poll(None)  # nothing is ever sent: this waits until the parent ends or closes the pipe
    remove_temporaries()
    time.sleep(ENDING)
    if os.getppid() != parent:  # it was killed, and cannot remove its folder
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _end_processes(kill: bool) -> None:
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(reuse=True).shutdown(wait=True, kill_workers=kill)


@contextmanager
def _no_warning_of_joblib() -> Iterator[None]:
    """Take no warning about processes that stop: one that has grown large is replaced, and others are told to leave."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="joblib")
        yield
