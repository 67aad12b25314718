"""Where in an image: maps of evidence, projections to the pixels, receptive fields, and how to judge them."""
