"""Pages in one HTML file: the writer (`page`, its templates beside it), and the demo's story (`demo`)."""
