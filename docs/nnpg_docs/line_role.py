"""The role that links an equation to the line that computes it.

{line}`nnpg.layers.linear.Conv.backward: k.conv_delta`
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from nnpg_docs.source_pages import page_of, show
from nnpg_docs.sources import LineError, find_line, modules

logger = logging.getLogger(__name__)


class LineRole(SphinxRole):
    """Shows the one line that the text names, and links to it in the page of its source."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link; what names no line, or several, is a warning, and so breaks the build."""
        try:
            line = find_line(self.text)
        except LineError as error:
            logger.warning("line: %s", error, location=self.get_location(), type="nnpg", subtype="line")
            return [nodes.literal(text=self.text)], []
        self.env.note_dependency(str(modules()[line.module]))
        show(self.env, self.env.docname, line.module)
        uri = self.env.app.builder.get_relative_uri(self.env.docname, page_of(line.module))
        link = nodes.reference(internal=True, refuri=f"{uri}#L-{line.number}", classes=["line-of-code"])
        link += nodes.literal(text=line.text)
        link += nodes.inline(text=line.place, classes=["place"])
        return [link], []


def stand_beside(app: Sphinx, doctree: nodes.document) -> None:
    """Put a line that is a paragraph of its own, right after an equation, into one box with it."""
    for block in list(doctree.findall(nodes.math_block)):
        after = block.next_node(descend=False, siblings=True)
        if isinstance(after, nodes.paragraph) and _is_line(after):
            parent = block.parent
            box = nodes.container(classes=["equation-and-line"])
            at = parent.index(block)
            parent.remove(block)
            parent.remove(after)
            box += [block, after]
            parent.insert(at, box)


def _is_line(paragraph: nodes.paragraph) -> bool:
    inner = [node for node in paragraph.children if node.astext().strip()]
    return bool(inner) and all(
        isinstance(node, nodes.reference) and "line-of-code" in node["classes"] for node in inner
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role with Sphinx."""
    app.add_role("line", LineRole())
    app.connect("doctree-read", stand_beside)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
