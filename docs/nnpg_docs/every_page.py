"""What is changed in every page: links that point out of docs/; which words of tables and of code may be broken."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from nnpg_docs.source_pages import module_of_file, page_of, show

PICTURE = re.compile(r'<img src="(?:\.\./)+results/([^"]+)"[^>]* alt="([^"]*)"[^>]*>')
OUTWARD = re.compile(r"\[([^\]]+)\]\((?:\.\./)+([^)#]+)((?:#[^)]*)?)\)")
SHORT = 16  # letters; what is longer may need two lines on a phone
LONG = 32  # letters of a word of code, which may be wider than a phone


def turn_inward(app: Sphinx, docname: str, source: list[str]) -> None:
    """Let such links lead to the pages of this site; one that leads to none is left as it is, and MyST warns of it."""

    def inward(match: re.Match[str]) -> str:
        text, path, anchor = match.groups()
        if path.startswith("results/"):
            return f"[{text}](/records/{path.removeprefix('results/')}{anchor})"
        if path == "kernels/README.md" or path.startswith("docs/"):
            return f"[{text}](/{path.removeprefix('docs/')}{anchor})"
        module = module_of_file(path)
        if module is None:
            return match[0]
        show(app.env, docname, module)
        page = page_of(module)
        return f'<a class="reference internal" href="{app.builder.get_relative_uri(docname, page)}">{text}</a>'

    if not docname.startswith("records/"):
        source[0] = OUTWARD.sub(inward, PICTURE.sub(r"![\2](/records/\1)", source[0]))


def keep_short_names_whole(app: Sphinx, doctree: nodes.document) -> None:
    """Mark the first cell of each row if it is short, such as W1-b1; site.css does not break it."""
    for row in doctree.findall(nodes.row):
        first = row[0]
        if isinstance(first, nodes.entry) and len(first.astext()) <= SHORT:
            first["classes"].append("short")


def mark_long_words(app: Sphinx, doctree: nodes.document) -> None:
    """Mark code that has a long word; site.css breaks such words, and no others."""
    for code in doctree.findall(nodes.literal):
        if max(map(len, code.astext().split()), default=0) > LONG:
            code["classes"].append("long")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the changes with Sphinx."""
    app.connect("source-read", turn_inward)
    app.connect("doctree-read", keep_short_names_whole)
    app.connect("doctree-read", mark_long_words)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
