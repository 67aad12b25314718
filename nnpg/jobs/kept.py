"""Files of results: each is named after everything that its bits depend on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from nnpg.data import Dataset
from nnpg.files.identities import identity
from nnpg.support.arguments import as_count, as_mapping, as_path, as_text

LONGEST, SHORT = 120, 24  # characters of the readable part of a file's name, and of a value in it


def kept_file(folder: str | Path, kind: str, made_from: Mapping[str, object], *, version: int = 1) -> Path:
    """Return the file in a folder for what is made from these values.

    The name starts with words for people and ends with a digest of `made_from` and the version. The same values give
    the same file wherever they are asked for, so long work on them is done once.

    Parameters
    ----------
    folder : path
    kind : str
        What is kept, such as "net F"; it is not in the digest.
    made_from : mapping
        Everything that determines the bits: data, network, seed, epochs and the like. Values are numbers, text, None,
        data sets, arrays, networks, dataclasses, and tuples, lists and dictionaries of these. For what was made from
        another kept file, give that file's stem.
    version : int
        Raised when the meaning of the same values changes: the code then makes something else from them.

    Returns
    -------
    path
        Ends in ``.safetensors``; nothing is written.

    Raises
    ------
    TypeError
        If a value is of another type.

    Examples
    --------
    >>> kept_file("nets", "net F", {"epochs": 250, "seed": 0}).name
    'net-F-epochs-250-seed-0-f05964789efd367c.safetensors'
    """
    kind, version = as_text(kind, "kind"), as_count(version, "version")
    facts = dict(as_mapping(made_from, "made_from", "names to values"))
    if version > 1:
        facts["version of this work"] = version
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=_plain).encode()).hexdigest()[:16]
    short = {key: str(value) for key, value in sorted(facts.items()) if isinstance(value, str | int | float)}
    words = [kind, *(f"{key} {value}" for key, value in short.items() if len(value) <= SHORT)]
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(words))[:LONGEST].strip("-")
    return as_path(folder, "folder") / f"{readable}-{digest}.safetensors"


def _plain(value: object) -> Any:
    """Return a value that JSON has no type for in types that it has."""
    if isinstance(value, Dataset):
        return [value.name, identity(value.x, "the data"), identity(value.labels, "the data"), value.conditions]
    if is_dataclass(value) and not isinstance(value, type) and not type(value).__module__.startswith("nnpg."):
        return asdict(value)
    try:
        return identity(value, "what a kept file depends on")
    except ValueError:
        kind = type(value).__name__
        raise TypeError(
            f"made_from must hold numbers, text, data sets, arrays and the like, on which a file can depend, not {kind}"
        ) from None
