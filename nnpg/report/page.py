"""One self-contained HTML file: text, tables, code and pictures.

The pictures are inside the file. It has no script, loads nothing, and forbids the browser both. Its HTML is in
`templates/`: `page.html.j2` is the page, `parts.html.j2` its parts, `demo.html.j2` the page of the demo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nnpg.files.atomic import writable, write_file
from nnpg.report.pictures import Image, embedded
from nnpg.report.tables import Table, cells

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Section:
    """A part of the page, shown in the order of these fields.

    Parameters
    ----------
    title : str
    text : str
        A blank line separates paragraphs.
    figures : sequence of Image
    tables : sequence of Table
    code : str
        Shown as it is: commands, a program, or a program's output.
    """

    title: str
    text: str = ""
    figures: Sequence[Image] = ()
    tables: Sequence[Table] = ()
    code: str = ""


def write_page(path: str | Path, title: str, sections: Sequence[Section], lead: str = "") -> Path:
    """Write one HTML file with all pictures inside; it replaces `path` whole or not at all.

    Parameters
    ----------
    path : path
        A .html file.
    title : str
    sections : sequence of Section
    lead : str
        A summary below the title; a blank line separates paragraphs.

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
    return write_template(path, "page.html.j2", title=title, sections=sections, lead=lead)


def write_template(path: str | Path, template: str, **values: Any) -> Path:
    """Write one HTML file from a template in `nnpg/report/templates`; it replaces `path` whole or not at all.

    Parameters
    ----------
    path : path
        A .html file.
    template : str
    **values
        Values of the template's variables. Text is escaped; Image and Table use the macros of `parts.html.j2`.

    Raises
    ------
    ValueError, FileNotFoundError
        As `write_page`.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"a page is written as .html, not as {path.name!r}")
    writable(path)
    text = _environment().get_template(template).render(values)
    return write_file(path, f"{text}\n".encode())


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # imported here, because most commands write no page

    environment = Environment(
        loader=PackageLoader("nnpg.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"embedded": embedded, "cells": cells, "split_paragraphs": _split_paragraphs}
    return environment


def _split_paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text; a blank line separates two."""
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
