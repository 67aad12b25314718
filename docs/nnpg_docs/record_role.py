"""The role that shows a number of a record: {record}`LD-0: test_error` is our number and its interval, with a link."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from experiments.records.reading import RESULTS
from nnpg_docs.numbers import RecordError, number_on_record

logger = logging.getLogger(__name__)


class RecordRole(SphinxRole):
    """Shows the number, and links to its record, which names the command."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link; what names no number is a warning, and so breaks the build."""
        try:
            words, record = number_on_record(self.text)
        except RecordError as error:
            logger.warning("record: %s", error, location=self.get_location(), type="nnpg", subtype="record")
            return [nodes.literal(text=self.text)], []
        self.env.note_dependency(str(RESULTS / record["id"] / "result.json"))
        uri = self.env.app.builder.get_relative_uri(self.env.docname, f"records/{record['id']}/result")
        title = f"{record['id']}, {self.text.partition(': ')[2]}: {record['command']}"
        link = nodes.reference(internal=True, refuri=uri, reftitle=title, classes=["number-on-record"])
        link += nodes.inline(text=words)
        return [link], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role with Sphinx."""
    app.add_role("record", RecordRole())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
