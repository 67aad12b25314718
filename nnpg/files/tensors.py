"""Arrays and a JSON header in one safetensors file: written whole or not at all, read to the same bits, no pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnpg.files.atomic import write_file
from nnpg.files.errors import ModelFileError
from nnpg.files.header import DTYPES, Entry, Header, read_header
from nnpg.files.text import parse_object
from nnpg_kernels import Array


def write_tensors(path: str | Path, tensors: Mapping[str, Array], about: Mapping[str, Any]) -> Path:
    """Write arrays and a JSON header as one safetensors file.

    Raises
    ------
    ValueError
        If an array or the header could not be read again.
    NotWrittenError
        If the file cannot be written; the message says where its content is instead.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_tensors(write_tensors(Path(folder) / "a.safetensors", {"a": np.arange(3.0)}, {"about": "an example"}))
    ({'a': array([0., 1., 2.])}, {'about': 'an example'})
    """
    write_file(path, tensor_bytes(tensors, about))
    return Path(path)


def tensor_bytes(tensors: Mapping[str, Array], about: Mapping[str, Any]) -> bytes:
    """Return the bytes of such a file; refuse an array or a header that could not be read again."""
    from safetensors.numpy import save as to_bytes

    for name, a in tensors.items():
        if a.dtype.newbyteorder("<").str not in DTYPES.values():
            raise ValueError(f"a file cannot hold the array {name!r} of dtype {a.dtype}")
    try:
        text = json.dumps(about)
    except TypeError as error:
        raise ValueError(f"a file's header is JSON, which cannot hold this: {error}") from error
    parse_object(text.encode())
    return bytes(to_bytes({n: _plain(a) for n, a in tensors.items()}, {"nnpg": text}))


def read_tensors(path: str | Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is damaged or written by another program. Its header shows this, before any array is read.
    """
    path = existing(path)
    with path.open("rb") as file:
        header = read_header(file, path)
        return {entry.name: read_array(file, entry, path) for entry in header.entries}, header.about


def read_about(path: str | Path) -> Header:
    """Read the header alone: names, shapes and types of the arrays, and their description."""
    path = existing(path)
    with path.open("rb") as file:
        return read_header(file, path)


def read_array(file: Any, entry: Entry, path: Path) -> Array:
    """Read one array of an open file into new memory."""
    a = np.empty(entry.shape, entry.dtype)
    file.seek(entry.start)
    if entry.size and file.readinto(a.reshape(-1).view(np.uint8)) != entry.size:
        raise ModelFileError(f"{path}: not a safetensors file, or only a part of one (it became shorter while read)")
    return a.astype(a.dtype.newbyteorder("="), copy=False)


def existing(path: str | Path) -> Path:
    """Return the path of a file that exists; refuse folders, devices and pipes."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no file {path}: train a network first (nnpg train --save {path}) or check the path")
    if not path.is_file():
        raise ModelFileError(f"{path}: expected a file of arrays, found a folder, a device or a pipe")
    return path


def _plain(a: Array) -> Array:
    """Return the array in C order, in the byte order of this machine."""
    return np.ascontiguousarray(a, a.dtype.newbyteorder("=")).reshape(a.shape)
