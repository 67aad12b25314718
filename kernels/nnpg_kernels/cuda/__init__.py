"""CUDA kernels of the `Backend` protocol: sources (*.cu), and which of them is launched for which shapes."""
