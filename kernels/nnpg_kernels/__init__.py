"""Array kernels behind one protocol. They know arrays and windows, never layers."""

from nnpg_kernels.backend import BACKENDS, Array, Backend, load
from nnpg_kernels.geometry import Window

__all__ = ["BACKENDS", "Array", "Backend", "Window", "load"]
