"""Arrays and records that a kernel reads by their address."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import carray, types
from numba.extending import intrinsic

from nnpg_kernels.numba.runtime import fences
from nnpg_kernels.numba.runtime.compilation import jit

NO_LENGTH = 1 << 40  # Numba's arrays have a length, which kernels do not use


def record_type(names: str) -> np.dtype[Any]:
    """Return the type of a record of whole numbers, from their names.

    Examples
    --------
    >>> record_type("x rows").itemsize
    16
    """
    return np.dtype([(name, np.int64) for name in names.split()])


@intrinsic  # type: ignore[untyped-decorator]
def record(typing: Any, address: Any, kind: Any) -> Any:
    """The record of type `kind` at this address."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(kind.dtype))

    return kind.dtype(address, kind), emit


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing: Any, address: Any, kind: Any) -> Any:
    pointer = types.CPointer(kind.dtype)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(pointer))

    return pointer(address, kind), emit


@jit
def array(address: int, kind: Any) -> Any:
    """The numbers of type `kind` from this address on."""
    return carray(_pointer(address, kind), (NO_LENGTH,))


def aligned(shape: int | tuple[int, ...], dtype: npt.DTypeLike, slack: int = 0) -> npt.NDArray[Any]:
    """Return zeros aligned to 64 bytes, with `slack` numbers after them.

    Tiles may read the slack but neither use it nor write to it. With NNPG_CHECK=1 the array is between fences, and its
    end is aligned instead: see `fences`.

    Examples
    --------
    >>> aligned(100, "f4").shape
    (100,)
    """
    if fences.ON:
        return fences.fenced(shape, dtype, slack)
    kind = np.dtype(dtype)
    count = math.prod(shape) if isinstance(shape, tuple) else shape
    whole = np.zeros((count + slack) * kind.itemsize + 64, np.uint8)
    first = -whole.ctypes.data % 64
    return whole[first : first + count * kind.itemsize].view(kind).reshape(shape)


def address(a: npt.NDArray[Any]) -> int:
    """Return where an array starts."""
    return fences.address_of(a) if fences.ON else int(a.ctypes.data)
