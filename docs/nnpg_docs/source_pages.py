"""A page of the site for each source file, where every line has an anchor; the line that a link names is marked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx

from nnpg_docs.sources import modules, path_in_checkout


def page_of(module: str) -> str:
    """Return the name of the page of a module's source."""
    return "source/" + path_in_checkout(module).removesuffix(".py")


def page_of_file(path: str) -> str | None:
    """Return the name of the page of a source file, a path from the top of the checkout; None if it has none."""
    page = path.removesuffix(".py")
    return f"source/{page}" if path in {path_in_checkout(module) for module in modules()} else None


def source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the page of each source file."""
    formatter = HtmlFormatter(linespans="L", cssclass="highlight source-page")
    for module, file in modules().items():
        name = path_in_checkout(module)
        code = highlight(file.read_text(encoding="utf-8"), PythonLexer(stripnl=False), formatter)
        body = f"<h1>{name}</h1>\n{code}"
        yield page_of(module), {"title": name, "body": body}, "page.html"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the pages with Sphinx."""
    app.connect("html-collect-pages", source_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
