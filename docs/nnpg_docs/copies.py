"""What lies outside of docs/ and is a page of the site: tutorials, the records in results/, kernels/README.md."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from nnpg_docs.sources import CHECKOUT


def copy_files(files: Iterable[Path], source: Path, destination: Path) -> None:
    """Make a folder hold copies of these files only; those that have not changed are left as they are."""
    wanted = {file.relative_to(source) for file in files}
    for file in [file for file in destination.rglob("*") if file.is_file()]:
        if file.relative_to(destination) not in wanted:
            file.unlink()
    for name in wanted:
        target = destination / name
        if not target.exists() or target.read_bytes() != (source / name).read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target)


def copy_pages(app: Sphinx, config: Config) -> None:
    """Copy them to where Sphinx finds them, in folders that git ignores."""
    tutorials, records = CHECKOUT / "nnpg" / "tutorials", CHECKOUT / "results"
    copy_files(tutorials.glob("[0-9]*.md"), tutorials, Path(app.srcdir) / "tutorials")
    copy_files([*records.glob("*/result.md"), *records.glob("*/*.png")], records, Path(app.srcdir) / "records")
    kernels = CHECKOUT / "kernels"
    copy_files([kernels / "README.md"], kernels, Path(app.srcdir) / "kernels")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the copies with Sphinx."""
    app.connect("config-inited", copy_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
