"""The laws that every layer obeys, from one table of rows: derivative, stacked seeds, purity, types, layouts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from layer_rows import ROWS, Row, delta
from of_device import changed

import nnpg
from nnpg.layers import LAYERS, parameters
from nnpg_kernels import Array, Backend


def over(rows: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name.replace(",", "").replace(" ", "-"))


every_row = over(ROWS)
AT_MOST = 30  # entries of an array that are moved on a device, one after the other


def arrays_in(thing: Any) -> list[np.ndarray]:
    if isinstance(thing, np.ndarray):
        return [thing]
    return [a for t in thing for a in arrays_in(t)] if isinstance(thing, tuple) else []


def test_the_table_has_every_layer() -> None:
    assert {type(row.layer).__name__ for row in ROWS} == set(LAYERS)


@over([row for row in ROWS if row.affine])
def test_adjoint(row: Row, backend: Backend) -> None:
    """<forward(x), d> = <x, backward(d)> = <W, gradients(d)["W"]> with b = 0: exact, no step size."""
    layer, x = row.on(backend), row.x()
    y0 = layer.forward(backend, np.zeros_like(x))[0]  # b, or -mean: what is left is linear
    y, saved = layer.forward(backend, x)
    d = delta(y)
    size = np.linalg.norm(y - y0) * np.linalg.norm(d)
    lhs = ((y - y0) * d).sum()
    assert abs(lhs - (x * layer.backward(backend, d, saved)).sum()) < 1e-14 * size
    grads = layer.gradients(backend, d, saved)
    if "W" in grads:
        assert abs(lhs - (layer.W * grads["W"]).sum()) < 1e-14 * size
    if "b" in grads:
        assert abs((y0 * d).sum() - (layer.b * grads["b"]).sum()) < 1e-14 * size


@every_row
def test_finite_differences(row: Row, backend: Backend) -> None:
    """Every single partial derivative, not only one direction: x, W and b, one entry at a time."""
    layer, x = row.on(backend), row.x(N=2, seed=5)
    y, saved = layer.forward(backend, x)
    d, h = delta(y), 1e-6

    def compare(analytic: Array, a: Array, f: Any) -> None:
        entries = np.arange(a.size)
        if backend.xp is not np:  # two launches for each entry; that they add up to the whole, gradcheck shows
            entries = np.random.default_rng(6).permutation(a.size)[:AT_MOST]
        steps = h * np.eye(a.size)[entries].reshape(-1, *a.shape)
        numeric = [((f(a + e) - f(a - e)) * d).sum() / (2 * h) for e in steps]
        np.testing.assert_allclose(analytic.ravel()[entries], numeric, rtol=0, atol=1e-8)

    compare(layer.backward(backend, d, saved), x, lambda a: layer.forward(backend, a)[0])
    grads = layer.gradients(backend, d, saved)
    assert set(grads) == set(parameters(layer))
    for name, analytic in grads.items():

        def f(a: Array, name: str = name) -> Array:
            return changed(layer, **{name: a}).forward(backend, x)[0]

        compare(analytic, getattr(layer, name), f)


@every_row
def test_gradcheck_passes(row: Row, backend: Backend) -> None:
    report = nnpg.gradcheck(row.layer, input_shape=row.shape, backend=backend)
    assert report.ok, report
    methods = {r.method for r in report.rows if r.array == "x"}
    assert ("adjoint" in methods) == row.affine
    assert "finite differences" in methods


@every_row
def test_stacked_seeds_are_the_loop_over_them(row: Row, backend: Backend) -> None:
    layer = row.on(backend)
    y, saved = layer.forward(backend, row.x())
    for lead in ((4,), (1,), (2, 3)):
        d = delta(y, lead)
        dx, grads = layer.backward(backend, d, saved), layer.gradients(backend, d, saved)
        assert dx.shape == (*lead, *row.x().shape)
        for s in np.ndindex(lead):
            np.testing.assert_allclose(dx[s], layer.backward(backend, d[s], saved), rtol=1e-12, atol=1e-12)
            for name, gradient in layer.gradients(backend, d[s], saved).items():
                np.testing.assert_allclose(grads[name][s], gradient, rtol=1e-12, atol=1e-12, err_msg=str(lead))


@every_row
def test_purity(row: Row, backend: Backend) -> None:
    """Whatever a method is given is read-only here, and it answers the same twice."""
    layer, x = row.on(backend), row.x()
    x.flags.writeable = False
    y, saved = layer.forward(backend, x)
    again, _ = layer.forward(backend, x)
    np.testing.assert_array_equal(y, again)
    d = delta(y, (2,))
    for a in [d, *arrays_in(saved), *parameters(layer).values()]:
        a.flags.writeable = False
    first, grads = layer.backward(backend, d, saved), layer.gradients(backend, d, saved)
    second, grads_again = layer.backward(backend, d, saved), layer.gradients(backend, d, saved)
    np.testing.assert_array_equal(first, second)
    for name in grads:
        np.testing.assert_array_equal(grads[name], grads_again[name])


@every_row
def test_threads_share_one_pass(row: Row, backend: Backend) -> None:
    layer = row.on(backend)
    y, saved = layer.forward(backend, row.x())
    seeds = [delta(y, (2,), seed) for seed in range(16)]

    def both(d: Array) -> tuple[Array, dict[str, Array]]:
        return layer.backward(backend, d, saved), layer.gradients(backend, d, saved)

    with ThreadPoolExecutor(8) as pool:
        threads = list(pool.map(both, seeds))
    for (dx, grads), d in zip(threads, seeds, strict=True):
        serial = both(d)
        np.testing.assert_array_equal(dx, serial[0])
        assert all(np.array_equal(grads[name], serial[1][name]) for name in serial[1])


@every_row
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_type_is_kept_end_to_end(row: Row, dtype: str, backend: Backend) -> None:
    layer = row.on(backend, dtype)
    y, saved = layer.forward(backend, row.x(dtype=dtype))
    d = delta(y, (2,))
    grads = layer.gradients(backend, d, saved)
    assert {a.dtype for a in [y, d, layer.backward(backend, d, saved), *grads.values()]} == {np.dtype(dtype)}


@every_row
def test_float32_agrees_with_float64(row: Row, backend: Backend) -> None:
    x = row.x(dtype="float32")
    answers = []
    for dtype in ("float32", "float64"):
        layer = row.on(backend, "float32") if dtype == "float32" else row.on(backend)
        y, saved = layer.forward(backend, x.astype(dtype))
        d = delta(y.astype("float64")).astype("float32").astype(dtype)
        answers.append([y, layer.backward(backend, d, saved), *layer.gradients(backend, d, saved).values()])
    for single, double in zip(*answers, strict=True):
        np.testing.assert_allclose(single, double, rtol=0, atol=2e-6 * max(1, np.abs(double).max()))


def every_second(a: Array) -> Array:
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan)
    wide[..., ::2] = a
    return wide[..., ::2]


LAYOUTS = {
    "every second": every_second,
    "fortran": np.asfortranarray,
    "reversed": lambda a: np.flip(np.ascontiguousarray(np.flip(a))),
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),  # stride 0
}


@every_row
def test_memory_layout_does_not_matter(row: Row, backend: Backend) -> None:
    """Gaps and directions of arrays of the host do not go up to a device: there, two layouts stand for all."""
    layer = row.on(backend)
    for layout in list(LAYOUTS) if backend.xp is np else ["fortran", "every second"]:
        laid_out = LAYOUTS[layout]
        x = np.ascontiguousarray(laid_out(row.x()))
        y, saved = layer.forward(backend, x)
        y2, saved2 = layer.forward(backend, laid_out(x))
        np.testing.assert_allclose(y2, y, rtol=1e-13, atol=1e-13, err_msg=layout)
        d = np.ascontiguousarray(laid_out(delta(y, (2,))))
        dx, dx2 = layer.backward(backend, d, saved), layer.backward(backend, laid_out(d), saved2)
        np.testing.assert_allclose(dx2, dx, rtol=1e-13, atol=1e-13, err_msg=layout)
        grads, grads2 = layer.gradients(backend, d, saved), layer.gradients(backend, laid_out(d), saved2)
        for name in grads:
            np.testing.assert_allclose(grads2[name], grads[name], rtol=1e-12, atol=1e-12, err_msg=f"{layout} {name}")


@over([row for row in ROWS if row.name != "dropout"])  # there each image of a batch has its own mask
def test_images_do_not_see_each_other(row: Row, backend: Backend) -> None:
    """N images at once are N passes of one image, N = 1; parameter gradients add up over images."""
    layer, x = row.on(backend), row.x()
    y, saved = layer.forward(backend, x)
    d = delta(y)
    dx, grads = layer.backward(backend, d, saved), layer.gradients(backend, d, saved)
    total = {name: np.zeros_like(a) for name, a in grads.items()}
    for n in range(len(x)):
        one, saved_alone = layer.forward(backend, x[n : n + 1])
        np.testing.assert_allclose(one[0], y[n], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(layer.backward(backend, d[n : n + 1], saved_alone)[0], dx[n], rtol=1e-12, atol=1e-12)
        for name, a in layer.gradients(backend, d[n : n + 1], saved_alone).items():
            total[name] += a
    for name in grads:
        np.testing.assert_allclose(total[name], grads[name], rtol=1e-12, atol=1e-12)


@every_row
def test_no_images_at_all(row: Row, backend: Backend) -> None:
    """The last, empty batch of a loop must not be a special case."""
    layer = row.on(backend)
    assert layer.forward(backend, row.x(N=0))[0].shape == (0, *layer.forward(backend, row.x(N=1))[0].shape[1:])


@every_row
def test_backward_is_linear_in_delta(row: Row, backend: Backend) -> None:
    layer = row.on(backend)
    y, saved = layer.forward(backend, row.x())
    p, q = delta(y), delta(y, seed=2)
    together = layer.backward(backend, 2 * p - 3 * q, saved)
    apart = 2 * layer.backward(backend, p, saved) - 3 * layer.backward(backend, q, saved)
    np.testing.assert_allclose(together, apart, rtol=1e-12, atol=1e-12)
