"""What the Numba backend promises beyond being equal to the reference, which the tests of every backend hold."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnpg_kernels import Window, load
from nnpg_kernels import numba_backend as fast
from nnpg_kernels.threads import thread_count

ROOT = Path(__file__).parents[2]
reference = load("numpy")


def everything(k: Any, dtype: Any = np.float32) -> list[Any]:
    """Every kernel of a backend, on work large enough to be shared between threads."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(37, 3, 30, 45)).astype(dtype)
    W, b = rng.normal(size=(10, 3, 5, 5)).astype(dtype), rng.normal(size=10).astype(dtype)
    window, pool = Window((5, 5), padding=(2, 1, 0, 3)), Window((3, 3), (2, 2), (1, 1, 1, 1))
    y = k.conv_forward(x, W, b, window)
    delta = rng.normal(size=(2, *y.shape)).astype(dtype)
    top, winner = k.max_pool_forward(y, pool)
    back = rng.normal(size=(2, *top.shape)).astype(dtype)
    return [
        y,
        k.conv_delta(delta, W, window, 1, x.shape[-2:]),
        k.conv_gradient(delta, x, window),
        top,
        winner,
        k.max_pool_delta(back, winner, pool, y.shape[-2:]),
    ]


def same_bits(a: list[Any], b: list[Any]) -> bool:
    return all(u.dtype == v.dtype and u.tobytes() == v.tobytes() for u, v in zip(a, b, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NNPG_NUM_THREADS", threads)
        results.append(everything(fast, dtype))
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])
    terms = 37 * 29 * 44  # of the longest sum, a weight gradient; each of about 1, and rounded once
    for ours, theirs in zip(results[0], everything(reference, dtype), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=terms * np.finfo(dtype).eps)


def test_several_python_threads_at_once_give_the_serial_answer() -> None:
    alone = everything(fast)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: everything(fast), range(8)))
    assert all(same_bits(alone, one) for one in together)


def test_the_number_of_threads_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNPG_NUM_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.delenv("NNPG_NUM_THREADS")
    assert thread_count() >= 1
    for wrong in ("0", "-1", "many"):
        monkeypatch.setenv("NNPG_NUM_THREADS", wrong)
        with pytest.raises(ValueError, match="NNPG_NUM_THREADS must be a whole number above 0"):
            thread_count()


def test_other_images_need_no_new_compilation() -> None:
    from nnpg_kernels.numba_convolution import correlate
    from nnpg_kernels.simd import lanes, wide_registers

    rng = np.random.default_rng(0)
    W = rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    kernel = correlate(*((8, 2) if wide_registers() else (4, 1)), lanes(np.float32))
    for n, side in ((1, 40), (5, 50), (2, 64)):
        fast.conv_forward(rng.normal(size=(n, 2, side, side)).astype(np.float32), W, None, Window((3, 3)))
        assert len(kernel.signatures) == 1


def test_a_machine_with_small_registers_gets_the_right_answer(tmp_path: Path) -> None:
    """Compiled for the plainest processor, in a process of its own: the other tile, the same convolution."""
    program = (
        "import numpy as np\n"
        "from nnpg_kernels import load, Window\n"
        "from nnpg_kernels.simd import wide_registers\n"
        "assert not wide_registers()\n"
        "rng = np.random.default_rng(0)\n"
        "x, W = rng.normal(size=(2, 3, 20, 37)), rng.normal(size=(10, 3, 5, 5))\n"
        "d = rng.normal(size=(2, 10, 16, 33))\n"
        "a, b = ([k.conv_forward(x, W, None, Window((5, 5))), k.conv_delta(d, W, Window((5, 5)), 1, (20, 37)),"
        " k.conv_gradient(d, x, Window((5, 5)))] for k in (load('numba'), load('numpy')))\n"
        "print(max(abs(u - v).max() for u, v in zip(a, b)))\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "kernels"),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-11
