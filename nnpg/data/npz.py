"""Data sets in NumPy's .npz archives, read and written without pickle."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import DataError, Dataset
from nnpg.files.atomic import write_file


def load_npz(path: str | os.PathLike[str]) -> Dataset:
    """Load a data set from a ``.npz`` file.

    Parameters
    ----------
    path : path
        Holds the arrays ``x``, (N, C, H, W) or (N, H, W), either uint8 (0 .. 255, scaled to
        [0, 1]) or floats in [0, 1], and ``labels``, N integers from 0. Optional: ``class_names``
        (K strings; else "0", "1", ...), and what `save_npz` adds: ``name``, ``conditions``,
        ``masks``, ``features``. Other arrays are not read.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If the file is not such an archive, an array is missing or has the wrong kind, shape or range, or
        holds Python objects (they are pickled, and never loaded).

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
    path = Path(path)
    arrays = _read(path)
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
    names = _strings(path, arrays, "class_names")
    name = arrays.get("name")
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
            path.stem if name is None else str(name),
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
    path = Path(path)
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


def _read(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise DataError(f"{path}: expected a .npz file, found {'a folder' if path.exists() else 'nothing there'}")
    keys = ("x", "labels", "class_names", "name", "conditions", "masks", "features")
    try:
        with path.open("rb") as file:  # opened here: np.load forgets to close a file that it cannot read
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            with archive:
                arrays = {key: archive[key] for key in keys if key in archive}
        for key, array in arrays.items():
            if not isinstance(array, np.ndarray):  # np.load hands over members that are no arrays as bytes
                raise ValueError(f"{key!r} is not an array")
    except Exception as error:  # np.load, zipfile and zlib have a dozen kinds of error for a damaged file
        raise DataError(
            f"{path}: expected a .npz archive of plain arrays, found a damaged file, something else, or Python "
            f"objects, which are pickled and never loaded ({error}); write it with nnpg.data.save_npz or np.savez"
        ) from error
    return arrays


def _pixels(path: Path, x: NDArray[Any]) -> NDArray[np.float32]:
    if x.ndim not in (3, 4) or x.size == 0:
        raise DataError(f"{path}: expected 'x' to be images (N, C, H, W) or (N, H, W), found the shape {x.shape}")
    if x.ndim == 3:
        x = x[:, None]
    if x.dtype == np.uint8:
        return np.divide(x, 255, dtype=np.float32)
    if x.dtype.kind != "f":
        raise DataError(f"{path}: expected 'x' to be uint8 or floats, found {x.dtype}")
    if not (x.min() >= 0 and x.max() <= 1):  # written so that a NaN fails too
        raise DataError(f"{path}: expected floats in [0, 1] in 'x', found {x.min():g} .. {x.max():g}; rescale them")
    return x.astype(np.float32)


def _strings(path: Path, arrays: dict[str, NDArray[Any]], key: str) -> tuple[str, ...] | None:
    if key not in arrays:
        return None
    if arrays[key].ndim != 1 or arrays[key].dtype.kind != "U":
        raise DataError(f"{path}: expected {key!r} to be a list of strings, found {arrays[key].dtype}")
    return tuple(map(str, arrays[key]))
