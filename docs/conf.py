"""How Sphinx builds the site: `make docs`. What is our own is in docs/nnpg_docs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PATHS = [str(CHECKOUT), str(CHECKOUT / "kernels"), str(CHECKOUT / "docs")]
sys.path[:0] = PATHS
os.environ["PYTHONPATH"] = os.pathsep.join([*PATHS, *os.environ.get("PYTHONPATH", "").split(os.pathsep)])  # of kernels
os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")

from nnpg_docs.execution import kept_cells  # noqa: E402

import nnpg  # noqa: E402 (from this checkout)

project = "nnpg"
author = "the authors of nnpg"
version = release = nnpg.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "numpydoc",
    "nnpg_docs.copies",
    "nnpg_docs.every_page",
    "nnpg_docs.mathematics",
    "nnpg_docs.line_role",
    "nnpg_docs.record_role",
    "nnpg_docs.source_pages",
    "nnpg_docs.execution",
    "nnpg_docs.commands",
    "nnpg_docs.reference",
]
exclude_patterns = ["nnpg_docs"]
nitpicky = True
default_role = "literal"
smartquotes_action = "q"  # quotes only: the -- of a command stays as it is
highlight_language = "none"  # of blocks that name none: commands, tables, formulas

html_show_copyright = False
html_theme = "furo"
html_title = "nnpg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 4

nnpg_cache = str(CHECKOUT / "out" / "docs-cache")
nb_execution_mode = "cache"
nb_execution_cache_path = str(kept_cells(Path(nnpg_cache)))
nb_execution_timeout = 60
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_output_stderr = "error"

autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
