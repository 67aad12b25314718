"""Links of a page that point out of docs/, to a record in results/ or to a source."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

from nnpg_docs.source_pages import module_of_file, page_of, show

PICTURE = re.compile(r'<img src="(?:\.\./)+results/([^"]+)"[^>]* alt="([^"]*)"[^>]*>')
OUTWARD = re.compile(r"\[([^\]]+)\]\((?:\.\./)+([^)#]+)((?:#[^)]*)?)\)")


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


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the change of links with Sphinx."""
    app.connect("source-read", turn_inward)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
