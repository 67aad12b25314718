"""Where results of long work are kept: a file is named after everything that its bits depend on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.experiment import Context
from nnpg import load_backend
from nnpg.data import Dataset

LONGEST, SHORT = 120, 24  # characters of the readable part of a file's name, and of a value in it


def kept_file(context: Context, kind: str, made_from: Mapping[str, object]) -> Path:
    """Return the file in `context.models` for what was made from these values by the backend that is in use.

    The name starts with words for people and ends with a digest of `made_from` and of the backend's name. "auto" and
    the backend that it stands for give the same file. The same values give the same file in every experiment, so a
    network is trained once.

    Parameters
    ----------
    context : Context
    kind : str
        What is kept, such as "net F".
    made_from : mapping
        Everything that determines the bits: data, architecture, seed, epochs and the like. Values are numbers, text,
        None, data sets, arrays, dataclasses, and tuples, lists and dictionaries of these. For what was made from
        another kept file, give that file's stem.

    Raises
    ------
    TypeError
        If a value is of another type.
    """
    facts = {**made_from, "backend": load_backend(context.backend).name}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=_plain).encode()).hexdigest()[:16]
    short = {key: str(value) for key, value in sorted(facts.items()) if isinstance(value, str | int | float)}
    words = [kind, *(f"{key} {value}" for key, value in short.items() if len(value) <= SHORT)]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(words))[:LONGEST].strip("-")
    context.models.mkdir(parents=True, exist_ok=True)
    return context.models / f"{readable}-{digest}.safetensors"


def _plain(value: object) -> Any:
    """Return a value that JSON has no type for in types that it has."""
    if isinstance(value, Dataset):
        return [value.name, _plain(value.x), _plain(value.labels)]
    if isinstance(value, np.ndarray):
        return [value.dtype.str, value.shape, hashlib.sha256(np.ascontiguousarray(value).data).hexdigest()]
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"a kept file can depend on numbers, text, data sets and arrays, not on {type(value).__name__}")
