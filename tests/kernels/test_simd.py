"""Each word for vectors and tiles against the same in NumPy; numbers outside its result must not change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from nnpg_kernels.numba.runtime.atomics import next_task
from nnpg_kernels.numba.runtime.compilation import entry
from nnpg_kernels.numba.simd import (
    add_outer,
    add_products,
    add_products_below,
    add_sums,
    lanes,
    load,
    load_every_second,
    splats,
    store,
    store_interleaved,
    transposed,
    wide_registers,
    zeros,
    zeros_of,
)
from nnpg_kernels.numba.simd.arithmetic import sigmoid, tanh

DTYPES = [np.float32, np.float64]


@entry
def outer(w: Any, x: Any, b: Any, y: Any, width: int, rows: int, lanes_of: int) -> None:
    tile = splats(b, 1, 1, rows, 3, 2)
    for k in range(4):
        tile = add_outer(tile, w, 3 * k, 1, rows, x, 5 * k, lanes_of)
    store(tile, y, 1, 40, rows, width)


@entry
def products(d: Any, x: Any, y: Any, rows: int) -> None:
    tile = zeros(d, 2, 3)
    for k in range(2):
        tile = add_products(tile, d, k, 20, rows, x, 2 * k, 7)
    add_sums(tile, y, 4, 5, rows)


@entry
def products_below(d: Any, x: Any, y: Any, width: int) -> None:
    tile = add_products_below(zeros(d, 2, 3), d, 0, 20, 2, x, 0, 7, width)
    add_sums(tile, y, 0, 3, 2)


@entry
def products_of_short_vectors(d: Any, x: Any, y: Any) -> None:
    tile = add_products(zeros_of(d, 2, 3, 4), d, 0, 20, 2, x, 0, 7)
    add_sums(tile, y, 0, 3, 2)


def numbers(dtype: Any, n: int, seed: int) -> Any:
    return np.random.default_rng(seed).normal(size=n).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("short", [-3, 0, 3, 100])
def test_outer_products_fill_their_rows_and_change_nothing_else(dtype: Any, rows: int, short: int) -> None:
    L = lanes(dtype)
    width = L + short  # a part of one vector, one, a part of the second, more than the tile has
    w, x, b = numbers(dtype, 12, 0), numbers(dtype, 100, 1), numbers(dtype, 4, 2)
    y = np.full(160, 7, dtype)
    outer(w, x, b, y, width, rows, L)
    expected = np.full(160, 7, dtype)
    for r in range(rows):
        for lane in range(min(width, 2 * L)):
            expected[1 + 40 * r + lane] = b[1 + r] + sum(w[3 * k + r] * x[5 * k + lane] for k in range(4))
    np.testing.assert_allclose(y, expected, rtol=0, atol=20 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(y[expected == 7], 7)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 2])
def test_products_lane_by_lane_are_added_to_the_array(dtype: Any, rows: int) -> None:
    L = lanes(dtype)
    d, x, y = numbers(dtype, 100, 0), numbers(dtype, 100, 1), numbers(dtype, 20, 2)
    expected = y.astype(np.float64)
    for r in range(rows):
        for c in range(3):
            for k in range(2):
                first = 7 * c + 2 * k
                expected[4 + 5 * r + c] += (d[k + 20 * r :][:L].astype(float) * x[first : first + L]).sum()
    products(d, x, y, rows)
    np.testing.assert_allclose(y, expected, rtol=0, atol=100 * np.finfo(dtype).eps)


@entry
def exchange(x: Any, starts: Any, y: Any, rows: int, width: int) -> None:
    store(transposed(x, starts, 3), y, 2, 21, rows, width)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("short_rows", "short"), [(0, 0), (3, 0), (0, 5), (7, 7)])
def test_rows_and_lanes_are_exchanged(dtype: Any, short_rows: int, short: int) -> None:
    L = lanes(dtype)
    rows, width = L - short_rows, L - short
    x, y = numbers(dtype, 400, 0), numbers(dtype, 400, 1)
    starts = np.random.default_rng(2).integers(0, 400 - 3 - L, L)
    expected = y.copy()
    for r in range(rows):
        expected[2 + 21 * r : 2 + 21 * r + width] = x[starts[:width] + 3 + r]
    exchange(x, starts, y, rows, width)
    np.testing.assert_array_equal(y, expected)


@entry
def interleave(x: Any, y: Any, width: int) -> None:
    store_interleaved(load_every_second(x, 1), load(x, 5, 1, 1, 1), y, 3, width)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_second_number_and_two_vectors_interleaved(dtype: Any) -> None:
    L = lanes(dtype)
    x, y = numbers(dtype, 100, 0), numbers(dtype, 100, 1)
    expected, width = y.copy(), 2 * L - 3
    pairs = np.stack([x[1 : 1 + 2 * L : 2], x[5 : 5 + L]], axis=1).reshape(-1)
    expected[3 : 3 + width] = pairs[:width]
    interleave(x, y, width)
    np.testing.assert_array_equal(y, expected)


@entry
def squash(x: Any, y: Any, z: Any, step: int) -> None:
    for p in range(0, len(x), step):
        store(tanh(load(x, p, step, 1, 1)), y, p, 0, 1, step)
        store(sigmoid(load(x, p, step, 1, 1)), z, p, 0, 1, step)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_and_sigmoid_to_three_units_in_the_last_place(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.normal(0, s, 16_000) for s in (1e-30, 1e-6, 0.1, 1, 10, 100)] + [np.repeat([0, -0.0, np.inf, -np.inf], 16)]
    ).astype(dtype)
    y, z = np.empty_like(x), np.empty_like(x)
    squash(x, y, z, lanes(dtype))
    wide = x.astype(np.longdouble)
    for result, exact in ((y, np.tanh(wide)), (z, 1 / (1 + np.exp(-np.clip(wide, -700, 700))))):
        normal = abs(exact) >= np.finfo(dtype).tiny  # smaller numbers have fewer digits
        distance = abs(result - exact)[normal] / np.spacing(abs(exact[normal]).astype(dtype))
        assert distance.max() <= 3
        assert (abs(result[~normal]) <= 2 * np.finfo(dtype).tiny).all()
    np.testing.assert_array_equal(np.sign(y), np.sign(x))
    assert not np.signbit(y[(x == 0) & ~np.signbit(x)]).any()
    not_numbers = np.full(lanes(dtype), np.nan, dtype)
    squash(not_numbers, y, z, lanes(dtype))
    assert np.isnan([y[: lanes(dtype)], z[: lanes(dtype)]]).all()


def test_every_task_is_taken_by_one_thread_only() -> None:
    @entry
    def take(counter: Any, taken: Any) -> None:
        task = next_task(counter, 0)
        while task < len(taken):
            taken[task] += 1
            task = next_task(counter, 0)

    counter, taken = np.zeros(1, np.int64), np.zeros(20_000, np.int64)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: take(counter, taken), range(4)))
    np.testing.assert_array_equal(taken, 1)


def test_wide_registers_are_those_of_the_processor_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.config.CPU_FEATURES", "+avx2,+fma")
    assert not wide_registers.__wrapped__()
    monkeypatch.setattr("numba.config.CPU_FEATURES", "+avx2,+avx512f")
    assert wide_registers.__wrapped__()


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_below_a_width_use_no_lane_from_it_on(dtype: Any) -> None:
    L = lanes(dtype)
    for width in (1, L // 2, L - 1, L):
        d, x, y = numbers(dtype, 60, 0), numbers(dtype, 60, 1), np.zeros(6, dtype)
        d[width:20] = d[20 + width :] = 0
        expected = [[d[20 * r : 20 * r + width] @ x[7 * c : 7 * c + width] for c in range(3)] for r in range(2)]
        x[14 + width :] = np.nan  # lanes of the last of the three vectors from the width on
        products_below(d, x, y, width)
        np.testing.assert_allclose(y.reshape(2, 3), expected, rtol=0, atol=100 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tile_of_short_vectors_reads_no_lane_after_them(dtype: Any) -> None:
    d, x, y = numbers(dtype, 60, 0), numbers(dtype, 60, 1), np.zeros(6, dtype)
    d[4:20] = d[24:] = x[18:] = np.nan
    products_of_short_vectors(d, x, y)
    expected = [[d[20 * r : 20 * r + 4] @ x[7 * c : 7 * c + 4] for c in range(3)] for r in range(2)]
    np.testing.assert_allclose(y.reshape(2, 3), expected, rtol=0, atol=100 * np.finfo(dtype).eps)
