"""A folder of images with one folder per class."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import DataError, Dataset
from nnpg.data.limits import Limits, limits_for
from nnpg.data.locations import check_file, kind_of
from nnpg.data.readers.images import open_image, to_array
from nnpg.support.arguments import as_flag, as_pair, as_path
from nnpg.support.progress import progress_bar
from nnpg_command import printable

MANY = 300  # images; more are read with a progress bar


def load_folder(
    folder: str | os.PathLike[str],
    size: int | tuple[int, int] | None = None,
    grey: bool = False,
    limits: Limits | None = None,
) -> Dataset:
    """Load images from one folder per class.

    Classes are the subfolders and images their files, both sorted by name. Hidden files and
    folders (``.name``) are skipped; files beside the class folders are not read.

    Parameters
    ----------
    folder : path
        Holds ``class_name/image.png`` and so on, in one of the formats `nnpg.data.readers.images.FORMATS`, at 8 bits
        a channel.
    size : int or (H, W), optional
        Resize every image to this size, in pixels. Without it all images must have the same size.
    grey : bool
        One grey channel instead of three colours.
    limits : Limits, optional
        The most that is read; see `nnpg.data.Limits`.

    Returns
    -------
    Dataset
        x (N, C, H, W), C = 1 if `grey`, else 3.

    Raises
    ------
    DataError
        If there are no class folders, one is empty or holds a folder, a pipe or a device, a file is not an image,
        sizes differ, all images together or one of them are larger than the limits, or a folder's name cannot be that
        of a class (see `Dataset`).

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, colour in ("night", "black"), ("snow", "white"):
    ...         (Path(folder) / name).mkdir()
    ...         Image.new("RGB", (4, 3), colour).save(Path(folder) / name / "1.png")
    ...     d = load_folder(folder)
    >>> d.image_shape, d.class_names, d.x[:, 0, 0, 0].tolist()
    ((3, 3, 4), ('night', 'snow'), [0.0, 1.0])
    """
    root, grey = as_path(folder, "folder"), as_flag(grey, "grey")
    size = None if size is None else as_pair(size, "size")
    limits = limits_for(limits)
    paths, labels, class_names = _listed(root)
    limits.check("classes", len(class_names), f"{root}")
    images: list[NDArray[np.float32]] = []
    with progress_bar("reading images", len(paths), show=None if len(paths) > MANY else False) as advance:
        for path in paths:
            opened = open_image(path, grey=grey, limits=limits)
            if not images:
                H, W = size or (opened.height, opened.width)
                needed = 4 * len(paths) * (1 if grey else 3) * H * W
                limits.check_bytes(needed, f"{root}: {len(paths)} images of {W} x {H}")
            image = to_array(opened, size)  # (C, H, W)
            if images and image.shape != images[0].shape:
                (_, H0, W0), (_, H, W) = images[0].shape, image.shape
                raise DataError(
                    f"{path}: expected {W0} x {H0} pixels (width x height) like {paths[0]}, found {W} x {H}; "
                    "give a size to have all images resized to it"
                )
            images.append(image)
            advance()
    return Dataset(np.stack(images), np.array(labels, np.int64), class_names, printable(root.resolve().name))


def _listed(root: Path) -> tuple[list[Path], list[int], tuple[str, ...]]:
    """Return image paths, labels and class names; refuse what can be seen to be wrong without decoding an image."""
    expected = "expected a folder that holds one folder of images per class"
    if not root.is_dir():
        raise DataError(f"{root}: {expected}, found {kind_of(root)}; check the path")
    classes = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    if not classes:
        raise DataError(f"{root}: {expected}, found no folders in it; move each class's images into its own")
    paths: list[Path] = []
    labels: list[int] = []
    for label, folder in enumerate(classes):
        files = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
        if not files:
            raise DataError(f"{folder}: expected images of class {folder.name!r}, found none; fill or remove it")
        for file in files:
            check_file(file, f"an image of class {folder.name!r}", "; move it away")
        paths += files
        labels += [label] * len(files)
    return paths, labels, tuple(folder.name for folder in classes)
