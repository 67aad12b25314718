"""The explorer: one HTML file that computes a network's three passes in the browser.

Where to read: `layers.js` (the layers, each method beside its equation), `engine.js` (the three passes, seeds, a step
of training, the arithmetic of one number), `document.py` (what the page is given of a model), `document.js` (how the
page reads it, and compares itself with what nnpg computed), `modules.py` (the modules as one script).
"""

from nnpg.explorer.document import document_text, explorer_document
from nnpg.explorer.modules import script

__all__ = ["document_text", "explorer_document", "script"]
