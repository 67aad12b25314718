"""How the cost grows with images, classes, width and threads, beside the roof: `python -m benchmarks growth`."""
