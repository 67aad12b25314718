"""Named jobs to results: one after another here, in processes, or on a cluster; the results have the same bits."""

from __future__ import annotations

import hashlib
import pickle
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nnpg.files.atomic import writable
from nnpg.files.tensors import read_tensors, write_tensors
from nnpg.jobs.cluster import on_cluster
from nnpg.jobs.processes import Failed, HandOver, in_processes
from nnpg.jobs.progress import Reported, Shares
from nnpg.support.arguments import as_count, as_function, as_mapping, as_path, as_text, described, on_host
from nnpg.support.progress import progress_bar, progress_reported
from nnpg_command import Failures, interrupted
from nnpg_kernels import Array, one_blas_thread
from nnpg_kernels.threads import thread_count

Argument = TypeVar("Argument")

_inside: ContextVar[bool] = ContextVar("inside_a_job", default=False)  # a job that has jobs does them itself


def write_arrays(file: Path, arrays: Mapping[str, Array]) -> None:
    """Write the result of a job, arrays by name, to its file.

    Raises
    ------
    TypeError
        If it is anything else.

    Examples
    --------
    >>> write_arrays(Path("a.safetensors"), [0.5])
    Traceback (most recent call last):
    ...
    TypeError: arrays, a result that is kept, must be a dict from names to arrays, not [0.5]; for another result give
    write and read
    """
    file = as_path(file, "file")
    named = isinstance(arrays, Mapping) and all(isinstance(name, str) for name in arrays)
    arrays = {name: on_host(array, name) for name, array in arrays.items()} if named else arrays
    if not named or not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise TypeError(
            f"arrays, a result that is kept, must be a dict from names to arrays, not {described(arrays)}; for another "
            "result give write and read"
        )
    write_tensors(file, arrays, {})


def read_arrays(file: Path) -> dict[str, Array]:
    """Read what `write_arrays` wrote.

    Examples
    --------
    >>> from nnpg.files import temporary_folder
    >>> with temporary_folder() as folder:
    ...     write_arrays(folder / "a.safetensors", {"error": np.array([0.25])})
    ...     read_arrays(folder / "a.safetensors")
    {'error': array([0.25])}
    """
    return read_tensors(as_path(file, "file"))[0]


def run_jobs(
    work: Callable[..., Any],
    jobs: Mapping[str, Argument],
    label: str,
    *,
    files: Mapping[str, Path] | None = None,
    write: Callable[[Path, Any], None] = write_arrays,
    read: Callable[[Path], Any] = read_arrays,
    workers: int | None = None,
    dask: str | None = None,
    rng: int | None = None,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Call `work` for every job and return the results by name.

    The results have the same bits for any number of processes and any order in which the jobs end. The processes share
    the cores: with 8 cores and 4 processes each runs 2 kernel threads; BLAS uses one. An array of a megabyte or more
    is mapped by all processes, not copied to each. A job that runs jobs does them one after another.

    Parameters
    ----------
    work : function
        Called as ``work(argument)``, or ``work(argument, generator)`` if `rng` is given. It must not change its
        argument. Other processes import its module.
    jobs : mapping of names to arguments
    label : str
        Of the progress bar, which advances by jobs. The first bar that a job would draw is not drawn: its part of the
        work counts as that part of the job.
    files : mapping of names to paths, optional
        Where each result is kept: see `kept_file`. The process that does a job writes its file, whole or not at all. A
        job whose file is there is not done again: an interrupted call goes on when it is made again.
    write, read : functions, optional
        ``write(file, result)`` and ``read(file)``; by default results are dicts of arrays. With `files` every result
        that is returned was read from its file.
    workers : int, optional
        Processes on this machine; as many as cores unless given, and not more than jobs. With 1 the jobs are done in
        this process.
    dask : str, optional
        Address of the scheduler of a Dask cluster, whose workers do the jobs instead. They must see the same folders
        and the same code.
    rng : int, optional
        A seed. Each job gets a generator of its own, spawned from the seed and its name.
    progress : bool, optional
        Draw a bar or not; unless given, only when stderr is a terminal.

    Raises
    ------
    nnpg_command.Failures
        If jobs fail: it lists them. All others are done first. A job counts as failed too if its process is killed
        twice.
    ImportError, ValueError
        If Dask is asked for and not installed, or no scheduler answers.

    Examples
    --------
    >>> run_jobs(abs, {"a": -1, "b": 2}, "absolute values", workers=1)
    {'a': 1, 'b': 2}
    >>> def draw(n, rng):
    ...     return rng.integers(10, size=n).tolist()
    >>> both = run_jobs(draw, {"a": 3, "b": 3}, "draws", workers=1, rng=0)
    >>> run_jobs(draw, {"b": 3}, "draws", workers=1, rng=0)["b"] == both["b"] != both["a"]
    True
    """
    as_function(work, "work", "work(argument)"), as_function(write, "write"), as_function(read, "read")
    as_mapping(jobs, "jobs", "names to arguments")
    workers = None if workers is None else as_count(workers, "workers")
    rng = None if rng is None else as_count(rng, "rng", least=0)
    if dask is not None and workers is not None:
        raise ValueError(f"workers must be None where {as_text(dask, 'dask')!r} is the cluster, not {workers}")
    dask = None if dask is None else as_text(dask, "dask")
    kept = {} if files is None else _checked(files, jobs)
    missing = {name: (job, kept.get(name)) for name, job in jobs.items() if name not in kept or not kept[name].exists()}
    results, errors = dict[str, Any](), dict[str, Exception]()
    with progress_bar(as_text(label, "label"), len(jobs), show=progress, done=len(jobs) - len(missing)) as advance:
        shares = Shares(advance)

        def hand_over(name: str, outcome: Any) -> None:
            if isinstance(outcome, Failed):
                errors[name] = outcome.error
            else:
                results[name] = outcome
            shares.ended(name)

        _do_all(_Task(work, write, rng), missing, workers, dask, hand_over, shares.reported)
    lost = [name for name in kept if name not in errors and not kept[name].exists()]
    errors |= {name: FileNotFoundError(f"{kept[name]} was not found after the job was done") for name in lost}
    if errors:
        raise Failures.of("jobs", {name: errors[name] for name in jobs if name in errors}, len(jobs))
    return {name: read(kept[name]) if name in kept else results[name] for name in jobs}


def _checked(files: Mapping[str, Path], jobs: Mapping[str, Any]) -> dict[str, Path]:
    """Return the files by name; each job must have one of its own, in a folder where files can be written."""
    as_mapping(files, "files", "names to paths")
    if files.keys() != jobs.keys():
        raise ValueError(
            f"files must have the names of the jobs, {described(list(jobs))}, not {described(list(files))}"
        )
    paths = {name: as_path(file, "files") for name, file in files.items()}
    if len(set(paths.values())) < len(paths):
        raise ValueError(f"files must be another one for each job, not {described(list(map(str, paths.values())))}")
    for folder in {path.parent for path in paths.values()}:
        writable(folder / "job.safetensors")
    return paths


def _do_all(
    do: _Task, jobs: Mapping[str, Any], workers: int | None, dask: str | None, hand_over: HandOver, reported: Reported
) -> None:
    processes = min(workers or thread_count(), len(jobs))
    if not jobs:
        return
    if _inside.get() or (dask is None and processes == 1):
        for name, job in jobs.items():
            with progress_reported(partial(reported, name)):
                outcome = do(name, job)
            if isinstance(outcome, Failed) and interrupted():
                raise outcome.error
            hand_over(name, outcome)
    elif dask is None:
        in_processes(do, jobs, processes, hand_over, reported)
    else:
        on_cluster(do, jobs, dask, hand_over, reported)


@dataclass(frozen=True)
class _Task:
    """What is done for each job, in whichever process: it returns the result, or writes it, or returns the error."""

    work: Callable[..., Any]
    write: Callable[[Path, Any], None]
    seed: int | None

    def __call__(self, name: str, job: tuple[Any, Path | None]) -> Any:
        argument, file = job
        if file is not None and file.exists():  # its process was killed after it had written the file
            return None
        generators = () if self.seed is None else (_generator_of(self.seed, name),)
        before = _inside.set(True)
        try:
            with one_blas_thread():
                result = self.work(argument, *generators)
            if file is None:
                return result
            self.write(file, result)
        except Exception as error:
            error.add_note(f"in the job {name!r}:\n{traceback.format_exc()}")
            return Failed(_sendable(error))
        finally:
            _inside.reset(before)
        return None


def _generator_of(seed: int, name: str) -> np.random.Generator:
    """Return the generator that is spawned from a seed by a name."""
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), "<u4")
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(words.tolist())))


def _sendable(error: Exception) -> Exception:
    """Return the error, or if it cannot be sent to another process, one with the same text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
