"""Array kernels with one protocol for all backends. They work on arrays and windows, never on layers."""

from nnpg_kernels.backend import BACKENDS, Array, Backend, load
from nnpg_kernels.geometry import Window
from nnpg_kernels.threads import one_blas_thread, use_threads

__all__ = ["BACKENDS", "Array", "Backend", "Window", "load", "one_blas_thread", "use_threads"]
