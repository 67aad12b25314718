"""MNIST from its four IDX files."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import DataError, Dataset
from nnpg.data.where import inside

PREFIX = {"train": "train", "test": "t10k"}
IMAGES_MAGIC = 0x00000803  # unsigned bytes, 3 axes
LABELS_MAGIC = 0x00000801  # unsigned bytes, 1 axis


def load_mnist(folder: str | os.PathLike[str], split: Literal["train", "test"] = "train") -> Dataset:
    """Load MNIST's training or test digits.

    Parameters
    ----------
    folder : path
        Holds ``mnist/train-images-idx3-ubyte`` and so on, or those files themselves; gzipped
        (``.gz``) or not.
    split : {"train", "test"}

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
    if split not in PREFIX:
        raise DataError(f"mnist: expected split 'train' or 'test', found {split!r}")
    root = inside(folder, "mnist")
    images_path = _find(root, f"{PREFIX[split]}-images-idx3-ubyte", folder)
    labels_path = _find(root, f"{PREFIX[split]}-labels-idx1-ubyte", folder)
    images = read_idx(images_path, IMAGES_MAGIC)  # (N, H, W)
    labels = read_idx(labels_path, LABELS_MAGIC)  # (N,)
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
        where = int(np.argmax(labels > 9))
        raise DataError(f"{labels_path}: expected labels 0 .. 9, found {labels[where]} at position {where}")
    x = np.divide(images, 255, dtype=np.float32)[:, None]  # (N, 1, 28, 28)
    return Dataset(x, labels.astype(np.int64), tuple("0123456789"), f"mnist {split}")


def read_idx(path: str | os.PathLike[str], magic: int) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Parameters
    ----------
    path : path
    magic : int
        The first four bytes, big-endian; the lowest byte is the number of axes.

    Raises
    ------
    DataError
        If the magic number or the length is not what it should be.

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
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":  # judged by content: browsers unpack .gz files and keep the name
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(
                f"{path}: expected a whole gzip file, found a damaged or cut one ({error}); get it again"
            ) from error
    found = int.from_bytes(content[:4], "big")
    if len(content) < 4 or found != magic:
        begins = f"0x{content[:4].hex()}" if content else "an empty file"
        raise DataError(
            f"{path}: expected an IDX file with magic number 0x{magic:08x}, found {begins}; is it the right file?"
        )
    axes = magic & 0xFF
    start = 4 + 4 * axes
    if len(content) < start:
        raise DataError(f"{path}: expected a header of {start} bytes, found a file of {len(content)}; get it again")
    shape = tuple(int.from_bytes(content[4 * i : 4 * i + 4], "big") for i in range(1, axes + 1))
    expected = start + math.prod(shape)  # Python integers: a corrupt header cannot overflow
    if len(content) != expected:
        raise DataError(
            f"{path}: expected {expected} bytes for the shape {shape} its header states, "
            f"found {len(content)}; get it again"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


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
