"""Pictures inside a page: each is read, checked, and written into the HTML as text."""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

_KINDS = {
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
_SIGNATURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
_MOST_BYTES = 64 << 20  # of a picture
_SCREEN = 1.4  # pictures are made for print; a screen is further away, so they are shown larger


@dataclass(frozen=True)
class Image:
    """A picture.

    Parameters
    ----------
    path : path
        A PNG, SVG, JPEG, GIF or WebP file.
    alt : str
        A description for readers who do not see the picture; required.
    caption : str
        Below it.
    """

    path: str | Path
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Embedded:
    """The HTML element of a picture: `source` is a data URL; width and height are in pixels, where known."""

    source: str
    alt: str
    caption: str
    width: int | None
    height: int | None


def embedded(image: Image) -> Embedded:
    """Read a picture.

    Raises
    ------
    ValueError
        If the file is of an unknown kind or of another kind than its suffix, too large, or without `alt` text.
    FileNotFoundError
        If it is missing.
    """
    path = Path(image.path)
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{path.name!r} cannot be shown in a page: pictures are {', '.join(_KINDS)}")
    if not image.alt.strip():
        raise ValueError(f"{path.name!r} has no alt text: say what the picture shows")
    if not path.is_file():
        raise FileNotFoundError(f"no picture {str(path)!r}: draw it first")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(
            f"{path.name!r} has {path.stat().st_size:,} bytes; a picture in a page has {_MOST_BYTES:,} at most"
        )
    data = path.read_bytes()
    if kind in _SIGNATURES and not data.startswith(_SIGNATURES[kind]):
        raise ValueError(f"{path.name!r} is named {path.suffix} but is no such file")
    source = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    width, height = _png_size(data) if kind == "image/png" else (None, None)
    return Embedded(source, image.alt, image.caption, width, height)


def _png_size(data: bytes) -> tuple[int | None, int | None]:
    """Return width and height on the screen, from the size in inches where the file states it."""
    if len(data) < 24:
        return None, None
    width, height = struct.unpack(">II", data[16:24])
    chunk = data.find(b"pHYs", 0, 1000)
    dots = struct.unpack(">I", data[chunk + 4 : chunk + 8])[0] if chunk > 0 else 0  # per metre
    scale = _SCREEN * 96 / (dots * 0.0254) if dots else 1.0
    return round(width * scale), round(height * scale)
