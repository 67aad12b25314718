"""The explorer: one HTML file that computes a network's three passes in the browser.

Where to read: `layers.js` (the layers, each method beside its equation), `engine.js` (the three passes, seeds, a step
of training, the arithmetic of one number), `document.py` (what the page is given of a model), `document.js` (how the
page reads it, and compares itself with what nnpg computed); `page/` (the page: `main.js` draws it, `state.js` is what
it shows, `model.js` what a state gives, one file for each part), `bundle.py` (the page's modules as one script),
`write.py` (the file), `reading.py` (the network and the images of such a file).
"""

from nnpg.explorer.document import explorer_document
from nnpg.explorer.reading import Page, read_page
from nnpg.explorer.write import explore, images_of_page

__all__ = ["Page", "explore", "explorer_document", "images_of_page", "read_page"]
