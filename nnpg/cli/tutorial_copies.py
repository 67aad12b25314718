"""`nnpg tutorials`: list them, and copy them into a folder."""

from __future__ import annotations

from typing import Annotated

import typer

from nnpg.cli.options import JsonOption, print_json
from nnpg.support.tables import text_table
from nnpg.tutorials import copy_tutorials, list_tutorials


def tutorials(
    to: Annotated[
        str | None, typer.Option("--to", metavar="DIR", help="Copy them into this folder, which is made if need be.")
    ] = None,
    ipynb: Annotated[
        bool, typer.Option("--ipynb", help="Copy notebooks for Jupyter (.ipynb) instead of text notebooks (.md).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files of the same names.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the tutorials, or copy them into a folder: text and code, to be read, run and changed.

    The text notebooks are Markdown: any editor shows them, and Jupyter opens them with jupytext. With `--ipynb` Jupyter
    opens them as they are. All use built-in data and run without a network.

    Example: `nnpg tutorials --to tutorials --ipynb`
    """
    if to is None and (ipynb or force):
        raise ValueError(f"{'--ipynb' if ipynb else '--force'} needs --to DIR: without it, nothing is copied")
    if to == "":
        raise ValueError("--to needs a folder, not '': name one, such as tutorials")
    found = list_tutorials()
    written = [None] * len(found) if to is None else [str(p) for p in copy_tutorials(to, jupyter=ipynb, force=force)]
    if as_json:
        rows = zip(found, written, strict=True)
        print_json([{"name": one.name, "title": one.title, "file": file} for one, file in rows])
    elif to is None:
        print(text_table(("tutorial", "title"), [(one.name, one.title) for one in found]))
        print("copy them: nnpg tutorials --to DIR, for Jupyter with --ipynb")
    else:
        print("\n".join(f"wrote {path}" for path in written))
