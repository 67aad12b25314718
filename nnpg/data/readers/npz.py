"""Data sets in NumPy's .npz archives, read and written without pickle."""

from __future__ import annotations

import io
import math
import os
import sys
import zipfile
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import DataError, Dataset
from nnpg.data.limits import Limits, limits_for
from nnpg.data.locations import check_file
from nnpg.files.atomic import write_file
from nnpg.support.arguments import as_instance, as_path
from nnpg_command import printable

KEYS = ("x", "labels", "class_names", "name", "conditions", "masks", "features")
HEADER_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
MOST_AXES = 4
MOST_CHARACTERS = 1_000  # in a string
MOST_HEADER = 10_000  # bytes in the header of an array, as in NumPy
MOST_DIRECTORY = 1 << 20  # bytes in an archive's list of files
END_RECORD = 22 + 65_535  # bytes at the end of a ZIP archive, with the longest comment


def load_npz(path: str | os.PathLike[str], limits: Limits | None = None) -> Dataset:
    """Load a data set from a ``.npz`` file.

    Parameters
    ----------
    path : path
        Holds the arrays ``x``, (N, C, H, W) or (N, H, W), either uint8 (0 .. 255, scaled to
        [0, 1]) or floats in [0, 1], and ``labels``, N integers from 0. Optional: ``class_names``
        (K strings; else "0", "1", ...), and what `save_npz` adds: ``name``, ``conditions``,
        ``masks``, ``features``. Other arrays are not read.
    limits : Limits, optional
        Upper limits on the content; see `nnpg.data.Limits`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the file is not such an archive, or an array is missing, is larger than the limits, has the wrong type,
        shape or range, or holds Python objects (which are pickled, and never loaded).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "two.npz"
    ...     np.savez(path, x=np.full((2, 5, 5), 51, np.uint8), labels=[0, 1])
    ...     d = load_npz(path)
    >>> d, float(d.x.max())
    (Dataset 'two': 2 images of 1 x 5 x 5, 2 classes, 0.20000000298023224)
    """
    path = as_path(path, "path")
    limits = limits_for(limits)
    arrays = _read(path, limits)
    for key in ("x", "labels"):
        if key not in arrays:
            raise DataError(f"{path}: expected the arrays 'x' and 'labels', found {sorted(arrays) or 'none'}")
    x = _pixels(path, arrays["x"])
    labels = arrays["labels"]
    if labels.shape != (len(x),) or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: expected 'labels' to be {len(x)} integers, one for each image, "
            f"found {labels.dtype} {labels.shape}"
        )
    labels = labels.astype(np.int64)
    if labels.min() < 0:
        raise DataError(f"{path}: expected labels from 0 on, found {labels.min()}")
    if "class_names" not in arrays:
        limits.check("classes", int(labels.max()) + 1, f"{path}: the labels reach {labels.max()}")
    names = _strings(path, arrays, "class_names")
    name = _name(path, arrays)
    if names is None:
        names = tuple(map(str, range(int(labels.max()) + 1)))
    masks = arrays.get("masks")
    if masks is not None and (masks.dtype != bool or masks.shape != (len(names), *x.shape[2:])):
        raise DataError(
            f"{path}: expected 'masks' to be bool {(len(names), *x.shape[2:])}, found {masks.dtype} {masks.shape}"
        )
    try:
        return Dataset(
            x,
            labels,
            names,
            printable(name or path.stem),
            _strings(path, arrays, "conditions"),
            masks,
            _strings(path, arrays, "features"),
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def save_npz(path: str | os.PathLike[str], dataset: Dataset) -> None:
    """Write a data set to a ``.npz`` file that `load_npz` reads back exactly. The file appears whole or not at all.

    Parameters
    ----------
    path : path
        Ends in ``.npz``; an existing file is replaced.
    dataset : Dataset

    Raises
    ------
    DataError
        If `path` does not end in ``.npz`` or its folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> d = Dataset(np.ones((1, 1, 2, 2), np.float32), np.array([0]), ("cat",), "pets")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_npz(Path(folder) / "pets.npz", d)
    ...     load_npz(Path(folder) / "pets.npz")
    Dataset 'pets': 1 images of 1 x 2 x 2, 1 classes
    """
    path, dataset = as_path(path, "path"), as_instance(dataset, Dataset, "dataset")
    if path.suffix != ".npz" or not path.parent.is_dir():
        raise DataError(f"{path}: expected a file name ending in .npz, in a folder that exists")
    arrays: dict[str, Any] = {
        "x": dataset.x,
        "labels": dataset.labels,
        "class_names": np.array(dataset.class_names, dtype=np.str_),
        "name": np.array(dataset.name),
    }
    for key in ("conditions", "features"):
        if getattr(dataset, key) is not None:
            arrays[key] = np.array(getattr(dataset, key), dtype=np.str_)
    if dataset.masks is not None:
        arrays["masks"] = dataset.masks
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_file(path, content.getvalue())


def _read(path: Path, limits: Limits) -> dict[str, NDArray[Any]]:
    check_file(path, "a .npz file", "; check the path")
    try:
        with path.open("rb") as file:
            _check_directory(file)
            with zipfile.ZipFile(file) as archive:
                members = {key: info for key in KEYS if (info := _member(archive, key)) is not None}
                kinds = {key: _header(archive, info) for key, info in members.items()}
                for key, kind in kinds.items():
                    kind.check(key, f"{path}: the array {key!r}", limits)
                return {key: _array(archive, info) for key, info in members.items()}
    except DataError:
        raise
    except Exception as error:  # NumPy, zipfile and zlib raise many kinds of error for a damaged file
        raise DataError(
            f"{path}: expected a .npz archive of plain arrays, found a damaged file, something else, or Python "
            f"objects, which are pickled and never loaded ({error}); write it with nnpg.data.save_npz or np.savez"
        ) from error


class _Kind(NamedTuple):
    """Shape and type of an array, as its header declares them."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def check(self, key: str, source: str, limits: Limits) -> None:
        """Refuse an array of a type that no data set has, or too large a one, before any of it is read."""
        if self.dtype.kind not in "biufU" or len(self.shape) > MOST_AXES:
            raise DataError(
                f"{source}: expected numbers or strings in at most {MOST_AXES} axes, found {_short(self.dtype)} with "
                f"{len(self.shape)} axes"
            )
        if self.dtype.kind == "U" and self.dtype.itemsize // 4 > MOST_CHARACTERS:
            raise DataError(
                f"{source}: expected strings of at most {MOST_CHARACTERS} characters, found {_short(self.dtype)}"
            )
        number = math.prod(self.shape)
        size = max(4, self.dtype.itemsize) if key == "x" else self.dtype.itemsize  # pixels become float32
        limits.check_bytes(number * size, source)
        if key in ("class_names", "features"):
            limits.check("classes", number, source)


def _short(dtype: np.dtype[Any]) -> str:
    text = str(dtype)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _check_directory(file: IO[bytes]) -> None:
    """Refuse an archive with a long list of files, since zipfile would read all of it."""
    end = file.seek(0, os.SEEK_END)
    start = max(0, end - END_RECORD)
    file.seek(start)
    tail = file.read(END_RECORD)
    record = tail.rfind(b"PK\x05\x06")
    if record < 0 or record + 22 > len(tail):
        raise ValueError("not a ZIP archive")
    size = int.from_bytes(tail[record + 12 : record + 16], "little")
    if size > MOST_DIRECTORY:
        raise ValueError(f"its list of files has {size} bytes, more than the {MOST_DIRECTORY} that are read")
    file.seek(0)


def _member(archive: zipfile.ZipFile, key: str) -> zipfile.ZipInfo | None:
    for name in (f"{key}.npy", key):
        if name in archive.NameToInfo:
            info = archive.getinfo(name)
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{name} is compressed in a way that NumPy does not write")
            return info
    return None


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Kind:
    """Read the header of an array, and compare it with the number of bytes that the archive declares for it."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version not in HEADER_READERS:
            raise ValueError(f"{info.filename} has version {version} of NumPy's format")
        shape, _, dtype = HEADER_READERS[version](member, max_header_size=MOST_HEADER)
        kind = _Kind(tuple(shape), dtype)
        stored = info.file_size - member.tell()
    if dtype.hasobject:
        raise ValueError(f"{info.filename} holds objects")
    if min(kind.shape, default=0) < 0 or math.prod(kind.shape) * dtype.itemsize != stored:
        raise ValueError(f"{info.filename} has {stored} bytes, which do not make {_short(dtype)} {kind.shape}")
    return kind


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """Read an array; zipfile reads no more bytes than the archive declares for it."""
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False, max_header_size=MOST_HEADER)


def _pixels(path: Path, x: NDArray[Any]) -> NDArray[np.float32]:
    if x.ndim not in (3, 4) or x.size == 0:
        raise DataError(f"{path}: expected 'x' to be images (N, C, H, W) or (N, H, W), found the shape {x.shape}")
    if x.ndim == 3:
        x = x[:, None]
    if x.dtype == np.uint8:
        return np.divide(x, 255, dtype=np.float32)
    if x.dtype.kind != "f":
        raise DataError(f"{path}: expected 'x' to be uint8 or floats, found {x.dtype}")
    if not (x.min() >= 0 and x.max() <= 1):  # true for NaN as well
        raise DataError(f"{path}: expected floats in [0, 1] in 'x', found {x.min():g} .. {x.max():g}; rescale them")
    return x.astype(np.float32)


def _strings(path: Path, arrays: dict[str, NDArray[Any]], key: str) -> tuple[str, ...] | None:
    if key not in arrays:
        return None
    if arrays[key].ndim != 1 or arrays[key].dtype.kind != "U":
        raise DataError(f"{path}: expected {key!r} to be a list of strings, found {arrays[key].dtype}")
    _check_text(path, key, arrays[key])
    return tuple(map(str, arrays[key]))


def _name(path: Path, arrays: dict[str, NDArray[Any]]) -> str:
    if "name" not in arrays:
        return ""
    name = arrays["name"]
    if name.ndim != 0 or name.dtype.kind != "U":
        raise DataError(f"{path}: expected 'name' to be one string, found {name.dtype} {name.shape}")
    _check_text(path, "name", name)
    return str(name)


def _check_text(path: Path, key: str, array: NDArray[Any]) -> None:
    """Refuse numbers that are not characters, before they are turned into strings."""
    codes = np.frombuffer(array.tobytes() or bytes(4), array.dtype.byteorder + "u4")
    if codes.max(initial=0) > sys.maxunicode:
        raise DataError(
            f"{path}: expected {key!r} to be text, found the character {codes.max():#x}, which does not exist"
        )
