"""The header of a safetensors file, read with limits: what it declares is compared with the size of the file.

8 bytes     length n of the header, little-endian
n bytes     JSON: {"conv1.W": {"dtype": "F32", "shape": [5, 1, 5, 5], "data_offsets": [0, 500]}, "__metadata__": {...}}
the rest    the arrays, one after the other
"""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from nnpg.files.errors import ModelFileError
from nnpg.files.text import LARGEST, parse_object, shown

DTYPES = {
    "F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1", "U8": "|u1",
}  # fmt: skip
LARGEST_SIDE = 2**40  # an empty array may have the shape (0, 2^40)
MOST_AXES = 8
METADATA = "__metadata__"


class Entry(NamedTuple):
    """Name, type, shape and position of an array in a file."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int  # in bytes from the beginning of the file
    size: int  # in bytes


class Header(NamedTuple):
    """The arrays of a file in its order, and nnpg's own description of them."""

    entries: tuple[Entry, ...]
    about: dict[str, Any]


def read_header(file: IO[bytes], path: Path) -> Header:
    """Return the header of an open file; nothing else is read.

    Raises
    ------
    ModelFileError
        If the header does not describe exactly the bytes of the file, or nnpg did not write it.
    """
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise ModelFileError(f"{path}: expected a file of arrays, found a folder, a device or a pipe")
    try:
        return _parsed(file, status.st_size)
    except _ForeignError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except ValueError as error:
        raise ModelFileError(f"{path}: not a safetensors file, or only a part of one ({error})") from error


class _ForeignError(Exception):
    """A safetensors file that nnpg did not write."""


def _parsed(file: IO[bytes], file_size: int) -> Header:
    first = file.read(8)
    if len(first) < 8:
        raise ValueError(f"{file_size} bytes are too few for a header")
    length = int.from_bytes(first, "little")
    if length > file_size - 8:
        raise ValueError(f"it declares a header of {length} bytes, but has {file_size} in total")
    if length > LARGEST:
        raise ValueError(f"its header has {length} bytes, more than the {LARGEST} that are read")
    raw = file.read(length)
    if len(raw) < length:
        raise ValueError("it became shorter while it was read")
    fields = parse_object(raw)
    metadata = fields.pop(METADATA, {})
    entries = _entries(fields, 8 + length)
    end = max([8 + length, *(entry.start + entry.size for entry in entries)])
    if end != file_size:
        raise ValueError(f"its header describes {end} bytes, but it has {file_size}")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("nnpg"), str):
        raise _ForeignError("a safetensors file, but without nnpg's header: nnpg did not write it")
    try:
        return Header(entries, parse_object(metadata["nnpg"].encode()))
    except ValueError as error:
        raise _ForeignError(f"nnpg's header in it is damaged ({error})") from error


def _entries(fields: dict[str, Any], begin: int) -> tuple[Entry, ...]:
    """Return the arrays in the order of their positions; they must follow each other without a gap."""
    entries = sorted((_entry(name, field, begin) for name, field in fields.items()), key=lambda e: (e.start, e.size))
    end = begin
    for entry in entries:
        if entry.start != end:
            raise ValueError(
                f"the array {shown(entry.name)} begins at byte {entry.start - begin} of the data, where {end - begin} "
                "was expected: the arrays must follow each other"
            )
        end += entry.size
    return tuple(entries)


def _entry(name: str, field: Any, begin: int) -> Entry:
    array = f"the array {shown(name)}"
    if not isinstance(field, dict) or set(field) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{array} should have a dtype, a shape and data_offsets, not {shown(field)}")
    kind, shape, offsets = field["dtype"], field["shape"], field["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise ValueError(f"{array} should have a dtype out of {', '.join(DTYPES)}, not {shown(kind)}")
    if not _whole_numbers(shape, LARGEST_SIDE) or len(shape) > MOST_AXES:
        raise ValueError(f"{array} should have a shape of at most {MOST_AXES} whole numbers, not {shown(shape)}")
    if not _whole_numbers(offsets, 2**62) or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise ValueError(f"{array} should have two ascending data_offsets, not {shown(offsets)}")
    dtype = np.dtype(DTYPES[kind])
    needed, size = math.prod(shape) * dtype.itemsize, offsets[1] - offsets[0]
    if needed != size:
        raise ValueError(f"{array} of shape {tuple(shape)} and dtype {kind} takes {shown(needed)} bytes, not {size}")
    return Entry(name, dtype, tuple(shape), begin + offsets[0], size)


def _whole_numbers(value: Any, largest: int) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n <= largest for n in value)
