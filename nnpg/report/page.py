"""One self-contained HTML file: text, tables, code and pictures, to be mailed or opened anywhere.

The pictures are inside the file. There is no script and nothing is loaded; the page says so to the browser.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from numbers import Integral, Real
from pathlib import Path
from typing import TypeGuard

from nnpg.files.atomic import writable, write_file

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
_NUMBER = re.compile(r"[+\-−]?[\d.,/]*\d[\d.,/]*([eE][+\-−]?\d+)?\s?%?")
_NOTHING = ("", "-", "–", "—", "nan", "inf", "-inf")  # no number, but no word either
_SCREEN = 1.4  # pictures are made for print; on a screen they are read from further away


@dataclass(frozen=True)
class Image:
    """A picture.

    Parameters
    ----------
    path : path
        A PNG, SVG, JPEG, GIF or WebP file.
    alt : str
        The words that stand for it where it is not seen; needed.
    caption : str
        Below it.
    """

    path: str | Path
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells below a header.

    Parameters
    ----------
    header : strings
    rows : sequences, each as long as the header
        Cells are written as str() has them, None as nothing. A column of numbers is set flush right, and the floats in
        it get the same decimals: four digits of the largest. Where the first column is words, it names the rows.
    caption : str
        Above it.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page; what it holds is shown in this order.

    Parameters
    ----------
    title : str
    text : str
        A blank line parts paragraphs.
    figures : sequence of Image
    tables : sequence of Table
    code : str
        Kept as it is: commands, a program, what a program printed.
    """

    title: str
    text: str = ""
    figures: Sequence[Image] = ()
    tables: Sequence[Table] = ()
    code: str = ""


def write_page(path: str | Path, title: str, sections: Sequence[Section], lead: str = "") -> Path:
    """Write one HTML file that holds everything; it replaces `path` whole or not at all.

    Parameters
    ----------
    path : path
        A .html file.
    title : str
    sections : sequence of Section
    lead : str
        What the page is about, below its title; a blank line parts paragraphs.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        If a table's rows do not fit its header, or a picture is of unknown kind, not what its name says, or without
        `alt` text.
    FileNotFoundError
        If a picture or the folder of `path` is missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_page(Path(folder) / "a.html", "Faces", [Section("Errors", "1 < 2")])
    ...     "<p>1 &lt; 2</p>" in page.read_text(encoding="utf-8")
    True
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a page is written as .html, not as {path.name!r}")
    writable(path)
    body = "\n".join(_section(section) for section in sections)
    page = _PAGE.format(title=escape(title), style=_STYLE, lead=_paragraphs(lead, "lead"), body=body)
    return write_file(path, page.encode("utf-8"))


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>", _paragraphs(section.text)]
    if section.figures:
        parts.append('<div class="figures">\n' + "\n".join(map(_figure, section.figures)) + "\n</div>")
    parts += [_table(table) for table in section.tables]
    if section.code:
        parts.append(f'<pre tabindex="0"><code>{escape(section.code)}</code></pre>')
    return "<section>\n" + "\n".join(filter(None, parts)) + "\n</section>"


def _paragraphs(text: str, kind: str = "") -> str:
    start = f'<p class="{kind}">' if kind else "<p>"
    return "\n".join(f"{start}{escape(part.strip())}</p>" for part in re.split(r"\n\s*\n", text) if part.strip())


# Pictures


def _figure(image: Image) -> str:
    path = Path(image.path)
    kind = _KINDS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{path.name!r} cannot stand in a page: pictures are {', '.join(_KINDS)}")
    if not image.alt.strip():
        raise ValueError(f"{path.name!r} has no alt text: say what is to be seen")
    if not path.is_file():
        raise FileNotFoundError(f"no picture {str(path)!r}: draw it first")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(
            f"{path.name!r} has {path.stat().st_size:,} bytes; a picture in a page has {_MOST_BYTES:,} at most"
        )
    data = path.read_bytes()
    if kind in _SIGNATURES and not data.startswith(_SIGNATURES[kind]):
        raise ValueError(f"{path.name!r} is named {path.suffix} but is no such file")
    size = _png_size(data) if kind == "image/png" else ""
    source = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    caption = f"\n<figcaption>{escape(image.caption)}</figcaption>" if image.caption else ""
    return f'<figure>\n<img src="{source}" alt="{escape(image.alt)}"{size}>{caption}\n</figure>'


def _png_size(data: bytes) -> str:
    """The size on the screen, from the size in inches where the file tells it."""
    if len(data) < 24:
        return ""
    width, height = struct.unpack(">II", data[16:24])
    found = data.find(b"pHYs", 0, 1000)
    dots = struct.unpack(">I", data[found + 4 : found + 8])[0] if found > 0 else 0  # per metre
    scale = _SCREEN * 96 / (dots * 0.0254) if dots else 1.0
    return f' width="{round(width * scale)}" height="{round(height * scale)}"'


# Tables


def _table(table: Table) -> str:
    for n, row in enumerate(table.rows):
        if len(row) != len(table.header):
            raise ValueError(
                f"row {n} has {len(row)} cells, the header {len(table.header)} ({', '.join(table.header)})"
            )
    columns = [_column([row[c] for row in table.rows]) for c in range(len(table.header))]
    numeric = [numbers for _, numbers in columns]
    head = "".join(_cell("th", name, n, "col") for name, n in zip(table.header, numeric, strict=True))
    lines = []
    for r in range(len(table.rows)):
        cells = [cells[r] for cells, _ in columns]
        named = bool(cells) and not numeric[0]  # the first column names the row, unless it holds numbers
        first = [_cell("th", cells[0], False, "row")] if named else []
        rest = [_cell("td", cell, n) for cell, n in list(zip(cells, numeric, strict=True))[len(first) :]]
        lines.append(f"<tr>{''.join(first + rest)}</tr>")
    caption = f"<caption>{escape(table.caption)}</caption>\n" if table.caption else ""
    body = "\n".join(lines)
    return (
        f'<div class="wide" tabindex="0"><table>\n{caption}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _cell(tag: str, text: str, numeric: bool, scope: str = "") -> str:
    scope = f' scope="{scope}"' if scope else ""
    kind = ' class="n"' if numeric else ""
    return f"<{tag}{scope}{kind}>{escape(text)}</{tag}>"


def _column(cells: Sequence[object]) -> tuple[list[str], bool]:
    """The cells as text, and whether they are numbers; floats show four digits of the largest."""
    floats = [float(cell) for cell in cells if _is_float(cell)]
    largest = max((abs(value) for value in floats if math.isfinite(value)), default=0.0)
    decimals = max(0, 3 - math.floor(math.log10(largest))) if largest else 1
    form = f".{decimals}f" if decimals < 8 else ".3e"
    texts = [f"{cell:{form}}" if _is_float(cell) else "" if cell is None else str(cell) for cell in cells]
    filled = [text for text in texts if text not in _NOTHING]
    return texts, bool(filled) and all(_NUMBER.fullmatch(text) for text in filled)


def _is_float(cell: object) -> TypeGuard[float]:
    return isinstance(cell, Real) and not isinstance(cell, Integral)


_STYLE = """\
:root { color-scheme: light dark;
  --ink: #1a1a1a; --soft: #5c5c5c; --line: #d0d0d0; --ground: #ffffff; --panel: #f4f4f2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a8a8a8; --line: #454545; --ground: #17181a; --panel: #222427; }
}
body { margin: 0 auto; max-width: 68rem; padding: 2rem 1.25rem 4rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 0 0 .5rem; }
section { margin-top: 2.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
p { max-width: 44rem; margin: .6rem 0; }
.lead { font-size: 1.1rem; color: var(--soft); }
.figures { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 1.25rem 3rem; margin: 1.25rem 0; }
figure { margin: 0; max-width: 100%; }
img { max-width: 100%; height: auto; background: #ffffff; border-radius: 4px; }
figcaption, caption { color: var(--soft); font-size: .9rem; text-align: left; }
figcaption { margin-top: .4rem; width: 0; min-width: 100%; } /* as wide as its picture */
caption { padding-bottom: .4rem; }
.wide, pre { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; font-size: .95rem; }
th, td { padding: .3rem .9rem .3rem 0; text-align: left; vertical-align: baseline; }
th:last-child, td:last-child { padding-right: 0; }
thead th { border-bottom: 2px solid var(--line); }
tbody th { font-weight: 500; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
pre { background: var(--panel); padding: .8rem 1rem; border-radius: 4px; font-size: .85rem; line-height: 1.4; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
@media print { body { max-width: none; padding: 0; } section { break-inside: avoid-page; } }
"""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{title}</h1>
{lead}
</header>
<main>
{body}
</main>
</body>
</html>
"""
