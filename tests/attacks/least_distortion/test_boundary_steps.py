"""One step of descents along the boundary: the program equals the definition, on any number of threads."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import nnpg
from nnpg.attacks.answers import Margin
from nnpg.attacks.least_distortion.boundary.steps import Descents, step_by_arrays, step_of
from nnpg.attacks.least_distortion.norms import Box
from nnpg_kernels import use_threads

M = 40
FIELDS = ("x", "mean", "multiplier", "best", "size", "rival")


def net(dtype: Any) -> nnpg.Network:
    return nnpg.build([nnpg.dense(3)], input_shape=(2,), rng=0, dtype=dtype, backend="numba")


def case(m: int, dtype: Any) -> tuple[Descents, np.ndarray, Margin]:
    rng = np.random.default_rng(m)
    x0 = rng.random((M, m)).astype(dtype)
    x, mean, gradient = (rng.standard_normal((M, m)).astype(dtype) for _ in range(3))
    size = np.where(rng.random(M) < 0.5, np.inf, 0.01)
    descents = Descents(np.arange(M), x.clip(0, 1), mean, 0.1 * rng.random(M), x0.copy(), size, np.zeros(M, np.int64))
    return descents, x0, Margin(0.1 * rng.standard_normal(M), np.full(M, 1e-5), rng.integers(1, 3, M), gradient)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("m", [1, 15, 32, 35, 100])
def test_the_program_equals_the_definition(m: int, dtype: str) -> None:
    descents, x0, margin = case(m, dtype)
    for epsilon in (None, 0.05):
        for share, newton_steps in ((1.0, 5), (0.3, 1)):
            box, expected = Box(0.0, 1.0, epsilon), copy.deepcopy(descents)
            step_by_arrays(np, expected, x0, margin, box, share, newton_steps)
            assert len(np.unique(expected.rival)) == 3, "some points are kept, and some are not"
            for threads in (1, 3):
                found = copy.deepcopy(descents)
                with use_threads(threads):
                    step_of(net(dtype))(found, x0, margin, box, share, newton_steps)
                for name in FIELDS:
                    allowed = 1e-9 if dtype == "float64" else 2e-4 if name == "multiplier" else 1e-5
                    a, b = getattr(found, name), getattr(expected, name)
                    np.testing.assert_allclose(a, b, rtol=allowed, atol=allowed, err_msg=name)


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    descents, x0, margin = case(35, "float32")
    found = []
    for threads in (1, 2, 5):
        found.append(copy.deepcopy(descents))
        with use_threads(threads):
            step_of(net("float32"))(found[-1], x0, margin, Box(0.0, 1.0), 0.3, 2)
    for name in FIELDS:
        assert len({getattr(one, name).tobytes() for one in found}) == 1, name


def test_a_gradient_that_is_not_finite_stays_with_its_descent() -> None:
    descents, x0, margin = case(35, "float32")
    with_nan = copy.deepcopy(descents)
    margin.gradient[3, 5] = np.nan
    with np.errstate(invalid="ignore"):
        step_by_arrays(np, descents, x0, margin, Box(0.0, 1.0), 0.3, 1)
    step_of(net("float32"))(with_nan, x0, margin, Box(0.0, 1.0), 0.3, 1)
    assert np.isnan(with_nan.x).any(axis=1).tolist() == np.isnan(descents.x).any(axis=1).tolist()
    assert np.isnan(with_nan.mean).sum() == 1


def test_an_array_that_is_written_to_is_not_copied() -> None:
    descents, x0, margin = case(8, "float32")
    descents.mean = np.asfortranarray(descents.mean)
    with pytest.raises(ValueError, match=r"mean, which is written to, must be a float32 array \(40, 8\) in C order"):
        step_of(net("float32"))(descents, x0, margin, Box(0.0, 1.0), 0.3, 1)
