"""What runs when the site is built: the `>>>` blocks of its pages; and how long the code cells of a page may take."""

from __future__ import annotations

import doctest
import hashlib
import io
import shutil
from collections.abc import Iterable
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_cache.executors import utils as executing
from myst_nb.core.execute import ExecutionResult
from myst_nb.sphinx_ import NbMetadataCollector
from nbclient import execute
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

from nnpg_docs.sources import CHECKOUT

logger = logging.getLogger(__name__)
SOURCES = {".py", ".cjs", ".js", ".j2", ".css", ".cu", ".h", ".cuh", ".json", ".png"}
AS_IN_TESTS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def digest(folders: Iterable[str]) -> str:
    """Return a digest of every source in these folders of the checkout: what has run is kept until it changes."""
    sources = [file for folder in folders for file in (CHECKOUT / folder).rglob("*") if file.suffix in SOURCES]
    answer = hashlib.sha256()
    for file in sorted(sources):
        answer.update(f"{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes() + b"\0")
    return answer.hexdigest()[:16]


def kept_cells(folder: Path) -> Path:
    """Return where the results of code cells are kept for the library as it is; delete those of other versions."""
    kept = folder / f"cells-{digest(['nnpg', 'kernels'])}"
    for other in folder.glob("cells-*"):
        if other != kept:
            shutil.rmtree(other)
    return kept


def run_examples(app: Sphinx, docname: str, source: list[str]) -> None:
    """Run the `>>>` blocks of a page one after another; the first that answers otherwise breaks the build."""
    if ">>> " not in source[0] or not str(app.env.doc2path(docname)).endswith(".md"):
        return
    test = doctest.DocTestParser().get_doctest(source[0], {"__name__": "__main__"}, docname, docname, 0)
    report = io.StringIO()
    with redirect_stdout(io.StringIO()):
        outcome = doctest.DocTestRunner(verbose=False, optionflags=AS_IN_TESTS).run(test, out=report.write)
    if outcome.failed:
        logger.warning("examples: %s", report.getvalue(), location=docname, type="nnpg", subtype="examples")


def check_seconds(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each page whose code cells took longer than a page may."""
    for docname in env.found_docs:
        result: ExecutionResult | None = NbMetadataCollector.get_exec_data(env, docname)
        seconds = (result or {}).get("runtime") or 0
        if seconds > app.config.nnpg_page_seconds:
            message = "cells: they took %.0f seconds, and a page has %d"
            logger.warning(message, seconds, app.config.nnpg_page_seconds, location=docname, type="nnpg")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the examples and the budget with Sphinx; a change of any source lets every page be read anew.

    What a cell prints may come in parts: nbclient joins them as they are, MyST-NB would end a line after each.
    """
    executing.executenb = partial(execute, coalesce_streams=True)
    app.add_config_value("nnpg_page_seconds", 60, "")
    app.add_config_value("nnpg_sources", digest(["nnpg", "kernels", "docs/nnpg_docs"]), "env")
    app.connect("source-read", run_examples, priority=100)
    app.connect("env-updated", check_seconds)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
