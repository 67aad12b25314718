"""What jobs of the tests do. Other processes import it, so it is a module that they find."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from nnpg.jobs import run_jobs
from nnpg.support.progress import progress_bar
from nnpg_kernels import Array
from nnpg_kernels.threads import thread_count


def drawn(argument: tuple[float, int], rng: np.random.Generator) -> dict[str, Array]:
    """Wait, then draw numbers and multiply matrices of them."""
    seconds, n = argument
    time.sleep(seconds)
    x = rng.standard_normal((n, n))
    return {"x": x, "product": x @ x.T, "sum": np.array([x.sum()])}


def logged(argument: tuple[Path, str, float], rng: np.random.Generator) -> dict[str, Array]:
    """Note in a file that the job begins, work for some time, and return what depends on the name alone."""
    log, name, seconds = argument
    with log.open("a") as out:
        out.write(f"{name}\n")
    time.sleep(seconds)
    return {"x": rng.standard_normal(1000)}


def halved(n: int) -> int:
    """Half of an even number."""
    if n % 2:
        raise ValueError(f"{n} is odd")
    return n // 2


class TwoPartError(Exception):
    """An error that cannot be unpickled: its arguments are not those of its constructor."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def two_parts(n: int) -> int:
    """Raise such an error for 1."""
    if n == 1:
        raise TwoPartError("one", "two")
    return n


def killing(argument: tuple[int, Path | None]) -> int:
    """Return the number. A job with a path kills its own process, and if the path is a file, only at the first time."""
    n, path = argument
    time.sleep(0.05)
    if path is not None and not path.exists():
        if path.suffix == ".once":
            path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def process(_: Any) -> int:
    """Return which process this is."""
    return os.getpid()


def surroundings(_: Any) -> dict[str, Any]:
    """Return the process, its threads, the signals that it does not receive, and the processes of jobs of this job."""
    time.sleep(0.3)
    return {
        "pid": os.getpid(),
        "threads": thread_count(),
        "blocked": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "nested": set(run_jobs(process, {"a": 0, "b": 0}, "inner", workers=2, progress=False).values()),
        **{name: os.environ.get(name) for name in ("NNPG_NUM_THREADS", "OPENBLAS_NUM_THREADS")},
    }


def _anonymous() -> int:
    """Return the bytes of memory that this process alone has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def weighed(argument: tuple[int, Array]) -> tuple[str, float, int]:
    """Return the kind of an array, its sum, and the bytes by which this process grew as it read all of it."""
    before = _anonymous()
    total = float(argument[1].sum())
    return type(argument[1]).__name__, total, _anonymous() - before


def timed(seconds: float) -> float:
    """Work for some time; return when it ended."""
    time.sleep(seconds)
    return time.monotonic()


def in_quarters(seconds: float) -> float:
    """Work in four parts, with a bar that has a bar inside; return when it ended."""
    with progress_bar("quarters", 4, show=True) as advance:
        for _ in range(4):
            with progress_bar("inner", 1, show=True) as advance_inner:
                time.sleep(seconds / 4)
                advance_inner()
            advance()
    return time.monotonic()


def stuck(path: Path) -> None:
    """Say which process this is, and work for an hour, in a thread that takes no signals."""
    (path / str(os.getpid())).touch()
    threading.Event().wait(3600)


def compiled(K: int) -> int:
    """Predict with a network of convolutions, and return how many kernels this process had to compile for it."""
    import nnpg
    from nnpg_kernels.numba.runtime import compilation

    missed: list[int] = []
    compilation.announce_compilation = lambda: missed.append(1)  # type: ignore[assignment]
    recipe = [nnpg.conv(4, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.Flatten(), nnpg.dense(K), nnpg.Softmax()]
    net = nnpg.build(recipe, input_shape=(1, 12, 12), rng=0, backend="numba")
    nnpg.predict(net, np.ones((8, 1, 12, 12), np.float32))
    return len(missed)
