"""The Yale face database: 15 people under 11 conditions."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from nnpg.data.dataset import DataError, Dataset
from nnpg.data.locations import folder_of_set
from nnpg.data.readers.images import open_image, to_array
from nnpg.support.arguments import as_count, as_path

SUBJECTS = tuple(f"subject{number:02d}" for number in range(1, 16))
CONDITIONS = (
    "centerlight", "glasses", "happy", "leftlight", "noglasses", "normal",
    "rightlight", "sad", "sleepy", "surprised", "wink",
)  # fmt: skip
FRAME = (320, 243)  # width, height of every original image


def how_to_get_yale(folder: str | os.PathLike[str]) -> str:
    """Return advice: where to get the Yale faces, and where to put them."""
    return (
        "Yale's terms do not allow passing the images on, so nnpg cannot download them: ask for yalefaces.tar at\n"
        "http://cvc.cs.yale.edu/cvc/projects/yalefaces/yalefaces.html (Yale, Computational Vision; free for\n"
        f"research), unpack it so that {Path(folder) / 'yalefaces' / 'subject01.centerlight'} exists, and point at it\n"
        f"with --data-dir {folder} or NNPG_DATA={folder}. The built-in set 'faces' needs no files."
    )


def load_yale(folder: str | os.PathLike[str], size: int = 60) -> Dataset:
    """Load the Yale faces: 165 grey images, sorted by subject, then by condition.

    The whole 320 x 243 frame is scaled to `size` x `size` (Lanczos, antialiased); nothing is cropped or aligned. This
    is how we read "input images are resized to 60x60" (Lo & Ding 2015, V.A).

    Parameters
    ----------
    folder : path
        Holds ``yalefaces/subjectNN.condition``, or those files themselves (GIF, no extension).
        Other files there are not read.
    size : int
        Height and width of the result, in pixels.

    Returns
    -------
    Dataset
        x (165, 1, size, size), 15 classes, `conditions` filled.

    Raises
    ------
    DataError
        If an image is missing, cannot be read, or is not 320 x 243.

    Examples
    --------
    >>> load_yale("no/such/folder")
    Traceback (most recent call last):
    ...
    nnpg.data.dataset.DataError: Yale faces: 165 of 165 images are missing ...
    """
    folder, size = as_path(folder, "folder"), as_count(size, "size")
    root = folder_of_set(folder, "yalefaces")
    paths = [root / f"{subject}.{condition}" for subject in SUBJECTS for condition in CONDITIONS]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"Yale faces: {len(missing)} of {len(paths)} images are missing in {root}, "
            f"the first is {missing[0]}.\n{how_to_get_yale(folder)}"
        )
    images = []
    for path in paths:
        image = open_image(path, grey=True)
        if image.size != FRAME:
            raise DataError(
                f"{path}: expected {FRAME[0]} x {FRAME[1]} pixels, found {image.width} x {image.height}; "
                "take the file from the original archive"
            )
        images.append(to_array(image, (size, size)))
    labels = np.repeat(np.arange(len(SUBJECTS), dtype=np.int64), len(CONDITIONS))
    return Dataset(np.stack(images), labels, SUBJECTS, "yale", conditions=CONDITIONS * len(SUBJECTS))
