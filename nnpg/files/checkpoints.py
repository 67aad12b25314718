"""The file that interrupted work goes on from: what has been done so far, and the run that it belongs to.

A run is told by everything its result depends on. Work goes on only from a checkpoint of the same run: the same
network, data and settings, the same backend (two backends round differently), and a format that means the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg.files.atomic import writable
from nnpg.files.errors import ModelFileError
from nnpg.files.identities import array_identity
from nnpg.files.tensors import read_tensors, write_tensors
from nnpg.files.text import shown
from nnpg_kernels import Array

VERSION = 2  # goes up when the same settings come to mean something else


class OtherRunError(ValueError):
    """A checkpoint is of another run. The message says in what the two differ."""


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of a run is kept.

    Parameters
    ----------
    path : Path
    kind : str
        "training", "attack" ...: checkpoints of one kind are not read as another's.
    run : dict
        What tells this run from others, as `identity` gives it.
    """

    path: Path
    kind: str
    run: dict[str, Any]

    @property
    def format(self) -> str:
        """What the file says it is."""
        return f"nnpg-{self.kind}-{VERSION}"

    def write(self, tensors: Mapping[str, Array], state: Mapping[str, Any]) -> None:
        """Replace what the file holds, whole or not at all."""
        about = {"format": self.format, "run": self.run, "state": dict(state), "sum": sum_of(tensors, state)}
        write_tensors(self.path, tensors, about)

    def read(self) -> State:
        """Return what the file holds.

        Raises
        ------
        ModelFileError
            If the file is damaged, or no checkpoint of this kind.
        OtherRunError
            If it is of another run.
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
        found = State(self.path, tensors, state)
        if about.get("sum") != sum_of(tensors, state):
            raise found.damaged("its content does not have the sum that was written with it")
        return found


@dataclass(frozen=True, eq=False)
class State:
    """What a checkpoint holds; every part is checked as it is taken."""

    path: Path
    tensors: Mapping[str, Array]
    values: Mapping[str, Any]

    def array(self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
        """Return an array that must be there in this shape and dtype; -1 stands for any length."""
        a = self.tensors.get(name)
        found = "nothing" if a is None else f"{a.dtype} {a.shape}"
        fits = a is not None and a.ndim == len(shape) and all(w in (-1, s) for w, s in zip(shape, a.shape, strict=True))
        if a is None or not fits or a.dtype != np.dtype(dtype):
            raise self.damaged(f"expected the array {name!r} as {np.dtype(dtype)} {shape}, found {found}")
        return a

    def damaged(self, why: str) -> ModelFileError:
        """Return the error that says what is wrong with the file."""
        return ModelFileError(f"{self.path}: a damaged checkpoint: {why}. Delete it to start afresh")


def open_checkpoint(
    path: str | Path, kind: str, run: Mapping[str, Any], *, resume: bool, size: int
) -> tuple[Checkpoint, State | None]:
    """Return where a run's state is kept, and what is there of an earlier one that is to go on.

    Parameters
    ----------
    path : path
    kind : str
    run : mapping
        What tells this run from others.
    resume : bool
        Go on from the file if it is there.
    size : int
        Bytes that will be written, about; whether they can be is tried now.

    Raises
    ------
    FileExistsError
        If the file exists and `resume` is not set.
    OSError, ModelFileError, OtherRunError
        If the file cannot be written, is damaged, or is of another run.
    """
    checkpoint = Checkpoint(writable(path, size), kind, dict(run))
    if not checkpoint.path.exists():
        return checkpoint, None
    if not resume:
        raise FileExistsError(f"{path} exists: resume from it (resume=True), or delete it to start afresh")
    return checkpoint, checkpoint.read()


def sum_of(tensors: Mapping[str, Array], state: Mapping[str, Any]) -> str:
    """Return a check sum of all that a checkpoint holds: a bit that has changed must not go on unseen."""
    content = {name: array_identity(a) for name, a in tensors.items()}
    text = json.dumps([content, dict(state)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _difference(found: Any, mine: Any, where: str) -> str:
    """Say where two runs first differ; "" where they do not."""
    if found == mine:
        return ""
    if isinstance(found, dict) and isinstance(mine, dict) and found.keys() == mine.keys():
        parts = [(key, found[key], mine[key]) for key in mine]
    elif isinstance(found, list) and isinstance(mine, list) and len(found) == len(mine):
        parts = [(str(n + 1), *pair) for n, pair in enumerate(zip(found, mine, strict=True))]
    else:
        return f"its {where.removeprefix(', ') or 'description'} is {_short(found)}, this run's is {_short(mine)}"
    return next((d for key, a, b in parts if (d := _difference(a, b, f"{where}, {key}"))), "")


def _short(value: Any) -> str:
    return f"of {', '.join(map(str, value))}"[:300] if isinstance(value, dict) else shown(value, 300)
