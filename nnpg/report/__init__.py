"""Pages in one HTML file: the writer (`page`, with its templates), and the page of the demo (`demo`)."""

from nnpg.report.page import Section, write_page, write_template
from nnpg.report.pictures import Image
from nnpg.report.tables import Table

__all__ = ["Image", "Section", "Table", "write_page", "write_template"]
