"""Compiled kernels on disk: machine code and the names in it. To read a file, nothing in it is run or unpickled.

A file is one line with the format, a SHA-256 of the rest, the length of the names, the names as JSON, and the machine
code. What this protects against, and what it does not:

- A file that is damaged, cut off, of another version or of another kernel is not loaded: the kernel is compiled again.
- The checksum has no secret, so it does not stop anyone who can write to the file: machine code is code. The folder
  and the file must therefore belong to the user who runs the program, and no other user may write to them (mode 0700);
  otherwise the file is not opened, and the kernel is compiled again.
- Whoever can act as this user, or as root, can run any code without this cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

FORMAT = b"nnpg kernel 1\n"
DIGEST = hashlib.sha256().digest_size
LENGTH = 8  # bytes of the length of the words


class Kernel(NamedTuple):
    """Machine code and the names in it.

    Parameters
    ----------
    words : mapping
        The names that are needed to find the function in the code.
    code : bytes
        An object file.
    """

    words: dict[str, str]
    code: bytes


def private_folder(parent: Path) -> Path:
    """Return the folder of this user in `parent`; a new one is made so that only its owner may enter.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as parent:
    ...     is_private(os.lstat(private_folder(Path(parent))))
    True
    """
    folder = parent / f"nnpg-kernels-{os.geteuid() if hasattr(os, 'geteuid') else 'user'}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def is_private(state: os.stat_result) -> bool:
    """Return whether a file or folder belongs to this user and no other user may write to it.

    On a system without numbered owners (Windows) this is True: there, the folders of a user are closed to others.
    """
    if not hasattr(os, "geteuid"):
        return True
    return state.st_uid == os.geteuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def load(path: Path, key: str) -> Kernel | None:
    """Return the kernel in this file if it has this key, or None.

    Examples
    --------
    >>> load(Path("no such file"), "key") is None
    True
    """
    try:
        if not is_private(os.lstat(path.parent)):
            return None
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            state = os.fstat(handle)
            if not stat.S_ISREG(state.st_mode) or not is_private(state):
                return None
            data = file.read()
    except OSError:
        return None
    return _parse(data, key)


def _parse(data: bytes, key: str) -> Kernel | None:
    """The kernel in a file, if the file is whole and has this key; the checksum is compared first."""
    start = len(FORMAT) + DIGEST
    if not data.startswith(FORMAT) or hashlib.sha256(data[start:]).digest() != data[len(FORMAT) : start]:
        return None
    end = start + LENGTH + int.from_bytes(data[start : start + LENGTH], "little")
    words = json.loads(data[start + LENGTH : end])
    return Kernel(words, data[end:]) if words.pop("key") == key else None


def save(path: Path, key: str, kernel: Kernel) -> None:
    """Write a kernel to its file, which appears whole even if other processes write it too.

    Raises
    ------
    OSError
        Where it cannot be written, or the folder is not this user's alone.
    """
    if not is_private(os.lstat(path.parent)):
        raise PermissionError(f"{path.parent} belongs to another user, or others may write to it")
    words = json.dumps({"key": key, **kernel.words}).encode()
    body = len(words).to_bytes(LENGTH, "little") + words + kernel.code
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(FORMAT + hashlib.sha256(body).digest() + body)
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
