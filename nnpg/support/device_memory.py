"""The error where the outputs or the deltas of a batch do not fit into the memory of a device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from nnpg.support.network_arguments import NetworkLike
from nnpg_kernels import Array

SPARE = 2  # times the outputs: what layers save for backward, and what is not in one piece


class TooLittleMemory(MemoryError):
    """The outputs or the deltas of a batch do not fit; the message says how many would."""


@contextmanager
def instead(of_what: Callable[[], MemoryError]) -> Iterator[None]:
    """Raise another error in the place of a MemoryError, unless that already says what would fit.

    Examples
    --------
    >>> with instead(lambda: TooLittleMemory("take 2 images")):
    ...     raise MemoryError
    Traceback (most recent call last):
    ...
    nnpg.support.device_memory.TooLittleMemory: take 2 images
    """
    try:
        yield
    except TooLittleMemory:
        raise
    except MemoryError as error:
        raise of_what() from error


def outputs_do_not_fit(net: NetworkLike, images: int, held: Iterable[Array] = ()) -> MemoryError:
    """Return the error of a forward pass; `held` are the outputs that it has made."""
    sizes = [math.prod(shape) for shape in net.shapes.values()]
    return _error(net, f"the outputs of {images} images", sum(sizes[1:]) * net.dtype.itemsize, images, 1, held)


def deltas_do_not_fit(net: NetworkLike, images: int, seeds: int, held: Iterable[Array] = ()) -> MemoryError:
    """Return the error of a backward pass with this many seeds; `held` are the deltas that it has made."""
    sizes = [math.prod(shape) for shape in net.shapes.values()]
    largest = max(map(sum, pairwise(sizes))) * net.dtype.itemsize  # two deltas are in memory at a time
    of_seeds = f" for {seeds} classes" if seeds > 1 else ""
    return _error(net, f"the deltas of {images} images{of_seeds}", largest * seeds, images, seeds, held)


def gradients_do_not_fit(net: NetworkLike, name: str, parameters: int, images: int, seeds: int) -> MemoryError:
    """Return the error of the gradients of a layer with this many parameters, for this many seeds."""
    text = f"the gradients of layer {name!r} from {images} images" + (f" for {seeds} classes" if seeds > 1 else "")
    text += f" need about {parameters * seeds * net.dtype.itemsize} bytes, and those of parts of the images"
    free_bytes: Any = getattr(net.backend, "free_bytes", None)
    if net.backend.xp is not np and free_bytes is not None:
        text += f"; {free_bytes()} are free on the device"
    fewer = " or fewer classes" if seeds > 1 else ""
    return TooLittleMemory(f"{text}: take at most {max(1, images // 2)} images{fewer} at a time")


def _error(net: NetworkLike, what: str, each: int, images: int, seeds: int, held: Iterable[Array]) -> MemoryError:
    free_bytes: Any = getattr(net.backend, "free_bytes", None)
    if net.backend.xp is np or free_bytes is None:
        return TooLittleMemory(f"{what} need about {each * images} bytes, which are not free: take a smaller `batch`")
    free = free_bytes() + sum(a.nbytes for a in held)
    fit = max(1, min(images // 2, free // (SPARE * each)))
    fewer = f", or {max(1, min(seeds // 2, seeds * free // (SPARE * each * images)))} classes," if seeds > 1 else ""
    return TooLittleMemory(
        f"{what} need about {each * images} bytes, and {free} are free on the device: take at most {fit} images{fewer} "
        f"at a time (batch={fit}), or fewer images in one call"
    )
