"""Download of the sets whose licence allows it: ``python -m nnpg.data.download mnist``.

The SHA-256 of every file is checked. Mirrors are tried in turn. A file that has arrived in part stays in
``FILE.part``, and the next try, from the same or another mirror, goes on from there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING, NoReturn

from nnpg.data.dataset import DataError
from nnpg.data.locations import check_file, data_folder
from nnpg.data.readers import cifar10
from nnpg.data.readers.yale import how_to_get_yale
from nnpg.files.atomic import atomic_write, remove_left_temporaries
from nnpg.support.arguments import as_flag
from nnpg_command import DONE, Interrupted, UsageError, main

if TYPE_CHECKING:
    from rich.progress import Progress

TRIES = 5  # per mirror, as long as each brings at least one byte
LARGEST = 1 << 30  # bytes of one file
CHUNK = 1 << 14  # bytes; a broken connection loses no more
TIMEOUT = (10.0, 30.0)  # seconds, to connect and between two chunks


@dataclass(frozen=True)
class Source:
    """Origin of a data set: subfolder, SHA-256 of each file, and addresses of the mirrors."""

    subfolder: str
    files: dict[str, str]
    mirrors: tuple[str, ...]


SOURCES = {
    "mnist": Source(
        "mnist",
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    "cifar10": Source(
        "",
        {cifar10.ARCHIVE: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
        ),
    ),
}


def fetch_data_set(name: str, folder: str | os.PathLike[str] | None = None, *, progress: bool | None = None) -> Path:
    """Download a data set, unless it is in the folder already.

    Parameters
    ----------
    name : {"mnist", "cifar10"}
    folder : path, optional
        Folder of the data sets (default: NNPG_DATA, or else the platform's cache). MNIST's files go to
        ``folder/mnist``, CIFAR-10's archive to ``folder`` and its files to ``folder/cifar-10-batches-bin``.
    progress : bool, optional
        Draw a bar; unless given, only on a terminal.

    Returns
    -------
    Path
        `folder`, as `load` and the loaders take it.

    Raises
    ------
    DataError
        If no mirror sends the file (the message says which file to put where by hand), if a file of that name with
        other content exists already (it is never overwritten), or if the set may not be passed on (Yale).

    Examples
    --------
    >>> fetch_data_set("yale", "data")
    Traceback (most recent call last):
    ...
    nnpg.data.dataset.DataError: Yale's terms do not allow passing the images on, ...
    """
    show = sys.stderr.isatty() if progress is None else as_flag(progress, "progress")
    root = data_folder(folder)
    if name == "yale":
        raise DataError(how_to_get_yale(root))
    if name not in SOURCES:
        raise DataError(f"{name!r} cannot be downloaded; expected one of: {', '.join(SOURCES)}")
    source = SOURCES[name]
    if name == "cifar10" and _unpacked(root):
        return root
    folder = root / source.subfolder
    for file in _missing_files(folder, source):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _fetch(folder, file, source, show)
        except _NoMirrorError as error:
            raise DataError(_advice_by_hand(name, root, folder, source, error.args[0])) from error
        except OSError as error:
            raise DataError(f"{folder / file}: cannot be written ({error})") from error
    if name == "cifar10":
        unpack_cifar10(folder / cifar10.ARCHIVE, root / cifar10.FOLDER)
    return root


class _NoMirrorError(Exception):
    """No mirror sent the file; the argument lists the answer of each."""


def _missing_files(folder: Path, source: Source) -> list[str]:
    for file, sha256 in source.files.items():
        path = folder / file
        if path.exists() and (actual := _sha256(path)) != sha256:
            raise DataError(
                f"{path}: expected SHA-256 {sha256}, found {actual}; nothing is overwritten: "
                "move the file away to have it downloaded"
            )
    return [file for file in source.files if not (folder / file).exists()]


def _sha256(path: Path) -> str:
    check_file(path, "a file to download to", "; move it away")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(folder: Path, file: str, source: Source, show: bool) -> None:
    """Get one file from the first mirror that sends all of it; it gets its name when its checksum is right."""
    import requests

    part = folder / f"{file}.part"
    answers = []
    for mirror in source.mirrors:
        resumed = True
        while resumed:
            resumed = part.exists()
            try:
                _collect_with_bar(mirror + file, part, show)
            except requests.RequestException as error:
                answers.append(f"  {mirror}{file}: {type(error).__name__}: {str(error)[:160]}")
                break
            sha256 = _sha256(part)
            if sha256 == source.files[file]:
                part.replace(folder / file)
                return
            part.unlink()
            answers.append(f"  {mirror}{file}: expected {source.files[file]}, found {sha256}")
            # If another mirror sent the beginning, that may be what is wrong: try this mirror again from the start.
    if part.exists():
        answers.append(f"  {part.stat().st_size} bytes are kept in {part}; the next try goes on from there")
    raise _NoMirrorError("\n".join([f"{file} could not be downloaded:", *answers]))


def _collect_with_bar(url: str, part: Path, show: bool) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not show) as bar:
        _collect(url, part, bar)


def _collect(url: str, part: Path, bar: Progress) -> None:
    """Append to the file `part` what the address sends beyond its present size."""
    import requests

    task = bar.add_task(part.name.removesuffix(".part"), total=None)
    for attempt in range(TRIES):
        start = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        try:
            with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
                if start and response.status_code == 416:  # nothing follows; the checksum shows if the file is whole
                    return
                response.raise_for_status()
                if response.status_code != 206:  # the mirror sends the file from its beginning
                    start = 0
                length = response.headers.get("Content-Length")
                bar.update(task, completed=start, total=None if length is None else start + int(length))
                with part.open("ab" if start else "wb") as out:
                    for chunk in response.iter_content(CHUNK):
                        out.write(chunk)
                        if out.tell() > LARGEST:
                            raise requests.RequestException(f"it sends more than {LARGEST} bytes")
                        bar.update(task, advance=len(chunk))
            return
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            grown = part.exists() and part.stat().st_size > start
            if not grown or attempt == TRIES - 1:
                raise


def _advice_by_hand(name: str, root: Path, folder: Path, source: Source, answers: str) -> str:
    files = "\n".join(f"  {folder / file}  (SHA-256 {sha256})" for file, sha256 in source.files.items())
    again = f"python -m nnpg.data.download {name} --data-dir {root}"
    return (
        f"{answers}\nBy hand, on a machine that reaches one of these addresses: fetch what is missing and put it at\n"
        f"{files}\nThen run '{again}', which checks it and, where needed, unpacks it,\n"
        f"and point at the data with --data-dir {root} or NNPG_DATA={root}"
    )


def _unpacked(root: Path) -> bool:
    files = [root / cifar10.FOLDER / name for names in cifar10.FILES.values() for name in names]
    size = cifar10.RECORDS * cifar10.RECORD_BYTES
    return all(file.is_file() and file.stat().st_size == size for file in files)


def unpack_cifar10(archive: Path, folder: Path) -> None:
    """Copy the files of CIFAR-10 out of the archive. No name in the archive is used as a path."""
    missing = [name for names in cifar10.FILES.values() for name in names]
    size = cifar10.RECORDS * cifar10.RECORD_BYTES
    folder.mkdir(exist_ok=True)
    remove_left_temporaries(folder)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:  # in the archive's order: a gzip stream cannot be read backwards
                name = member.name.removeprefix(f"{cifar10.FOLDER}/")
                if member.size > (size if name in missing else LARGEST):
                    raise DataError(f"{archive}: {member.name!r} in it has {member.size:,} bytes: it is not CIFAR-10")
                content = tar.extractfile(member) if name in missing and member.isfile() else None
                if content is not None:
                    with content, atomic_write(folder / name) as out:
                        copyfileobj(content, out)
                    missing.remove(name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: expected a whole .tar.gz archive, cannot unpack it ({error})") from error
    if missing:
        raise DataError(f"{archive}: expected {cifar10.FOLDER}/{missing[0]} in it, found no such file")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see: {self.prog} --help)")


def command(arguments: list[str]) -> int:
    """Run ``python -m nnpg.data.download`` with these arguments; return its exit code."""
    parser = _Parser(prog="python -m nnpg.data.download", description="Download a data set.")
    parser.add_argument("name", choices=[*SOURCES, "yale"])
    parser.add_argument("--data-dir", help="folder of the data sets (default: NNPG_DATA, or else the platform's cache)")
    parser.add_argument("--debug", action="store_true", help="on an error, also print the traceback")
    options = parser.parse_args(arguments)
    try:
        folder = fetch_data_set(options.name, options.data_dir)
    except KeyboardInterrupt as stop:
        raise Interrupted("stopped; the same command goes on from here") from stop
    print(f"{options.name} is in {folder}")
    return DONE


if __name__ == "__main__":
    main(command)
