"""CIFAR-10 from its binary layout. The Python layout is a pickle, and is never opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import numpy as np

from nnpg.data.dataset import DataError, Dataset
from nnpg.data.locations import folder_of_set
from nnpg.support.arguments import as_choice, as_path

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FILES = {"train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)), "test": ("test_batch.bin",)}
FOLDER = "cifar-10-batches-bin"
ARCHIVE = "cifar-10-binary.tar.gz"
RECORDS = 10_000  # images in each file
RECORD_BYTES = 1 + 3 * 32 * 32  # the label, then the red, green and blue planes


def load_cifar10(folder: str | os.PathLike[str], split: Literal["train", "test"] = "train") -> Dataset:
    """Load CIFAR-10's 50,000 training or 10,000 test images.

    Parameters
    ----------
    folder : path
        Holds ``cifar-10-batches-bin/data_batch_1.bin`` and so on, or those files themselves.
    split : {"train", "test"}

    Returns
    -------
    Dataset
        x (N, 3, 32, 32), 10 classes, in the files' order.

    Raises
    ------
    DataError
        If a file is missing, has the wrong size or labels, or if only the pickled Python layout is there.

    Examples
    --------
    >>> load_cifar10("no/such/folder")
    Traceback (most recent call last):
    ...
    nnpg.data.dataset.DataError: CIFAR-10: data_batch_1.bin is missing ...
    """
    as_path(folder, "folder")
    as_choice(split, "split", FILES)
    root = folder_of_set(folder, FOLDER)
    paths = [root / name for name in FILES[split]]
    for path in paths:  # all files are checked before any is read
        if not path.is_file():
            raise _missing(path, Path(folder))
        size, expected = path.stat().st_size, RECORDS * RECORD_BYTES
        if size != expected:
            raise DataError(
                f"{path}: expected {expected} bytes ({RECORDS} records of {RECORD_BYTES}), found {size}; "
                f"unpack {ARCHIVE} again"
            )
    x = np.empty((len(paths) * RECORDS, 3, 32, 32), np.float32)
    labels = np.empty(len(x), np.int64)
    for k, path in enumerate(paths):
        records = np.fromfile(path, np.uint8).reshape(RECORDS, RECORD_BYTES)
        if records[:, 0].max() > 9:
            n = int(np.argmax(records[:, 0] > 9))
            raise DataError(f"{path}: expected labels 0 .. 9, found {records[n, 0]} in record {n}")
        rows = slice(k * RECORDS, (k + 1) * RECORDS)
        labels[rows] = records[:, 0]
        np.divide(records[:, 1:].reshape(RECORDS, 3, 32, 32), 255, out=x[rows], dtype=np.float32)
    return Dataset(x, labels, CLASSES, f"cifar10 {split}")


def _missing(path: Path, folder: Path) -> DataError:
    advice = (
        f"Get {ARCHIVE}, the binary layout, with: python -m nnpg.data.download cifar10 --data-dir {folder}\n"
        f"or unpack it so that {folder / FOLDER / path.name} exists, and point at it with "
        f"--data-dir {folder} or NNPG_DATA={folder}"
    )
    pickles = [
        parent / name
        for parent in (path.parent, folder, folder / "cifar-10-batches-py")
        for name in ("data_batch_1", "test_batch", "cifar-10-python.tar.gz")
    ]
    for pickle in pickles:
        if pickle.is_file():
            return DataError(
                f"CIFAR-10: expected {path.name}, found {pickle}: that is the Python layout, which is a pickle "
                f"(opening a pickle runs whatever code is in it), so nnpg does not read it.\n{advice}"
            )
    return DataError(f"CIFAR-10: {path.name} is missing (looked in {path.parent}).\n{advice}")
