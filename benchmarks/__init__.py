"""The engine against PyTorch and JAX, side by side in one run: `python -m benchmarks cpu`."""
