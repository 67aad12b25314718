"""Every data set, by its name or by its path."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Literal

from nnpg.data.dataset import DataError, Dataset
from nnpg.data.drawn_faces.identities import faces
from nnpg.data.limits import Limits, limits_for
from nnpg.data.locations import data_folder, kind_of
from nnpg.data.readers.cifar10 import load_cifar10
from nnpg.data.readers.folder import load_folder
from nnpg.data.readers.mnist import load_mnist
from nnpg.data.readers.npz import load_npz
from nnpg.data.readers.yale import load_yale
from nnpg.support.arguments import as_choice, as_count, as_path

NAMES = ("faces", "yale", "mnist", "cifar10")


def load(
    name: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    *,
    split: Literal["train", "test"] | None = None,
    seed: int = 0,
    size: int | None = None,
    limits: Limits | None = None,
) -> Dataset:
    """Load a data set by its name or its path.

    Parameters
    ----------
    name : str or path
        "faces" (built in, drawn from `seed`), "yale", "mnist", "cifar10", a ``.npz`` file, or a
        folder that holds one folder of images per class.
    data_dir : path, optional
        Folder of the named sets. Default: the environment variable NNPG_DATA, or else the platform's cache folder,
        where `nnpg.data.download` puts them.
    split : {"train", "test"}, optional
        Part of MNIST or CIFAR-10 (default "train"). The other sets are not divided: see `stratified_split`.
    seed : int
        Seed of the built-in faces; not used by the other sets.
    size : int, optional
        Height and width in pixels, for "faces" and "yale" (default 60) and folders of images
        (default: their own).
    limits : Limits, optional
        Upper limits on the content, for sets whose size is not known; see `nnpg.data.Limits`.

    Raises
    ------
    DataError
        If there is no such set, its files are missing (the message says how to get them) or wrong,
        or it has no such split or size.

    Examples
    --------
    >>> load("faces", seed=1)
    Dataset 'faces': 165 images of 1 x 60 x 60, 15 classes
    >>> load("minst")
    Traceback (most recent call last):
    ...
    nnpg.data.dataset.DataError: 'minst' is no data set; did you mean 'mnist'? Expected faces, yale, ...
    """
    if name != "":  # the error for an empty name, below, lists the data sets
        as_path(name, "name, of a data set or a file,")
    data_dir = None if data_dir is None else as_path(data_dir, "data_dir")
    split = None if split is None else as_choice(split, "split", ("train", "test"))  # type: ignore[assignment]
    seed, size = as_count(seed, "seed", least=0), None if size is None else as_count(size, "size")
    limits = limits_for(limits)
    if name in ("mnist", "cifar10"):
        if size is not None:
            raise DataError(f"{name} has one size of image only: leave size out")
        if name == "cifar10":
            return load_cifar10(data_folder(data_dir), split or "train")
        return load_mnist(data_folder(data_dir), split or "train", limits)
    path = Path(name).expanduser()
    if not str(name) or (name not in NAMES and kind_of(path) == "nothing there" and path.suffix != ".npz"):
        similar = difflib.get_close_matches(str(name), NAMES, 1)
        guess = f" did you mean {similar[0]!r}?" if similar else ""
        raise DataError(
            f"{str(name)!r} is no data set;{guess} Expected {', '.join(NAMES)}, or the path of a .npz file or "
            "of a folder with one folder of images per class"
        )
    if split is not None:
        raise DataError(f"{name} has no {split!r} part of its own: leave split out and use stratified_split")
    if name == "faces":
        return faces(seed, size=60 if size is None else size)
    if name == "yale":
        return load_yale(data_folder(data_dir), 60 if size is None else size)
    if path.is_dir():
        return load_folder(path, size, limits=limits)
    if size is not None:
        raise DataError(f"{path}: arrays are not resized: leave size out")
    return load_npz(path, limits)
