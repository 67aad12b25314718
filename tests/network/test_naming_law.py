"""`deltas[name]` is the derivative of the seeded output with respect to `trace[name]`: every name, from any place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import nets
import numpy as np
import pytest
from of_device import host

import nnpg
from nnpg_kernels import Backend

NAMES = nets.small().names


@pytest.mark.parametrize("name", NAMES[:-1])
def test_delta_is_the_slope_of_a_restart(name: str, backend: Backend) -> None:
    """Move trace[name] a little and run only what comes after it."""
    net = nets.small(backend)
    trace = net.forward(nets.images(net))
    rng = np.random.default_rng(NAMES.index(name))
    seed, h = rng.standard_normal(trace.y.shape), 1e-6
    delta, value = host(net.backward(trace, seed)[name]), host(trace[name])
    assert delta.shape == trace[name].shape
    for _ in range(5):
        v = rng.standard_normal(delta.shape)
        up, down = (host(net.forward(value + s * v, start=name).y) for s in (h, -h))
        assert ((up - down) * seed).sum() / (2 * h) == pytest.approx((delta * v).sum(), rel=1e-6, abs=1e-9)


def test_the_seed_is_the_last_delta(backend: Backend) -> None:
    net = nets.small(backend)
    trace = net.forward(nets.images(net))
    seed = np.random.default_rng(0).standard_normal(trace.y.shape)
    np.testing.assert_array_equal(host(net.backward(trace, seed)["softmax1"]), seed)


@pytest.mark.parametrize(("name", "array"), [(n, a) for n, arrays in nets.small().parameters.items() for a in arrays])
def test_gradient_is_the_slope_of_the_whole_network(name: str, array: str, backend: Backend) -> None:
    net = nets.small(backend)
    x, rng, h = nets.images(net), np.random.default_rng(2), 1e-6
    trace = net.forward(x)
    seed = rng.standard_normal(trace.y.shape)
    gradient = host(net.gradients(trace, net.backward(trace, seed))[name][array])
    v, value = rng.standard_normal(gradient.shape), host(net.parameters[name][array])
    up, down = (
        host(net.replace(name, **{array: value + s * v}).forward(x).y)  # type: ignore[arg-type]
        for s in (h, -h)
    )
    assert ((up - down) * seed).sum() / (2 * h) == pytest.approx((gradient * v).sum(), rel=1e-6)


@pytest.mark.parametrize("seed", [0, 1])
def test_gradcheck_of_whole_networks(seed: int) -> None:
    for net in (nets.small(seed=seed), nets.faces()):
        report = nnpg.gradcheck(net, rng=seed)
        assert report.ok, report
        assert {f'deltas["{name}"]' for name in net.names[:-1]} <= {row.array for row in report.rows}


@pytest.mark.parametrize("lead", [(5,), (1,), (2, 3)], ids=str)
def test_stacked_seeds_are_the_loop_over_them(lead: tuple[int, ...], backend: Backend) -> None:
    net = nets.small(backend)
    trace = net.forward(nets.images(net))
    seeds = np.random.default_rng(3).standard_normal((*lead, *trace.y.shape))
    deltas = net.backward(trace, seeds)
    gradients, deltas = host(net.gradients(trace, deltas)), host(deltas)
    for s in np.ndindex(lead):
        alone = net.backward(trace, seeds[s])
        for name in net.names:
            assert deltas[name].shape == (*lead, *trace[name].shape)
            np.testing.assert_allclose(deltas[name][s], host(alone[name]), rtol=1e-12, atol=1e-13)
        for name, arrays in host(net.gradients(trace, alone)).items():
            for array, gradient in arrays.items():
                assert gradients[name][array].shape == (*lead, *gradient.shape)
                np.testing.assert_allclose(gradients[name][array][s], gradient, rtol=1e-12, atol=1e-12)


def test_many_passes_from_one_trace(backend: Backend) -> None:
    """A pass stores nothing in the network or the trace, so passes do not change each other's results."""
    net = nets.small(backend)
    trace = net.forward(nets.images(net))
    rng = np.random.default_rng(4)
    seeds = [rng.standard_normal(trace.y.shape) for _ in range(12)]
    first = [net.backward(trace, seed)["input"] for seed in seeds]
    net.forward(nets.images(net, seed=8))
    with ThreadPoolExecutor(6) as pool:
        threads = list(pool.map(lambda seed: net.backward(trace, seed)["input"], seeds))
    for a, b in zip(map(host, first), map(host, threads), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_trace_cannot_be_written(backend: Backend) -> None:
    if backend.xp is not np:
        pytest.skip("every array of a device can be written to")
    net = nets.small(backend)
    trace = net.forward(nets.images(net))
    for name in trace:
        with pytest.raises(ValueError, match="read-only"):
            trace[name][...] = 0


def test_start_and_upto_are_parts_of_one_pass(backend: Backend) -> None:
    net = nets.small(backend)
    x = nets.images(net)
    whole = net.forward(x)
    assert list(whole) == net.names
    assert whole.y is whole["softmax1"]
    for name in net.names:
        head = net.forward(x, stop=name)
        assert list(head) == net.names[: net.names.index(name) + 1]
        np.testing.assert_array_equal(host(head.y), host(whole[name]))
        tail = net.forward(head.y, start=name)
        assert list(tail) == net.names[net.names.index(name) :]
        np.testing.assert_array_equal(host(tail.y), host(whole.y))
        np.testing.assert_array_equal(host((whole.before(name) | tail).y), host(whole.y))
    middle = net.forward(whole["conv1"], start="conv1", stop="conv2")
    np.testing.assert_array_equal(host(middle.y), host(whole["conv2"]))
    assert list(net.forward(whole["conv1"], start="conv1", stop="conv1")) == ["conv1"]


def test_seed_enters_anywhere_and_stops_anywhere(backend: Backend) -> None:
    net = nets.small(backend)
    trace = net.forward(nets.images(net))
    full = host(net.backward(trace, np.random.default_rng(5).standard_normal(trace.y.shape)))
    for at in net.names:
        below = host(net.backward(trace, full[at], start=at))
        assert list(below) == net.names[: net.names.index(at) + 1][::-1]
        for name, delta in below.items():
            np.testing.assert_array_equal(delta, full[name])
    part = host(net.backward(trace, full["relu1"], start="relu1", stop="tanh1"))
    assert list(part) == ["relu1", "conv2", "lrn1", "pool1", "tanh1"]
    asked_for = host(net.backward(trace, full["softmax1"], keep={"pool1", "input"}))
    assert set(asked_for) == {"pool1", "input"}
    for name, delta in [*part.items(), *asked_for.items()]:
        np.testing.assert_array_equal(delta, full[name])
    assert set(net.gradients(trace, {"conv2": full["conv2"], "pool1": full["pool1"]})) == {"conv2"}


def test_a_pass_that_starts_late_goes_back_to_where_it_started(backend: Backend) -> None:
    net = nets.small(backend)
    whole = net.forward(nets.images(net))
    tail = net.forward(whole["conv1"], start="conv1")
    seed = np.random.default_rng(6).standard_normal(whole.y.shape)
    deltas, full = net.backward(tail, seed), net.backward(whole, seed)
    assert list(deltas)[-1] == "conv1"
    np.testing.assert_array_equal(host(deltas["conv1"]), host(full["conv1"]))
    assert set(net.gradients(tail, deltas)) == {"conv2", "dense1", "dense2"}  # conv1 itself did not run
    with pytest.raises(KeyError, match="no output named 'input' in this trace; it holds conv1"):
        net.backward(tail, seed, stop="input")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_type_is_kept_end_to_end(dtype: str, backend: Backend) -> None:
    net = nets.small(backend).astype(dtype)
    trace = net.forward(nets.images(net))
    deltas = net.backward(trace, np.random.default_rng(0).standard_normal(trace.y.shape))
    gradients = net.gradients(trace, deltas)
    every = [
        *(trace[n] for n in trace),
        *deltas.values(),
        *(a for arrays in gradients.values() for a in arrays.values()),
    ]
    assert {a.dtype for a in every} == {np.dtype(dtype)}
    assert net.dtype == dtype
    assert nnpg.predict(net, nets.images(net)).dtype == dtype


def test_a_network_without_weights_keeps_the_type_it_is_given() -> None:
    net = nnpg.build([nnpg.Tanh()], input_shape=(3,), rng=0)
    for dtype in ("float32", "float64"):
        assert net.forward(np.ones((1, 3), dtype)).y.dtype == dtype
    assert net.forward([[1, 2, 3]]).y.dtype == np.float32


def test_predict_is_forward_a_batch_at_a_time(backend: Backend) -> None:
    net = nets.faces().to(backend)
    x = nets.images(net, N=7)
    for batch in (1, 3, 7, 100):
        np.testing.assert_allclose(nnpg.predict(net, x, batch=batch), host(net.forward(x).y), rtol=1e-12)
    assert nnpg.predict(net, x[:0]).shape == (0, 4)


BAD = [
    (lambda net, t: net.forward(np.zeros((2, 2, 9, 9))), ValueError, r"9, 10\), not an array float64 \(2, 2, 9, 9\)"),
    (lambda net, t: net.forward(np.zeros((2, 9, 10))), ValueError, r"not an array float64 \(2, 9, 10\)"),
    (lambda net, t: net.forward(t["input"], stop="conv9"), KeyError, "named 'conv9'; .* has input, center1, conv1"),
    (lambda net, t: net.forward(t["conv1"], start="x"), KeyError, "no output named 'x'"),
    (lambda net, t: net.forward(t["pool1"], start="pool1", stop="conv1"), ValueError, "'pool1', but stop='conv1'"),
    (
        lambda net, t: net.forward(np.zeros((1, 3, 9, 10)), start="center1"),
        ValueError,
        r"layer 'conv1' \(Conv\) cannot take an input of shape \(1, 3, 9, 10\)",
    ),
    (lambda net, t: net.backward(t, np.ones((3, 4))), ValueError, r"enters at 'softmax1' .* \(3, 5\), not \(3, 4\)"),
    (lambda net, t: net.backward(t, np.ones(5)), ValueError, r"must end in its shape \(3, 5\), not \(5,\)"),
    (lambda net, t: net.backward(t, np.ones((5, 3))), ValueError, r"not \(5, 3\)"),
    (lambda net, t: net.backward(t, t["conv1"], start="conv1", stop="pool1"), ValueError, "stop='pool1' comes after"),
    (lambda net, t: net.backward(t, t["conv1"], start="conv7"), KeyError, "no output named 'conv7'"),
    (lambda net, t: net.backward(t, t.y, stop="pool9"), KeyError, "no output named 'pool9'"),
    (lambda net, t: t["conv3"], KeyError, "no output named 'conv3' in this trace; it holds input, center1"),
    (lambda net, t: net.replace("conv3", b=None), KeyError, "no layer named 'conv3'; this network has center1, conv1"),
    (lambda net, t: net.intervene("conv3", nnpg.Clamp(0, 1)), KeyError, "no output named 'conv3'"),
    (lambda net, t: net.to("abacus"), ValueError, "no backend named 'abacus'"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message for _, _, message in BAD])
def test_bad_input_is_named(call: object, error: type[Exception], message: str) -> None:
    net = nets.small()
    with pytest.raises(error, match=message):
        call(net, net.forward(nets.images(net)))  # type: ignore[operator]
