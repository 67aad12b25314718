"""What a backend is: one set of signatures, one choice by name, and no answer that depends on how work is cut up."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from nnpg_kernels import Backend, Window, load, numpy_backend


def test_every_backend_has_the_reference_signatures(backend: Backend) -> None:
    wanted = [name for name, f in vars(Backend).items() if inspect.isfunction(f) and not name.startswith("_")]
    assert len(wanted) >= 9
    for name in wanted:
        asked = list(inspect.signature(getattr(Backend, name)).parameters.values())[1:]
        given = list(inspect.signature(getattr(backend, name)).parameters.values())
        assert [(p.name, p.default) for p in given] == [(p.name, p.default) for p in asked], name
    assert load(backend.name) is backend


def test_arrays_go_there_and_back(backend: Backend) -> None:
    a = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    there = backend.asarray(a)
    assert there.dtype == np.float32
    np.testing.assert_array_equal(backend.to_numpy(there), a)


def test_auto_is_a_backend() -> None:
    assert load("auto").name
    assert load().name == load("auto").name


def test_unknown_backend_names_the_choice() -> None:
    with pytest.raises(ValueError, match="no backend named 'torch': choose one of auto, numpy"):
        load("torch")


def test_images_a_few_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patches are built for as many images as fit the cache: one at a time, or all, must agree."""
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


def test_the_same_bits_every_time(backend: Backend) -> None:
    rng = np.random.default_rng(0)
    window = Window((5, 5), padding=(2, 2, 2, 2))
    x, W = rng.normal(size=(8, 3, 16, 16)).astype("float32"), rng.normal(size=(8, 3, 5, 5)).astype("float32")
    d = rng.normal(size=(8, 8, 16, 16)).astype("float32")
    for f, given in [
        (backend.conv_forward, (x, W, None, window)),
        (backend.conv_delta, (d, W, window, 1, (16, 16))),
        (backend.conv_gradient, (d, x, window)),
    ]:
        assert np.array_equal(f(*given), f(*given))  # type: ignore[operator]


def test_window_that_does_not_fit() -> None:
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
def test_output_shape(window: Window, image: tuple[int, int], output: tuple[int, int]) -> None:
    assert window.output_shape(*image) == output
