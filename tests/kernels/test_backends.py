"""What a backend is: one set of signatures, one choice by name, and no result that depends on how work is divided."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnpg_kernels import Backend, Window, definition, load, numpy_backend

FUNCTIONS = [name for name, f in vars(Backend).items() if inspect.isfunction(f) and not name.startswith("_")]
KERNELS = [name for name in FUNCTIONS if name not in ("asarray", "to_numpy")]


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]


def test_every_backend_has_the_signatures_of_the_protocol(backend: Backend) -> None:
    assert len(FUNCTIONS) >= 9
    for name in FUNCTIONS:
        assert parameters(getattr(backend, name)) == parameters(getattr(Backend, name))[1:], name
    assert load(backend.name) is backend


@pytest.mark.parametrize("name", KERNELS)
def test_every_kernel_of_the_protocol_has_a_definition(name: str) -> None:
    assert parameters(getattr(definition, name)) == parameters(getattr(Backend, name))[1:]


def test_an_array_moved_to_a_backend_and_back_is_the_same(backend: Backend) -> None:
    a = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    moved = backend.asarray(a)
    assert moved.dtype == np.float32
    np.testing.assert_array_equal(backend.to_numpy(moved), a)


def test_auto_names_a_backend() -> None:
    assert load("auto").name
    assert load().name == load("auto").name


def test_the_error_of_an_unknown_backend_lists_the_choices() -> None:
    with pytest.raises(ValueError, match="no backend named 'torch': choose one of auto, numpy"):
        load("torch")


def test_patches_of_one_image_at_a_time_give_the_same_as_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches are built for as many images as fit into the cache."""
    rng = np.random.default_rng(0)
    window = Window((3, 2), (2, 1), (1, 0, 2, 1), (1, 2))
    x, W = rng.normal(size=(7, 4, 8, 9)), rng.normal(size=(6, 2, 3, 2))
    y = numpy_backend.conv_forward(x, W, None, window, 2)
    d = rng.normal(size=(3, *y.shape))
    answers = {}
    for size in (1, 20_000, 1 << 30):
        monkeypatch.setattr(numpy_backend, "PATCH_BYTES", size)
        answers[size] = (
            numpy_backend.conv_forward(x, W, None, window, 2),
            numpy_backend.conv_delta(d, W, window, 2, (8, 9)),
            numpy_backend.conv_gradient(d, x, window, 2),
        )
    for parts in answers.values():
        for got, whole in zip(parts, answers[1 << 30], strict=True):
            np.testing.assert_allclose(got, whole, rtol=1e-12, atol=1e-12)


def test_a_kernel_gives_the_same_bits_every_time(backend: Backend) -> None:
    rng = np.random.default_rng(0)
    window = Window((5, 5), padding=(2, 2, 2, 2))
    N = 8 if backend.xp is np else 2  # on a device each image has its own blocks
    x, W = rng.normal(size=(N, 3, 16, 16)).astype("float32"), rng.normal(size=(8, 3, 5, 5)).astype("float32")
    d = rng.normal(size=(N, 8, 16, 16)).astype("float32")
    x, W, d = map(backend.asarray, (x, W, d))
    for kernel, arguments in [
        (backend.conv_forward, (x, W, None, window)),
        (backend.conv_delta, (d, W, window, 1, (16, 16))),
        (backend.conv_gradient, (d, x, window)),
    ]:
        once, again = (backend.to_numpy(kernel(*arguments)) for _ in range(2))  # type: ignore[operator]
        np.testing.assert_array_equal(once, again)


def test_a_window_that_does_not_fit_into_the_image_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"a window of 5 x 3 pixels does not fit into an image of 3 x 3 with padding top 1"
    ):
        Window((3, 2), padding=(1, 0, 0, 0), dilation=(2, 2)).output_shape(3, 3)


@pytest.mark.parametrize(
    ("window", "image", "output"),
    [
        (Window((5, 5)), (60, 60), (56, 56)),  # Lo & Ding's net: 60 - 56 - 28 - 24 - 12 - 8 - 4
        (Window((2, 2), (2, 2)), (57, 8), (28, 4)),  # the last row fits no window
        (Window((3, 3), (2, 2), (0, 1, 0, 1)), (32, 32), (16, 16)),
        (Window((2, 2), dilation=(4, 1)), (5, 5), (1, 4)),
        (Window((3, 3), (5, 5)), (3, 3), (1, 1)),
    ],
)
def test_the_shape_of_the_output(window: Window, image: tuple[int, int], output: tuple[int, int]) -> None:
    assert window.output_shape(*image) == output
