"""MNIST from its four IDX files."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import DataError, Dataset
from nnpg.data.limits import Limits, limits_for
from nnpg.data.locations import check_file, folder_of_set
from nnpg.support.arguments import as_choice, as_path

PREFIX = {"train": "train", "test": "t10k"}
IMAGES_MAGIC = 0x00000803  # unsigned bytes, 3 axes
LABELS_MAGIC = 0x00000801  # unsigned bytes, 1 axis


def load_mnist(
    folder: str | os.PathLike[str], split: Literal["train", "test"] = "train", limits: Limits | None = None
) -> Dataset:
    """Load MNIST's training or test digits.

    Parameters
    ----------
    folder : path
        Holds ``mnist/train-images-idx3-ubyte`` and so on, or those files themselves; gzipped
        (``.gz``) or not.
    split : {"train", "test"}
    limits : Limits, optional
        Upper limits on the content; see `nnpg.data.Limits`.

    Returns
    -------
    Dataset
        x (N, 1, 28, 28), 10 classes, in the files' order.

    Raises
    ------
    DataError
        If a file is missing, is cut short, has the wrong magic number, shape or labels, or if the
        numbers of images and labels differ.

    Examples
    --------
    >>> load_mnist("no/such/folder")
    Traceback (most recent call last):
    ...
    nnpg.data.dataset.DataError: MNIST: train-images-idx3-ubyte.gz is missing ...
    """
    as_path(folder, "folder")
    limits = limits_for(limits)
    as_choice(split, "split", PREFIX)
    root = folder_of_set(folder, "mnist")
    images_path = _find(root, f"{PREFIX[split]}-images-idx3-ubyte", folder)
    labels_path = _find(root, f"{PREFIX[split]}-labels-idx1-ubyte", folder)
    images = read_idx(images_path, IMAGES_MAGIC, limits)  # (N, H, W)
    labels = read_idx(labels_path, LABELS_MAGIC, limits)  # (N,)
    if images.shape[1:] != (28, 28):
        raise DataError(f"{images_path}: expected images of 28 x 28, found {images.shape[1]} x {images.shape[2]}")
    if len(images) == 0:
        raise DataError(f"{images_path}: expected images, found none")
    if len(images) != len(labels):
        raise DataError(
            f"{labels_path}: expected {len(images)} labels, one for each image in {images_path.name}, "
            f"found {len(labels)}"
        )
    if labels.max() > 9:
        n = int(np.argmax(labels > 9))
        raise DataError(f"{labels_path}: expected labels 0 .. 9, found {labels[n]} at position {n}")
    x = np.divide(images, 255, dtype=np.float32)[:, None]  # (N, 1, 28, 28)
    return Dataset(x, labels.astype(np.int64), tuple("0123456789"), f"mnist {split}")


def read_idx(path: str | os.PathLike[str], magic: int, limits: Limits | None = None) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    path : path
    magic : int
        The first four bytes, big-endian; the lowest byte is the number of axes.
    limits : Limits, optional
        Upper limits on the content; see `nnpg.data.Limits`.

    Raises
    ------
    DataError
        If the magic number or the length is not what it should be, or the content is larger than the limits.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    ...     read_idx(path, LABELS_MAGIC).tolist()
    [7, 2, 1]
    """
    path = Path(path)
    check_file(path, "an IDX file", "; check the path")
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"  # the name does not tell: browsers unpack .gz files and leave their names
        file.seek(0)
        if not packed:
            return _idx(path, file, magic, limits_for(limits), path.stat().st_size)
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _idx(path, unpacked, magic, limits_for(limits))
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{path}: expected a whole gzip file, found a damaged or cut one ({error}); get it again"
            ) from error


def _idx(
    path: Path, file: IO[bytes] | gzip.GzipFile, magic: int, limits: Limits, size: int | None = None
) -> NDArray[np.uint8]:
    """Read a header, then as many bytes as it declares and no more; `size` is the file's, None if it is packed."""
    axes = magic & 0xFF
    start = 4 + 4 * axes
    header = file.read(start)
    if len(header) < 4 or int.from_bytes(header[:4], "big") != magic:
        begins = f"0x{header[:4].hex()}" if header else "an empty file"
        raise DataError(
            f"{path}: expected an IDX file with magic number 0x{magic:08x}, found {begins}; is it the right file?"
        )
    if len(header) < start:
        raise DataError(f"{path}: expected a header of {start} bytes, found a file of {len(header)}; get it again")
    shape = tuple(int.from_bytes(header[4 * i : 4 * i + 4], "big") for i in range(1, axes + 1))
    number = math.prod(shape)  # Python integers: a corrupt header cannot overflow
    expected = f"expected {start + number} bytes for the shape {shape} its header states"
    if size is not None and size != start + number:
        raise DataError(f"{path}: {expected}, found {size}; get it again")
    limits.check_bytes(4 * number, f"{path}: {expected}, which become float32")
    content = file.read(number + 1)
    if len(content) != number:
        size_read = "more" if len(content) > number else str(start + len(content))
        raise DataError(f"{path}: {expected}, found {size_read}; get it again")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _find(root: Path, name: str, folder: str | os.PathLike[str]) -> Path:
    for path in (root / f"{name}.gz", root / name):
        if path.is_file():
            return path
    raise DataError(
        f"MNIST: {name}.gz is missing (looked in {root}, also without .gz).\n"
        f"Get it with: python -m nnpg.data.download mnist --data-dir {folder}\n"
        f"or put the four files of MNIST into {Path(folder) / 'mnist'}, and point at them with "
        f"--data-dir {folder} or NNPG_DATA={folder}"
    )
