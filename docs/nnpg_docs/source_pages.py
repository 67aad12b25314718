"""A page of the site for each source file, where every line has an anchor; the line that a link names is marked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from nnpg_docs.sources import modules, path_in_checkout

LIBRARY = ("nnpg", "nnpg_kernels")
SHOWN = "source of "  # what the metadata of a page call the modules that it links to


def page_of(module: str) -> str:
    """Return the name of the page of a module's source."""
    return "source/" + path_in_checkout(module).removesuffix(".py")


def module_of_file(path: str) -> str | None:
    """Return the module of a file, a path from the top of the checkout; None if it has none."""
    return next((module for module in modules() if path_in_checkout(module) == path), None)


def show(env: BuildEnvironment, docname: str, module: str) -> None:
    """Note that a page links to the source of a module."""
    env.metadata[docname][f"{SHOWN}{module}"] = module


def source_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the page of each source file: those of the library, and of the others those that a page links to."""
    formatter = HtmlFormatter(linespans="L", cssclass="highlight source-page")
    linked = {value for data in app.env.metadata.values() for key, value in data.items() if key.startswith(SHOWN)}
    for module, file in modules().items():
        if module.split(".")[0] in LIBRARY or module in linked:
            name = path_in_checkout(module)
            code = highlight(file.read_text(encoding="utf-8"), PythonLexer(stripnl=False), formatter)
            body = f"<h1>{name}</h1>\n{code}"
            yield page_of(module), {"title": name, "body": body}, "page.html"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the pages with Sphinx."""
    app.connect("html-collect-pages", source_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
