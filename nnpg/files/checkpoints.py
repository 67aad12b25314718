"""Checkpoints: the file from which interrupted work goes on. It holds what is done so far, and the run it belongs to.

A run is identified by everything that its result depends on. Work goes on only from a checkpoint of the same run: the
same network, data and settings, the same backend (two backends round differently), and the same version of the format.

Long work opens its checkpoint with `open_checkpoint`, takes over the saved state if there is one, and writes it either
after each step of its own (`Checkpoint.write`) or from time to time (`saving`).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnpg.files.atomic import writable
from nnpg.files.errors import ModelFileError
from nnpg.files.identities import array_identity
from nnpg.files.tensors import read_tensors, write_tensors
from nnpg.files.text import shown
from nnpg.support.arguments import as_flag, as_path
from nnpg_kernels import Array

VERSION = 2  # goes up when the meaning of the same settings changes

Contents: TypeAlias = tuple[Mapping[str, Array], Mapping[str, Any]]  # arrays, and values that JSON can hold


class OtherRunError(ValueError):
    """A checkpoint belongs to another run. The message says where the two differ."""


@dataclass(frozen=True)
class Checkpoint:
    """The file that holds the state of a run.

    Parameters
    ----------
    path : Path
    kind : str
        "training", "attack" or "sweep"; a checkpoint of another kind is refused.
    run : dict
        What identifies the run, as `identity` returns it.
    """

    path: Path
    kind: str
    run: dict[str, Any]

    @property
    def format(self) -> str:
        """The name of the format, as the file states it."""
        return f"nnpg-{self.kind}-{VERSION}"

    def write(self, tensors: Mapping[str, Array], state: Mapping[str, Any]) -> None:
        """Replace the content of the file, whole or not at all."""
        about = {"format": self.format, "run": self.run, "state": dict(state), "sum": sum_of(tensors, state)}
        write_tensors(self.path, tensors, about)

    def read(self) -> State:
        """Return the state that the file holds.

        Raises
        ------
        ModelFileError
            If the file is damaged, or is not a checkpoint of this kind.
        OtherRunError
            If it belongs to another run.
        """
        tensors, about = read_tensors(self.path)
        if about.get("format") != self.format:
            raise ModelFileError(
                f"{self.path}: expected the format {self.format!r}, found {shown(about.get('format'))}: use another "
                "file, or delete it to start afresh"
            )
        state = about.get("state")
        if not isinstance(state, dict):
            raise ModelFileError(f"{self.path}: expected the state of the run, found {shown(state)}")
        difference = _difference(about.get("run"), json.loads(json.dumps(self.run)), "")
        if difference:
            raise OtherRunError(
                f"{self.path} is the checkpoint of another run: {difference}. Use the same network, data and settings, "
                "or another file"
            )
        saved = State(self.path, tensors, state)
        if about.get("sum") != sum_of(tensors, state):
            raise saved.damaged("its content does not have the sum that was written with it")
        return saved


@dataclass(frozen=True, eq=False)
class State:
    """The content of a checkpoint; every array is checked when it is read."""

    path: Path
    tensors: Mapping[str, Array]
    values: Mapping[str, Any]

    def array(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return an array that must have this shape and dtype; -1 stands for any length."""
        a, expected = self.tensors.get(name), f"expected the array {name!r} as {np.dtype(dtype)} {shape}"
        if a is None:
            raise self.damaged(f"{expected}, found nothing")
        fits = a.ndim == len(shape) and all(side in (-1, n) for side, n in zip(shape, a.shape, strict=True))
        if not fits or a.dtype != np.dtype(dtype):
            raise self.damaged(f"{expected}, found {a.dtype} {a.shape}")
        return a

    def damaged(self, why: str) -> ModelFileError:
        """Return an error that says what is wrong with the file."""
        return ModelFileError(f"{self.path}: a damaged checkpoint: {why}. Delete it to start afresh")


def open_checkpoint(
    path: str | Path | None, kind: str, run: Callable[[], Mapping[str, Any]], *, resume: bool, size: int
) -> tuple[Checkpoint | None, State | None]:
    """Return the checkpoint of a run, and the state that an earlier, interrupted run left in it.

    Parameters
    ----------
    path : path, or None for a run without a checkpoint
    kind : str
    run : function
        Returns what identifies the run; called only if there is a checkpoint.
    resume : bool
        Go on from the file if it exists.
    size : int
        Approximate size of the file in bytes. A trial shows now whether that many bytes can be written.

    Returns
    -------
    Checkpoint or None
        None without a path.
    State or None
        None if there is nothing to go on from.

    Raises
    ------
    FileExistsError
        If the file exists and `resume` is False.
    OSError, ModelFileError, OtherRunError
        If the file cannot be written, is damaged, or belongs to another run.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "sums.safetensors"
    ...     checkpoint, _ = open_checkpoint(path, "sums", lambda: {"seed": 0}, resume=False, size=1000)
    ...     checkpoint.write({"sums": np.arange(3.0)}, {"done": 3})
    ...     _, saved = open_checkpoint(path, "sums", lambda: {"seed": 0}, resume=True, size=1000)
    ...     saved.array("sums", (-1,), float), saved.values
    (array([0., 1., 2.]), {'done': 3})
    """
    resume = as_flag(resume, "resume")
    if path is None:
        return None, None
    path = as_path(path, "checkpoint")
    checkpoint = Checkpoint(writable(path, size), kind, dict(run()))
    if not checkpoint.path.exists():
        return checkpoint, None
    if not resume:
        raise FileExistsError(f"{path} exists: resume from it (resume=True), or delete it to start afresh")
    return checkpoint, checkpoint.read()


@contextmanager
def saving(
    checkpoint: Checkpoint | None, contents: Callable[[], Contents], every: float
) -> Iterator[Callable[[], None]]:
    """Yield `save()`, to be called often, which writes a run's state from time to time; write it when the block ends.

    The state is also written when the block ends with an error or with Ctrl-C.

    Parameters
    ----------
    checkpoint : Checkpoint or None
        Without one nothing is written.
    contents : function
        Returns the arrays and values to write, `Checkpoint.write`'s arguments.
    every : float
        Seconds from one writing to the next, at least.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(Path(folder) / "a.safetensors", "sums", {"seed": 0})
    ...     done = []
    ...     with saving(checkpoint, lambda: ({}, {"done": len(done)}), every=30.0) as save:
    ...         for number in range(3):
    ...             done.append(number)
    ...             save()
    ...     checkpoint.read().values
    {'done': 3}
    """
    written = time.monotonic()

    def save() -> None:
        nonlocal written
        if checkpoint is not None and time.monotonic() - written > every:
            checkpoint.write(*contents())
            written = time.monotonic()

    try:
        yield save
    finally:
        if checkpoint is not None:
            checkpoint.write(*contents())


def sum_of(tensors: Mapping[str, Array], state: Mapping[str, Any]) -> str:
    """Return a check sum of the whole content of a checkpoint, by which a changed bit is noticed."""
    content = {name: array_identity(a) for name, a in tensors.items()}
    text = json.dumps([content, dict(state)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(file: Any, run: Any, place: str) -> str:
    """Say where the run in a file and this run first differ; "" where they do not."""
    if file == run:
        return ""
    if isinstance(file, dict) and isinstance(run, dict) and file.keys() == run.keys():
        parts = [(key, file[key], run[key]) for key in run]
    elif isinstance(file, list) and isinstance(run, list) and len(file) == len(run):
        parts = [(str(n + 1), *pair) for n, pair in enumerate(zip(file, run, strict=True))]
    else:
        return f"its {place.removeprefix(', ') or 'description'} is {_short(file)}, this run's is {_short(run)}"
    differences = (_difference(a, b, f"{place}, {key}") for key, a, b in parts)
    return next(filter(None, differences), "")


def _short(value: Any) -> str:
    return f"of {', '.join(map(str, value))}"[:300] if isinstance(value, dict) else shown(value, 300)
