"""Tables: a short name in the first column, such as W1-b1, stays in one line."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

SHORT = 16  # letters; what is longer may need two lines on a phone


def keep_short_names_whole(app: Sphinx, doctree: nodes.document) -> None:
    """Mark the first cell of each row if it is short; site.css does not break it."""
    for row in doctree.findall(nodes.row):
        first = row[0]
        if isinstance(first, nodes.entry) and len(first.astext()) <= SHORT:
            first["classes"].append("short")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the marks with Sphinx."""
    app.connect("doctree-read", keep_short_names_whole)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
