"""Tutorials: text notebooks in MyST Markdown, in the order in which they are read, and their copies for Jupyter.

Where to read: the `.md` files beside this one (the tutorials), `copies` (what `nnpg tutorials` does), `jupyter` (from
MyST to a notebook of Jupyter).
"""

from nnpg.tutorials.copies import Tutorial, copy_tutorials, list_tutorials
from nnpg.tutorials.jupyter import as_jupyter

__all__ = ["Tutorial", "as_jupyter", "copy_tutorials", "list_tutorials"]
