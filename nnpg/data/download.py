"""Download the sets whose licence allows it: ``python -m nnpg.data.download mnist``.

Every file is checked against its SHA-256. Mirrors are tried in turn. What has arrived is kept in
``FILE.part``, and the next try, from the same or another mirror, goes on from there.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import os
import sys
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import TYPE_CHECKING, NoReturn

from nnpg.data.dataset import DataError
from nnpg.data.locations import check_file, data_folder
from nnpg.data.readers import cifar10
from nnpg.data.readers.yale import how_to_get_yale
from nnpg.files.atomic import atomic_write
from nnpg_command import DONE, Interrupted, UsageError, main

if TYPE_CHECKING:
    from rich.progress import Progress

TRIES = 5  # for one mirror, as long as each brings at least a byte
LARGEST = 1 << 30  # bytes of one file
CHUNK = 1 << 14  # bytes; what a broken connection can cost at most
TIMEOUT = (10.0, 30.0)  # seconds: to connect, between two chunks


@dataclass(frozen=True)
class Source:
    """Where a set comes from: its subfolder, its files with their SHA-256, and the mirrors' addresses."""

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


def fetch_data_set(name: str, folder: str | os.PathLike[str] | None = None, *, progress: bool = True) -> Path:
    """Download a data set, unless it is there already.

    Parameters
    ----------
    name : {"mnist", "cifar10"}
    folder : path, optional
        Where the data sets lie (default: NNPG_DATA, else the platform's cache). MNIST's files go to
        ``folder/mnist``, CIFAR-10's archive to ``folder`` and its files to ``folder/cifar-10-batches-bin``.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Path
        `folder`, to be given to `load` or to a loader.

    Raises
    ------
    DataError
        If no mirror gives the file (the message says which file to put where by hand), if a file
        of that name with other content is there already (it is never overwritten), or if the set may not be
        passed on (Yale).

    Examples
    --------
    >>> fetch_data_set("yale", "data")
    Traceback (most recent call last):
    ...
    nnpg.data.dataset.DataError: Yale's terms do not allow passing the images on, ...
    """
    root = data_folder(folder)
    if name == "yale":
        raise DataError(how_to_get_yale(root))
    if name not in SOURCES:
        raise DataError(f"{name!r} cannot be downloaded; expected one of: {', '.join(SOURCES)}")
    source = SOURCES[name]
    if name == "cifar10" and _unpacked(root):
        return root
    place = root / source.subfolder
    missing = _not_yet_there(place, source)
    for file in missing:
        try:
            place.mkdir(parents=True, exist_ok=True)
            _fetch(place, file, source, progress)
        except _NoMirrorError as error:
            raise DataError(_by_hand(name, root, place, source, error.args[0])) from error
        except OSError as error:
            raise DataError(f"{place / file}: cannot be written ({error})") from error
    if name == "cifar10":
        unpack_cifar10(place / cifar10.ARCHIVE, root / cifar10.FOLDER)
    return root


class _NoMirrorError(Exception):
    """No mirror gave the file; the argument lists what each answered."""


def _not_yet_there(place: Path, source: Source) -> list[str]:
    for file, sha256 in source.files.items():
        path = place / file
        if path.exists() and (found := _sha256(path)) != sha256:
            raise DataError(
                f"{path}: expected SHA-256 {sha256}, found {found}; nothing is overwritten: "
                "move the file away to have it downloaded"
            )
    return [file for file in source.files if not (place / file).exists()]


def _sha256(path: Path) -> str:
    check_file(path, "a file to download to", "; move it away")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(place: Path, file: str, source: Source, progress: bool) -> None:
    """Get one file from the first mirror that gives it whole; it takes its name when its checksum is right."""
    import requests

    part = place / f"{file}.part"
    answers = []
    for mirror in source.mirrors:
        resumed = True
        while resumed:
            resumed = part.exists()
            try:
                _collect_with_bar(mirror + file, part, progress)
            except requests.RequestException as error:
                answers.append(f"  {mirror}{file}: {type(error).__name__}: {str(error)[:160]}")
                break
            found = _sha256(part)
            if found == source.files[file]:
                part.replace(place / file)
                return
            part.unlink()
            answers.append(f"  {mirror}{file}: expected {source.files[file]}, found {found}")
            # A wrong beginning may have come from elsewhere: this mirror then gets a second, clean try.
    if part.exists():
        answers.append(f"  {part.stat().st_size} bytes are kept in {part}; the next try goes on from there")
    raise _NoMirrorError("\n".join([f"{file} could not be downloaded:", *answers]))


def _collect_with_bar(url: str, part: Path, progress: bool) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not progress) as bar:
        _collect(url, part, bar)


def _collect(url: str, part: Path, bar: Progress) -> None:
    """Collect into `part`, and go on where it ends."""
    import requests

    task = bar.add_task(part.name.removesuffix(".part"), total=None)
    for attempt in range(TRIES):
        start = part.stat().st_size if part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        try:
            with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
                if start and response.status_code == 416:  # nothing follows what we have
                    return  # ... and whether that is the file, its checksum tells
                response.raise_for_status()
                if response.status_code != 206:  # the mirror sends everything, so we start again
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
            gained = part.exists() and part.stat().st_size > start
            if not gained or attempt == TRIES - 1:
                raise


def _by_hand(name: str, root: Path, place: Path, source: Source, answers: str) -> str:
    files = "\n".join(f"  {place / file}  (SHA-256 {sha256})" for file, sha256 in source.files.items())
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
    """Copy CIFAR-10's own files out of the archive. No name in the archive is ever used as a path."""
    wanted = [name for names in cifar10.FILES.values() for name in names]
    size = cifar10.RECORDS * cifar10.RECORD_BYTES
    folder.mkdir(exist_ok=True)
    _remove_left_overs(folder, wanted)
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:  # in the archive's order: a gzip stream cannot be read backwards
                name = member.name.removeprefix(f"{cifar10.FOLDER}/")
                if member.size > (size if name in wanted else LARGEST):
                    raise DataError(f"{archive}: {member.name!r} in it has {member.size:,} bytes: it is not CIFAR-10")
                content = tar.extractfile(member) if name in wanted and member.isfile() else None
                if content is not None:
                    with content, atomic_write(folder / name) as out:
                        copyfileobj(content, out)
                    wanted.remove(name)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: expected a whole .tar.gz archive, cannot unpack it ({error})") from error
    if wanted:
        raise DataError(f"{archive}: expected {cifar10.FOLDER}/{wanted[0]} in it, found no such file")


def _remove_left_overs(folder: Path, names: Sequence[str]) -> None:
    """Remove the temporary files of a run that was killed."""
    for name in names:
        for path in folder.glob(f".{glob.escape(name)}.*.part"):
            path.unlink(missing_ok=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see: {self.prog} --help)")


def command(arguments: list[str]) -> int:
    """Do what ``python -m nnpg.data.download`` is asked to; return its exit code."""
    parser = _Parser(prog="python -m nnpg.data.download", description="Download a data set.")
    parser.add_argument("name", choices=[*SOURCES, "yale"])
    parser.add_argument("--data-dir", help="where data sets lie (default: NNPG_DATA, else the platform's cache)")
    parser.add_argument("--debug", action="store_true", help="on an error, also print where it came from")
    options = parser.parse_args(arguments)
    try:
        folder = fetch_data_set(options.name, options.data_dir, progress=sys.stderr.isatty())
    except KeyboardInterrupt as stop:
        raise Interrupted("stopped; the same command goes on from here") from stop
    print(f"{options.name} is in {folder}")
    return DONE


if __name__ == "__main__":
    main(command)
