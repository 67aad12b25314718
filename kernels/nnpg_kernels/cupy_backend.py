"""The backend of one NVIDIA GPU: CuPy's arrays, and the CUDA kernels of `cuda` for convolutions and pooling.

Held equal to `numpy_backend` by the same tests. Importing it needs CuPy, a driver and a device; an ImportError says
which of them is missing, and what to install. Kernels are compiled at their first use and kept on disk by CuPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nnpg_kernels.backend import Array
from nnpg_kernels.cuda import convolution, down, pooling
from nnpg_kernels.cuda.sources import kernels, source
from nnpg_kernels.geometry import Window

OLDEST_CUPY = 14
WHICH = "nnpg[cuda12] for a driver of CUDA 12, nnpg[cuda13] for one of CUDA 13; `nvidia-smi` says which it is"


def _cupy() -> Any:
    """Return CuPy, or raise one ImportError that says what is missing."""
    try:
        import cupy
    except ImportError as error:
        raise ImportError(
            f"the backend 'cupy' needs CuPy, which cannot be imported ({error}): install {WHICH}"
        ) from error
    if int(cupy.__version__.split(".")[0]) < OLDEST_CUPY:
        raise ImportError(f"the backend 'cupy' needs CuPy {OLDEST_CUPY}, not {cupy.__version__}: install {WHICH}")
    runtime = cupy.cuda.runtime
    driver, toolkit = int(runtime.driverGetVersion()), int(runtime.runtimeGetVersion())
    if driver and driver // 1000 < toolkit // 1000:
        raise ImportError(
            f"the driver is too old for CuPy: it knows CUDA {_version(driver)}, and CuPy was built for CUDA "
            f"{_version(toolkit)}. Install a newer driver, or nnpg[cuda{driver // 1000}] instead of this CuPy"
        )
    try:
        found = driver and runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        raise ImportError(
            f"the backend 'cupy' needs an NVIDIA GPU, and CUDA finds none ({error}): {_REMEDY}"
        ) from error
    if not found:
        raise ImportError(f"the backend 'cupy' needs an NVIDIA GPU, and there is no driver of one: {_REMEDY}")
    return cupy


_REMEDY = (
    "install NVIDIA's driver, make the device visible (CUDA_VISIBLE_DEVICES), or choose the backend numba or numpy"
)


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


name = "cupy"
xp = _cupy()


def asarray(a: npt.ArrayLike) -> Array:
    """Return `a` as an array of the device: copied there, unless it is there."""
    return xp.asarray(a)


def to_numpy(a: Any) -> npt.NDArray[Any]:
    """Return an array of the device as a NumPy array; it waits until the device has computed it."""
    if type(a) is np.ndarray:
        return a
    return a.get() if a.nbytes < down.LARGE else a.get(out=down.host_array(xp, a.shape, a.dtype))


def coming_down(a: Any) -> Callable[[], npt.NDArray[Any]]:
    """Begin to copy an array down; the function waits for it, and not for what is launched after it."""
    return down.coming_down(xp, a)


def free_bytes() -> int:
    """Return how much memory of the device is free, that which CuPy keeps for later arrays included."""
    return int(xp.cuda.runtime.memGetInfo()[0]) + int(xp.get_default_memory_pool().free_bytes())


def describe_device() -> dict[str, Any]:
    """Return what `nnpg info` says of the device.

    Examples
    --------
    >>> sorted(describe_device())
    ['card', 'cupy', 'driver', 'memory_free_gb', 'memory_gb']
    """
    runtime = xp.cuda.runtime
    free, total = runtime.memGetInfo()
    card = runtime.getDeviceProperties(runtime.getDevice())["name"]
    return {
        "card": card.decode() if isinstance(card, bytes) else str(card),
        "memory_gb": round(total / 2**30, 1),
        "memory_free_gb": round(free / 2**30, 1),
        "driver": f"CUDA {_version(int(runtime.driverGetVersion()))}",
        "cupy": f"{xp.__version__}, CUDA {_version(int(runtime.runtimeGetVersion()))}",
    }


# Kernels


class _Launcher:
    """The device of `cuda.device`: CuPy's arrays, and one module of all kernels."""

    xp = xp

    def launch(self, kernel: str, grid: int, block: int, args: Sequence[Any]) -> None:
        _kernel(kernel)((grid,), (block,), tuple(args))


@cache
def _module() -> Any:
    return xp.RawModule(code=source(), options=("--std=c++17",), name_expressions=kernels())


@cache
def _kernel(named: str) -> Any:
    return _module().get_function(named)


DEVICE = _Launcher()


def conv_forward(x: Array, W: Array, b: Array | None, window: Window, groups: int = 1) -> Array:
    """y = W * x + b."""
    return convolution.conv_forward(DEVICE, x, W, b, window, groups)


def conv_delta(delta: Array, W: Array, window: Window, groups: int, shape: tuple[int, int]) -> Array:
    """dL/dx = for each pixel, the deltas of the outputs that read it."""
    return convolution.conv_delta(DEVICE, delta, W, window, groups, shape)


def conv_gradient(delta: Array, x: Array, window: Window, groups: int = 1) -> Array:
    """dL/dW = for each weight, deltas times the pixels that it read."""
    return convolution.conv_gradient(DEVICE, delta, x, window, groups)


def max_pool_forward(x: Array, window: Window) -> tuple[Array, Array]:
    """y = max of the window, and the winner."""
    return pooling.max_pool_forward(DEVICE, x, window)


def max_pool_delta(delta: Array, winner: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx = delta at the winner of each window."""
    return pooling.max_pool_delta(DEVICE, delta, winner, window, shape)


def avg_pool_forward(x: Array, window: Window) -> Array:
    """y = mean of the window, zeros of the padding included."""
    return pooling.avg_pool_forward(DEVICE, x, window)


def avg_pool_delta(delta: Array, window: Window, shape: tuple[int, int]) -> Array:
    """dL/dx = each pixel's share of the deltas of all windows that see it."""
    return pooling.avg_pool_delta(DEVICE, delta, window, shape)
