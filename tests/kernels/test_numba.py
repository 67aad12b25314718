"""The Numba backend: the same bits on any number of threads, any width of filters, and other processors."""

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
from nnpg_kernels.numba import backend as fast
from nnpg_kernels.threads import thread_count, use_threads

ROOT = Path(__file__).parents[2]
reference = load("numpy")


def results_of_all_kernels(k: Any, dtype: Any = np.float32) -> list[Any]:
    """Return the results of every kernel of a backend, on work large enough to be shared between threads."""
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
def test_results_have_the_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch, dtype: Any) -> None:
    results = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NNPG_NUM_THREADS", threads)
        results.append(results_of_all_kernels(fast, dtype))
    assert same_bits(results[0], results[1])
    assert same_bits(results[0], results[2])
    terms = 37 * 29 * 44  # of the longest sum, that of a weight gradient; each term is about 1 and rounded once
    for result, expected in zip(results[0], results_of_all_kernels(reference, dtype), strict=True):
        np.testing.assert_allclose(result, expected, rtol=0, atol=terms * np.finfo(dtype).eps)


@pytest.mark.parametrize("columns", range(7, 14))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_filter_may_have_any_number_of_columns(columns: int, dtype: Any) -> None:
    rng = np.random.default_rng(columns)
    for rows, stride, padding, dilation, groups in (
        (1, (1, 1), (0, 0, 0, 0), (1, 1), 1),
        (3, (2, 1), (1, 0, 5, 2), (1, 1), 2),
        (2, (1, 1), (0, 2, 0, 9), (3, 2), 1),
        (columns, (4, 4), (2, 2, 2, 2), (1, 1), 1),  # a stride over columns
    ):
        window = Window((rows, columns), stride, padding, dilation)
        x, W = rng.normal(size=(3, 4, 21, 33)).astype(dtype), rng.normal(size=(6, 4 // groups, rows, columns))
        H, width = window.output_shape(*x.shape[-2:])
        delta = rng.normal(size=(2, 3, 6, H, width)).astype(dtype)
        for result, expected in zip(
            *(
                (
                    k.conv_forward(x, W.astype(dtype), None, window, groups),
                    k.conv_delta(delta, W.astype(dtype), window, groups, x.shape[-2:]),
                    k.conv_gradient(delta, x, window, groups),
                )
                for k in (fast, reference)
            ),
            strict=True,
        ):
            np.testing.assert_allclose(result, expected, rtol=0, atol=1000 * np.finfo(dtype).eps)


def test_several_python_threads_at_once_give_the_serial_result() -> None:
    alone = results_of_all_kernels(fast)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: results_of_all_kernels(fast), range(8)))
    assert all(same_bits(alone, one) for one in together)


def test_the_environment_sets_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNPG_NUM_THREADS", "3")
    assert thread_count() == 3
    monkeypatch.delenv("NNPG_NUM_THREADS")
    assert thread_count() >= 1
    for wrong in ("0", "-1", "many"):
        monkeypatch.setenv("NNPG_NUM_THREADS", wrong)
        with pytest.raises(ValueError, match="NNPG_NUM_THREADS must be a whole number above 0"):
            thread_count()


def test_use_threads_sets_the_number_of_threads_of_its_caller_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNPG_NUM_THREADS", "3")
    with use_threads(2):
        assert thread_count() == 2
        with ThreadPoolExecutor(1) as pool:  # the setting belongs to the caller's thread
            assert pool.submit(thread_count).result() == 3
        with pytest.raises(RuntimeError), use_threads(1):
            raise RuntimeError
        assert thread_count() == 2
    assert thread_count() == 3
    for wrong in (0, -1, 1.0, True, "2"):
        with pytest.raises(ValueError, match="must be a whole number above 0"), use_threads(wrong):  # type: ignore[arg-type]
            pass


def test_images_of_another_number_or_size_need_no_new_compilation() -> None:
    from nnpg_kernels.numba.convolution import correlate
    from nnpg_kernels.numba.simd import lanes, wide_registers

    rng = np.random.default_rng(0)
    W = rng.normal(size=(3, 2, 3, 3)).astype(np.float32)
    kernel = correlate(*((8, 2) if wide_registers() else (4, 1)), lanes(np.float32))
    for n, side in ((1, 40), (5, 50), (2, 64)):
        fast.conv_forward(rng.normal(size=(n, 2, side, side)).astype(np.float32), W, None, Window((3, 3)))
        assert len(kernel.signatures) == 1


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["generic", "haswell"])
def test_code_for_small_registers_gives_the_results_of_numpy(tmp_path: Path, processor: str) -> None:
    """Compiled for a simpler processor in a child process: other tiles, the same numbers."""
    program = (
        "import numpy as np, nnpg\n"
        "from nnpg_kernels import load, Window\n"
        "from nnpg_kernels.numba.simd import wide_registers\n"
        "assert not wide_registers()\n"
        "rng = np.random.default_rng(0)\n"
        "x, W = rng.normal(size=(2, 3, 20, 37)), rng.normal(size=(10, 3, 5, 5))\n"
        "d = rng.normal(size=(2, 10, 16, 33))\n"
        "a, b = ([k.conv_forward(x, W, None, Window((5, 5))), k.conv_delta(d, W, Window((5, 5)), 1, (20, 37)),"
        " k.conv_gradient(d, x, Window((5, 5)))] for k in (load('numba'), load('numpy')))\n"
        "assert max(abs(u - v).max() for u, v in zip(a, b)) < 1e-11\n"
        "recipe = [nnpg.conv(5, 3), nnpg.Tanh(), nnpg.MaxPool(2), nnpg.conv(9, 3), nnpg.ReLU(), nnpg.MaxPool(2),"
        " nnpg.Flatten(), nnpg.dense(11), nnpg.Sigmoid(), nnpg.dense(5), nnpg.Softmax()]\n"
        "x, t = rng.normal(size=(21, 1, 14, 14)), rng.integers(0, 5, 21)\n"
        "def all_of(backend):\n"
        "    net = nnpg.build(recipe, input_shape=(1, 14, 14), rng=0, dtype='float64', backend=backend)\n"
        "    net = nnpg.train(net, x, t, epochs=1, batch=11, rng=0, progress=False).net\n"
        "    filters = [('pool1', 2), ('pool2', 4)]\n"
        "    return [nnpg.prediction_gradient(net, x, layers='pool1')['pool1'], nnpg.predict(net, x[:3]),"
        " nnpg.knock_out_curve(net, x, t, filters, progress=False).predictions]\n"
        "assert max(abs(u - v).max() for u, v in zip(all_of('numba'), all_of('numpy'))) < 1e-11\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'kernels'}",
        "NUMBA_CPU_NAME": processor,
        "NUMBA_CPU_FEATURES": "" if processor == "generic" else "+avx2,+fma,+avx",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "NNPG_CHECK": "1",  # each array between fences, as in `make fences`
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
