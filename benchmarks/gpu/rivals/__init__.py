"""The competitors on the same card: PyTorch as it is, compiled and in CUDA graphs; JAX. Imported at their first use."""
