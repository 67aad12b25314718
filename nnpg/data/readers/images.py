"""One image file, read into an array."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nnpg.data.dataset import DataError
from nnpg.data.limits import Limits, limits_for
from nnpg.data.locations import check_file

if TYPE_CHECKING:
    from PIL.Image import Image


FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "PCX", "JPEG2000")  # none starts a program


def open_image(path: Path, *, grey: bool, limits: Limits | None = None) -> Image:
    """Decode an image file to 8-bit grey or RGB (the first frame; transparency is dropped).

    Parameters
    ----------
    path : Path
    grey : bool
        One grey channel instead of three colours (luma 0.299 R + 0.587 G + 0.114 B).
    limits : Limits, optional
        Upper limit on the pixels; see `nnpg.data.Limits`.

    Raises
    ------
    DataError
        If it is not a file, cannot be decoded completely, or has more pixels than the limit or more than 8 bits per
        channel.
    """
    from PIL import Image, ImageOps

    limits = limits_for(limits)
    check_file(path, "an image", "; move it away")
    try:
        with _without_pillows_limit(), Image.open(path, formats=FORMATS) as opened:
            pixels = opened.width * opened.height
            limits.check("megapixels", -(-pixels // 10**6), f"{path}: {opened.width} x {opened.height} pixels")
            opened.load()
            image = ImageOps.exif_transpose(opened)
    except DataError:
        raise
    except Exception as error:  # decoders raise many kinds of error for a damaged file
        raise DataError(
            f"{path}: expected an image, but it cannot be read ({error}); remove or replace the file"
        ) from error
    if image.mode[0] in "IF":  # converting would clip every value above 255
        raise DataError(
            f"{path}: expected an image of 8 bits per channel, found Pillow's mode {image.mode!r}; convert it first"
        )
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("L" if grey else "RGB")


@contextmanager
def _without_pillows_limit() -> Iterator[None]:
    """Switch off Pillow's own limit, which is checked before `Limits`, and only warns up to twice its number."""
    from PIL import Image

    previous, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = previous


def to_array(image: Image, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """Return the pixels of an image in [0, 1], shape (C, H, W), resized to `size` = (H, W) unless it is None.

    Resizing is Pillow's Lanczos, which filters out high frequencies when it shrinks an image (no aliasing). The whole
    image is scaled to the new shape; nothing is cropped.

    Examples
    --------
    >>> from PIL import Image
    >>> to_array(Image.new("RGB", (8, 6), (255, 0, 51)), size=(2, 3))[:, 0, 0].tolist()
    [1.0, 0.0, 0.20000000298023224]
    """
    from PIL.Image import Resampling

    if size is not None:
        H, W = size
        if H < 1 or W < 1:
            raise ValueError(f"size must be at least 1 x 1 pixel, not {H} x {W}")
        image = image.resize((W, H), Resampling.LANCZOS)
    pixels = np.asarray(image, dtype=np.uint8)  # (H, W) or (H, W, C)
    pixels = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    return np.divide(pixels, 255, dtype=np.float32)  # (C, H, W)
