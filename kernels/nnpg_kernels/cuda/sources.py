"""The CUDA sources as one text, and the instances that are compiled from it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

HEADERS = ("device.cuh", "sizes.cuh", "tiles.cuh")
LAYERS = (
    "conv_forward.cu",
    "conv_delta.cu",
    "conv_gradient.cu",
    "max_pool_forward.cu",
    "max_pool_delta.cu",
    "avg_pool_forward.cu",
    "avg_pool_delta.cu",
)
NUMBERS = {"float32": "float", "float64": "double"}
WINNERS = {"int8": "signed char", "int16": "short", "int32": "int"}


@cache
def source() -> str:
    """Return the text of all sources, one after another: a compiler's messages still name their files and lines.

    Examples
    --------
    >>> source().splitlines()[0]
    '#line 1 "device.cuh"'
    """
    folder = files("nnpg_kernels.cuda")
    return "".join(f'#line 1 "{name}"\n{(folder / name).read_text()}' for name in (*HEADERS, *LAYERS))


@cache
def kernels() -> tuple[str, ...]:
    """Return the name of every instance of every kernel, as `name<types>`.

    Examples
    --------
    >>> [name for name in kernels() if name.startswith("avg_pool_delta")]
    ['avg_pool_delta<float>', 'avg_pool_delta<double>']
    """
    names = []
    for T in NUMBERS.values():
        names += [f"{name}<{T},{pixels}>" for name in ("conv_forward_direct", "conv_delta_direct") for pixels in (1, 4)]
        names += [f"conv_delta_few<{T},{channels},{rows}>" for channels in (1, 2, 3, 4) for rows in (1, 8)]
        names += [f"{name}<{T}>" for name in ("conv_forward_tiled", "conv_delta_tiled")]
        names += [f"{name}<{T}>" for name in ("conv_gradient_direct", "conv_gradient_tiled", "sum_of_parts")]
        names += [f"{name}<{T},{W}>" for name in ("max_pool_forward", "max_pool_delta") for W in WINNERS.values()]
        names += [f"{name}<{T}>" for name in ("avg_pool_forward", "avg_pool_delta")]
    return tuple(names)
