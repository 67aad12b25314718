"""The CPU backend in Numba. Nothing is imported here: `nnpg_kernels.load("numba")` imports `backend`.

backend, convolution, pooling    the functions of the `Backend` protocol
program, planes                  tables of kernels that run on threads without Python; the layout of images
ops/                             kernels with the numbers that they need
kernels/                         what is computed, each kernel with its plan: task, tile, inner loop, bound, writer
simd/                            vectors and register tiles
runtime/                         compilation, the disk cache, memory, threads, and fences that find faults
"""
