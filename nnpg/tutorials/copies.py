"""The tutorials of the package by name, and their copies in a folder of the user."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from nnpg.files.atomic import atomic_write, results_folder, writable
from nnpg.support.arguments import as_flag, as_path
from nnpg.tutorials.jupyter import as_jupyter


@dataclass(frozen=True)
class Tutorial:
    """A tutorial of the package.

    Parameters
    ----------
    name : str
        The name of its file without the ending, which begins with its number.
    title : str
        Its first heading.
    text : str
        The text notebook, in MyST Markdown.
    """

    name: str
    title: str
    text: str


def list_tutorials() -> tuple[Tutorial, ...]:
    """Return the tutorials of the package, in the order in which they are read.

    Examples
    --------
    >>> [tutorial.title for tutorial in list_tutorials() if tutorial.name == "06_fool_it"]
    ['Fool it']
    """
    found = [entry for entry in files("nnpg.tutorials").iterdir() if re.fullmatch(r"\d\d_\w+\.md", entry.name)]
    texts = {entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8") for entry in found}
    return tuple(Tutorial(name, _title(texts[name]), texts[name]) for name in sorted(texts))


def copy_tutorials(folder: str | Path, *, jupyter: bool = False, force: bool = False) -> tuple[Path, ...]:
    """Write every tutorial into a folder.

    Parameters
    ----------
    folder : path
        Made unless it exists.
    jupyter : bool
        Write notebooks of Jupyter (.ipynb) instead of text notebooks (.md).
    force : bool
        Overwrite files of the same names.

    Returns
    -------
    tuple of Path
        The files, in the order in which they are read.

    Raises
    ------
    FileExistsError
        If one of the files exists and `force` is not set. Nothing is written then.
    OSError
        If the folder cannot be made, or a file cannot be written. Each file is written whole or not at all.

    Examples
    --------
    >>> from nnpg.files.atomic import temporary_folder
    >>> with temporary_folder() as folder:
    ...     "06_fool_it.ipynb" in [path.name for path in copy_tutorials(folder, jupyter=True)]
    True
    """
    folder, jupyter, force = as_path(folder, "folder"), as_flag(jupyter, "jupyter"), as_flag(force, "force")
    contents = {
        folder / f"{tutorial.name}.{'ipynb' if jupyter else 'md'}": _content(tutorial, jupyter)
        for tutorial in list_tutorials()
    }
    present = [path for path in contents if os.path.lexists(path)]
    if present and not force:
        more = f", and {len(present) - 1} more" if len(present) > 1 else ""
        raise FileExistsError(
            f"{present[0]} exists and is not overwritten{more}: name another folder, or overwrite with force (--force)"
        )
    results_folder(folder)
    for path, content in contents.items():
        writable(path, len(content))
    for path, content in contents.items():
        with atomic_write(path) as out:
            out.write(content)
    return tuple(contents)


def _title(text: str) -> str:
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    assert heading is not None, "a tutorial has a heading"
    return heading[1].strip()


def _content(tutorial: Tutorial, jupyter: bool) -> bytes:
    if not jupyter:
        return tutorial.text.encode()
    return (json.dumps(as_jupyter(tutorial.text), indent=1, ensure_ascii=False) + "\n").encode()
