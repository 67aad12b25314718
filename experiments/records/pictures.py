"""Pictures of a record: the PNG files that a run drew, made small enough for the repository."""

from __future__ import annotations

import io
import itertools

import numpy as np
from PIL import Image

from nnpg_command import UsageError

MOST_BYTES = 150_000  # of one picture
MOST_BYTES_OF_ALL = 8_000_000
COLOURS = (256, 64)  # lines and text need few; in photographs the steps between 256 are not seen, of 64 hardly
SMALLEST = 0.33  # share of the width that is left at least: below it, text cannot be read
SAMPLED = 200  # pixels in a row and in a column that choose the colours
STEP = 0.9  # of the width, from one try to the next


def fitted(png: bytes, name: str, most: int = MOST_BYTES) -> bytes:
    """Return a picture in at most so many bytes: of few colours, and smaller where that is not enough.

    It is shown at the same size as before: its dots per inch shrink with it.

    Parameters
    ----------
    png : bytes
        A PNG file.
    name : str
        For the error.
    most : int
        Number of bytes.

    Raises
    ------
    UsageError
        If no try is small enough, or it is no PNG file.

    Examples
    --------
    >>> out = io.BytesIO()
    >>> Image.linear_gradient("L").save(out, "PNG")
    >>> len(fitted(out.getvalue(), "grey.png")) <= len(out.getvalue())
    True
    >>> fitted(out.getvalue(), "grey.png", most=100)
    Traceback (most recent call last):
    nnpg_command.errors.UsageError: grey.png has ... bytes, and ... at 0.33 of its size; expected at most 100: draw
    fewer or smaller pictures in it
    """
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
            image, dots = _on_white(opened), opened.info.get("dpi", (72.0, 72.0))[0]
    except (OSError, ValueError) as error:
        raise UsageError(f"{name}: expected a PNG file ({error})") from error
    smallest = min(png, _encoded(image, 1.0, COLOURS[0], dots), key=len)
    shares = [STEP**n for n in range(1, 20) if STEP**n > SMALLEST] + [SMALLEST]
    for share, colours in itertools.product(shares, COLOURS):
        if len(smallest) <= most:
            break
        smallest = min(smallest, _encoded(image, share, colours, dots), key=len)
    if len(smallest) > most:
        raise UsageError(
            f"{name} has {len(png):,} bytes, and {len(smallest):,} at {SMALLEST:g} of its size; expected at most "
            f"{most:,}: draw fewer or smaller pictures in it"
        )
    return smallest


def _on_white(image: Image.Image) -> Image.Image:
    """Return the picture without transparency."""
    clear = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")


def _encoded(image: Image.Image, share: float, colours: int, dots: float) -> bytes:
    """Encode a share of the width and height with few colours."""
    if share < 1:
        size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    sample = image.resize([max(1, min(side, SAMPLED)) for side in image.size], Image.Resampling.NEAREST)
    palette = sample.quantize(colours, kmeans=3)  # without kmeans, rare colours become grey
    shades = np.array(palette.getpalette()).reshape(-1, 3)
    white = shades.sum(axis=1).argmax()
    shades[white] = 255
    palette.putpalette(shades.reshape(-1).tolist())
    places = np.array(image.quantize(palette=palette, dither=Image.Dither.NONE))
    places[(np.asarray(image) == 255).all(axis=2)] = white  # the background stays white
    few = Image.fromarray(places)
    few.putpalette(shades.reshape(-1).tolist())
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True, dpi=(dots * share, dots * share))
    return out.getvalue()
