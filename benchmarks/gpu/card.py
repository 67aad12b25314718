"""The card: what it is, and its ceilings, measured before anything is compared with them."""

from __future__ import annotations

import datetime
import gc
import hashlib
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from statistics import median
from typing import Any

import numpy as np

import nnpg
from benchmarks.gpu.contender import event_clock
from nnpg_kernels.cuda.sources import HEADERS

CLUSTERS = (2, 4, 8)
IN_A_GRAPH = (1, 16, 256)
THREADS = 256
KERNELS = (
    "multiply_adds<float>",
    "multiply_adds<double>",
    "nothing<int>",
    *(f"cluster_barriers<{n}>" for n in CLUSTERS),
)
REPEATS = 5
PACKAGES = ("numpy", "numba", "cupy-cuda12x", "cupy-cuda13x", "torch", "jax", "scipy")


@dataclass(frozen=True)
class Ceilings:
    """What the card can do at most.

    Parameters
    ----------
    copy : float
        Bytes a second, read and written, of a copy on the device.
    down : float
        Bytes a second that come down into memory of the host that the driver knows.
    multiply_adds, multiply_adds_double : float
        Operations a second, two for each multiply-add that never leaves the registers.
    launch : mapping of int to float
        Seconds of an empty launch in a graph of so many.
    cluster_barrier : mapping of int to float
        Seconds of a barrier of so many blocks.
    """

    copy: float
    down: float
    multiply_adds: float
    multiply_adds_double: float
    launch: dict[int, float]
    cluster_barrier: dict[int, float]

    @property
    def node(self) -> float:
        """Seconds of one launch after another in a long graph."""
        return min(self.launch.values())

    @property
    def barrier(self) -> float:
        """Seconds of a barrier of the smallest cluster."""
        return min(self.cluster_barrier.values())


def identity(today: str | None = None) -> dict[str, Any]:
    """Return card, driver, versions and date.

    Raises
    ------
    ImportError
        If CuPy, a driver or a device is missing; it says which.
    """
    nnpg.load_backend("cupy")
    xp: Any = import_module("cupy")
    name = xp.cuda.runtime.getDeviceProperties(xp.cuda.runtime.getDevice())["name"]
    versions = {"python": platform.python_version(), "nnpg": nnpg.__version__}
    versions |= {package: found for package in PACKAGES if (found := version_of(package))}
    versions["kernels"] = kernels()
    return {
        "card": name.decode() if isinstance(name, bytes) else str(name),
        "driver": _driver(),
        "versions": versions,
        "date": today or datetime.date.today().isoformat(),
    }


def kernels() -> str:
    """Return the first digits of a digest of all CUDA sources: a record of others is not of these.

    Examples
    --------
    >>> len(kernels())
    12
    """
    folder = files("nnpg_kernels.cuda")
    paths = [path for at in (".", "resident", "resident/training") for path in folder.joinpath(at).iterdir()]
    paths.sort(key=lambda path: path.name)
    texts = (path.read_bytes() for path in paths if path.name.endswith((".cu", ".cuh")))
    return hashlib.sha256(b"".join(texts)).hexdigest()[:12]


def version_of(package: str) -> str:
    """Return the installed version of a package, or ""."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _driver() -> str:
    """The driver's version by the name that its maker gives it, or "" where `nvidia-smi` is missing."""
    words = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        lines = subprocess.run(words, capture_output=True, text=True, timeout=20).stdout.split("\n")
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return lines[0].strip()


class CupyEvent:
    """An event on the default stream, recorded when it is made."""

    def __init__(self) -> None:
        self._cuda: Any = import_module("cupy").cuda
        self._event = self._cuda.Event()
        self._event.record()

    def synchronize(self) -> None:
        """Wait for it."""
        self._event.synchronize()

    def elapsed_time(self, later: CupyEvent) -> float:
        """Return milliseconds until a later event."""
        return float(self._cuda.get_elapsed_time(self._event, later._event))


def seconds(run: Callable[[], object], runs: int = 1) -> float:
    """Return the median of the device's seconds for one of `runs` calls in a row."""
    take = event_clock(run, CupyEvent, 1)
    take(1)
    return median(take(runs).step for _ in range(REPEATS))


def free_memory() -> None:
    """Give back the memory of the device that nobody needs any more, so that the next row has all of it."""
    gc.collect()
    sys.modules["cupy"].get_default_memory_pool().free_all_blocks()
    if "torch" in sys.modules:
        sys.modules["torch"].cuda.empty_cache()  # nothing, where there is no device
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


def captured(launches: Callable[[], object], times: int) -> Callable[[], object]:
    """Return what replays so many times `launches()` as one graph on the default stream's order.

    The launches must not need new memory. Each has run once before, so that nothing is compiled in the capture.
    """
    cuda: Any = import_module("cupy").cuda
    stream = cuda.Stream(non_blocking=True)
    with stream:
        launches()
        stream.synchronize()
        stream.begin_capture(cuda.runtime.streamCaptureModeThreadLocal)
        try:
            for _ in range(times):
                launches()
        finally:
            graph = stream.end_capture()

    def replay() -> None:
        graph.launch(cuda.Stream.null)

    return replay


def measure(*, quick: bool = False) -> Ceilings:
    """Measure the ceilings of the current device; `quick` only shows that it runs."""
    xp: Any = import_module("cupy")
    source = (files("nnpg_kernels.cuda") / HEADERS[0]).read_text()
    source += (files("benchmarks.gpu") / "ceilings.cu").read_text()
    module = xp.RawModule(code=source, options=("--std=c++17",), name_expressions=KERNELS)
    kernel = {name: module.get_function(name) for name in KERNELS}
    count = xp.zeros(8, "i4")

    def barriers(blocks: int, barriers: int) -> float:
        arguments = (count, np.int32(barriers))
        return seconds(lambda: kernel[f"cluster_barriers<{blocks}>"]((blocks,), (32 if quick else THREADS,), arguments))

    turns = 2 if quick else 2000
    copy, down = _memory(xp, 1 << (16 if quick else 28))
    launch = {}
    for times in IN_A_GRAPH:
        replay = captured(lambda: kernel["nothing<int>"]((1,), (32,), (count,)), times)
        launch[times] = seconds(replay, 1 if quick else max(4, 1024 // times)) / times
    return Ceilings(
        copy,
        down,
        _rate(xp, kernel["multiply_adds<float>"], np.float32, turns, quick),
        _rate(xp, kernel["multiply_adds<double>"], np.float64, turns // 2, quick),
        launch,
        {n: max(barriers(n, turns) - barriers(n, 0), 1e-12) / turns for n in CLUSTERS},
    )


def _rate(xp: Any, kernel: Any, number: Any, turns: int, quick: bool) -> float:
    blocks = 1 if quick else 8 * int(xp.cuda.runtime.getDeviceProperties(0)["multiProcessorCount"])
    sums = xp.empty(blocks * THREADS, number)
    arguments = (sums, number(0.999), number(0.5), np.int32(turns))
    return 2 * 128 * turns * sums.size / seconds(lambda: kernel((blocks,), (THREADS,), arguments))


def _memory(xp: Any, numbers: int) -> tuple[float, float]:
    """Bytes a second of a copy on the device, and of one down to the host."""
    x, y = xp.ones(numbers, "f4"), xp.empty(numbers, "f4")
    copy = seconds(lambda: xp.copyto(y, x))
    part = x[: numbers // 8]
    buffer = xp.cuda.alloc_pinned_memory(part.nbytes)
    host = np.frombuffer(buffer, "f4", part.size)
    down = seconds(lambda: part.get(out=host))
    return 2 * x.nbytes / copy, part.nbytes / down


def in_words(ceilings: Ceilings) -> Sequence[tuple[str, str]]:
    """Return each ceiling by its name, with its unit."""
    one, many = min(ceilings.launch), max(ceilings.launch)
    rows = [
        ("copy on the device, read and written", f"{ceilings.copy / 1e9:,.0f} GB/s"),
        ("copy down to the host", f"{ceilings.down / 1e9:,.1f} GB/s"),
        ("multiply-adds in registers, float", f"{ceilings.multiply_adds / 1e12:.1f} TFLOP/s"),
        ("multiply-adds in registers, double", f"{ceilings.multiply_adds_double / 1e12:.1f} TFLOP/s"),
        ("an empty launch, alone in a graph", f"{ceilings.launch[one] * 1e6:.2f} us"),
    ]
    rows += [
        (f"an empty launch in a graph of {n}", f"{ceilings.launch[n] * 1e6:.2f} us")
        for n in ceilings.launch
        if one < n <= many
    ]
    return rows + [(f"a barrier of a cluster of {n}", f"{s * 1e9:.0f} ns") for n, s in ceilings.cluster_barrier.items()]
