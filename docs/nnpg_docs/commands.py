"""Pages that commands of the project write: the gallery, the demo, the explorer, and those of the lecture."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

from nnpg_docs.copies import copy_files
from nnpg_docs.execution import digest
from nnpg_docs.sources import CHECKOUT

NAMED = re.compile(r'<span data-page="([^"]+)">(.*?)</span>', re.DOTALL)  # words that name a page of the site


def write_pages(app: Sphinx, config: Config) -> None:
    """Write them where Sphinx takes them from, unless they are there, made by the code as it is."""
    cache = Path(config.nnpg_cache)
    made = cache / f"commands-{digest(['nnpg', 'kernels', 'experiments', 'results', 'docs/nnpg_docs'])}"
    for other in cache.glob("commands-*"):
        if other != made:
            shutil.rmtree(other)
    if not made.exists():
        unfinished = cache / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        beside = unfinished / "beside"
        _run("experiments", "gallery", str(beside / "gallery.html"))
        _run("nnpg", "demo", "--out", str(beside / "demo"))
        gallery, demo = beside / "gallery.html", beside / "demo" / "index.html"
        gallery.write_text(with_home(gallery.read_text(encoding="utf-8"), ""), encoding="utf-8")
        demo.write_text(with_home(with_pages(demo.read_text(encoding="utf-8"), "../"), "../"), encoding="utf-8")
        explorer = beside / "demo" / "explorer.html"
        text = explorer.read_text(encoding="utf-8")
        (beside / "explorer.html").write_text(with_sources(text, "source/"), encoding="utf-8")
        explorer.write_text(with_sources(text, "../source/"), encoding="utf-8")
        _run("nnpg_docs.lecture_pages", str(unfinished / "lecture"), str(beside / "lecture"))
        unfinished.rename(made)
    lecture = made / "lecture"
    copy_files([file for file in lecture.rglob("*") if file.is_file()], lecture, Path(app.srcdir) / "lecture")
    config.html_extra_path.append(str(made / "beside"))


def with_sources(page: str, folder: str) -> str:
    """Return the explorer's page with links to the source pages of the site in a folder, relative to the page."""
    stands_alone = 'data-sources=""'
    if page.count(stands_alone) != 1:
        raise ExtensionError(f"the explorer's page has {stands_alone} {page.count(stands_alone)} times, not once")
    return page.replace(stands_alone, f'data-sources="{folder}"')


def with_pages(page: str, folder: str) -> str:
    """Return the demo's page with links to the pages of the site in a folder, relative to the page."""
    linked, count = NAMED.subn(rf'<a href="{folder}\1">\2</a>', page)
    if not count:
        raise ExtensionError("the demo's page names no page of the site with data-page")
    return linked


def with_home(page: str, folder: str) -> str:
    """Return a page of `nnpg.report` with a link to the first page of the site, relative to the page."""
    if page.count("<header>") != 1:
        raise ExtensionError(f"the page has {page.count('<header>')} headers, not one")
    return page.replace("<header>", f'<header>\n<p><a href="{folder}index.html">nnpg</a></p>')


def _run(*command: str) -> None:
    answer = subprocess.run([sys.executable, "-m", *command], cwd=CHECKOUT, capture_output=True, text=True)
    if answer.returncode:
        raise ExtensionError(f"{' '.join(command)} ended with {answer.returncode}: {answer.stderr.strip()[-500:]}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the pages with Sphinx."""
    app.connect("config-inited", write_pages, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
