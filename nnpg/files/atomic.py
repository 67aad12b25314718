"""Files that are written whole or not at all.

Whether a file can be written is tried before the work; a result that cannot be written after it goes elsewhere.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

TRIAL = 65_536  # bytes that are tried unless the caller knows the size
_CANNOT_RESERVE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # the file system cannot reserve space


class NotWrittenError(OSError):
    """A result could not be written to its file. The message says where it is instead."""


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path`, which replaces `path` when the block ends without an error.

    Parameters
    ----------
    path : path
        The file to write; its folder must exist.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder) / "a.bin") as out:
    ...         _ = out.write(b"whole")
    ...     (Path(folder) / "a.bin").read_bytes()
    b'whole'
    """
    path = Path(path)
    with _temporary(path) as temporary:
        with temporary.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())  # a full disk may be noticed only here, and a crash must not leave an empty file
        temporary.replace(path)


def write_file(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a result whole; if that fails, write it into another folder.

    Parameters
    ----------
    path : path
    content : bytes

    Returns
    -------
    path

    Raises
    ------
    NotWrittenError
        If the file cannot be written. The content is then in the system's temporary folder, the home folder or the
        current one: the message names the file, or says that it could not be written there either.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(Path(folder) / "a.txt", b"whole").read_bytes()
    b'whole'
    """
    path = Path(path)
    write_files(path.parent, {path.name: content})
    return path


def write_files(folder: str | os.PathLike[str], contents: Mapping[str, bytes]) -> None:
    """Write the files of one result into a folder, each whole; if one fails, write all of them into another folder.

    Raises
    ------
    NotWrittenError
        As for `write_file`.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_files(folder, {"a.txt": b"one", "b.txt": b"two"})
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['a.txt', 'b.txt']
    """
    for name, content in contents.items():
        try:
            _write(Path(folder) / name, content)
        except OSError as error:
            problem = f"cannot write {Path(folder) / name}: {error.strerror or error}"
            raise NotWrittenError(f"{problem}. {_write_elsewhere(contents)}") from error


def results_folder(path: str | Path) -> Path:
    """Make a folder for results, unless it exists.

    Raises
    ------
    NotADirectoryError
        If the path, or a part of it, is a file.

    Examples
    --------
    >>> results_folder(__file__)
    Traceback (most recent call last):
    NotADirectoryError: ...atomic.py cannot be a folder for results, since it, or a part of it, is a file:
    choose another
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise NotADirectoryError(
            f"{folder} cannot be a folder for results, since it, or a part of it, is a file: choose another"
        ) from error
    return folder


def writable(path: str | os.PathLike[str], size: int = TRIAL) -> Path:
    """Return the path if a file of this size can be written there. This is tried; the trial leaves nothing behind.

    Parameters
    ----------
    path : path
        A file that exists already is not changed.
    size : int
        Approximate size in bytes.

    Raises
    ------
    OSError
        FileNotFoundError, IsADirectoryError or another: the message names the path and says what is wrong.

    Examples
    --------
    >>> writable("no-such-folder/net.safetensors")
    Traceback (most recent call last):
        ...
    FileNotFoundError: cannot write no-such-folder/net.safetensors: there is no folder no-such-folder; make it first
    """
    path = Path(path)
    if not path.parent.is_dir():
        if path.parent.exists():
            raise NotADirectoryError(f"cannot write {path}: {path.parent} is not a folder; choose another")
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        with _temporary(path) as temporary, temporary.open("xb") as out:
            _reserve(out, size)
    except OSError as error:
        raise OSError(error.errno, f"cannot write {path}: {error.strerror or error}") from error
    return path


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder, and remove it when the block ends.

    Examples
    --------
    >>> with temporary_folder() as folder:
    ...     folder.is_dir()
    True
    >>> folder.exists()
    False
    """
    with _removed(Path(tempfile.mkdtemp(prefix="nnpg-"))) as folder:
        yield folder


def remove_temporaries() -> None:
    """Remove the temporary files and folders of this process, at an exit that does not end its blocks."""
    for path in tuple(_temporaries):
        _remove(path)


def remove_left_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; no other process may be writing there.

    Examples
    --------
    >>> with temporary_folder() as folder:
    ...     _ = (folder / ".nnpg-0123456789abcdef.part").write_bytes(b"part")
    ...     remove_left_temporaries(folder)
    ...     list(folder.iterdir())
    []
    """
    for path in folder.glob(".nnpg-*.part"):
        _remove(path)


_temporaries: set[Path] = set()  # files and folders of the blocks that have not ended


def _temporary(path: Path) -> AbstractContextManager[Path]:
    """Every writer uses another name, so that a file that a killed process left disturbs no other writer."""
    return _removed(path.with_name(f".nnpg-{secrets.token_hex(8)}.part"))


@contextmanager
def _removed(path: Path) -> Iterator[Path]:
    """Remove a file or folder, if it exists, when the block ends."""
    _temporaries.add(path)
    try:
        yield path
    finally:
        _remove(path)
        _temporaries.discard(path)


def _reserve(out: IO[bytes], size: int) -> None:
    """Reserve this much space on the disk."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(out.fileno(), 0, max(1, size))
            return
        except OSError as error:
            if error.errno not in _CANNOT_RESERVE:
                raise
    out.write(b"\0" * min(size, TRIAL))
    out.flush()
    os.fsync(out.fileno())


def _write(path: Path, content: bytes) -> None:
    with atomic_write(path) as out:
        out.write(content)


def _write_elsewhere(contents: Mapping[str, bytes]) -> str:
    """Write the files into the first folder where that succeeds; return a sentence that says where they are."""
    parents = (Path(tempfile.gettempdir()), Path("~").expanduser(), Path())
    for parent in parents:
        try:
            folder = Path(tempfile.mkdtemp(prefix="nnpg-", dir=parent)).absolute()
        except OSError:
            continue
        try:
            for name, content in contents.items():
                _write(folder / name, content)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            continue
        if len(contents) == 1:
            return f"It is in {folder / next(iter(contents))} instead"
        return f"The result is in the folder {folder} instead"
    return f"Nor could it be written to {', '.join(map(str, parents))}: it is lost"


def _remove(path: Path) -> None:
    """Remove a file or folder if it exists; its parent folder may have been removed or replaced by a file."""
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
