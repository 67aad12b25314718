"""The network's methods, its trace, and what reads or prunes a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import FILTERS, K, images, net
from nnpg.rankings.pruning import multiplications, redraw


def calls() -> Iterator[Call]:
    for backend in "numpy", "numba":
        network, name = net(backend), backend
        x, trace = images(), network.forward(images())
        start = {"start": lambda v: w.output("pool1")[:-3], "stop": lambda v: w.output("pool1")[:-3]}
        label = lambda method, name=name: f"Network.{method} on {name}"  # noqa: E731
        yield call(network.forward, name=label("forward"), x=x, kinds={**start, "x": w.images})
        yield call(
            nnpg.predict,
            name=f"predict on {name}",
            net=network,
            x=x,
            kinds={"x": w.images, "batch": w.number(1, whole=True, optional=True)},
        )
        yield call(nnpg.compilation_report, name=f"compilation_report on {name}", net=network)
        seed = np.ones(trace.y.shape, np.float32)

        def keep(valid: Any) -> list[w.Trial]:
            return w.wrong("pool9", ["pool9"], 3, [3], w.Thing())

        back = {
            "trace": w.instance,
            "seed": w.numbers(flat_only=True),
            "keep": keep,
            "start": start["stop"],
            "stop": start["stop"],
        }
        yield call(network.backward, name=label("backward"), trace=trace, seed=seed, kinds=back)
        deltas = dict(network.backward(trace, seed))
        named = {
            "trace": w.instance,
            "deltas": lambda v: w.wrong(None, 3, "a", [1], {"pool9": np.ones(3)}, {"conv1": 3}),
        }
        yield call(network.gradients, name=label("gradients"), trace=trace, deltas=deltas, kinds=named)
    network = net()
    layer = {
        "name": lambda v: w.output("conv1"),
        "layer": lambda v: w.wrong("tanh", 3, nnpg.Tanh, w.Thing(), [nnpg.Tanh()]),
    }
    yield call(
        network.replace,
        name="Network.replace",
        plain={"name": "tanh1", "layer": nnpg.ReLU()},
        kinds=layer,
        words={"name": "layer"},
        skip=("changes",),
    )

    def changed(b: Any = None) -> nnpg.Network:
        return network.replace("dense2", b=b)

    yield call(
        changed,
        name="Network.replace a field",
        b=np.zeros(K, np.float32),
        kinds={"b": lambda v: [t for t in w.numbers(needed=False)(v) if "complex" not in t.words]},
    )

    def missing(field: str) -> nnpg.Network:
        return network.replace("dense2", **{field: np.zeros(K)})

    yield call(
        missing,
        name="Network.replace by name",
        field="b",
        kinds={"field": lambda v: w.wrong("c", "w", "")},
        words={"field": "field|fields"},
    )

    def parameters(new: Any) -> nnpg.Network:
        return network.with_parameters(new)

    zeros = np.zeros(K, np.float32)
    new = {
        "new": lambda v: w.wrong(
            None,
            3,
            "a",
            [1],
            {"pool9": {}},
            {"dense2": 3},
            {"dense2": {"c": zeros}},
            {"dense2": {"b": "a"}},
            {"dense2": {"b": zeros[:1]}},
        )
    }
    yield call(
        parameters,
        name="Network.with_parameters",
        new={"dense2": {"b": zeros}},
        kinds=new,
        words={"new": "b|W|pool9|dense2"},
    )

    def intervened(name: Any, change: Any) -> nnpg.Network:
        return network.intervene(name, change)

    changes = {"name": w.output, "change": lambda v: w.wrong(None, "zero", 3, nnpg.Clamp, nnpg.Tanh(), [v], w.Thing())}
    yield call(
        intervened,
        name="Network.intervene",
        plain={"name": "pool1", "change": nnpg.Clamp(0, 1)},
        kinds=changes,
        words={"change": "intervention"},
    )

    def clamped(units: Any) -> Any:
        return nnpg.predict(network.intervene("pool1", nnpg.Override(units, np.zeros(()))), images())

    wide = np.ones((K, 1, 1), bool)
    yield call(
        clamped,
        name="Override in a network",
        units=wide,
        kinds={"units": lambda v: w.wrong(np.ones((7, 1, 1), bool), np.ones((2, 3, 1, 1, 1), bool))},
        words={"units": "Override"},
    )
    yield call(network.to, name="Network.to", backend="numpy")
    yield call(network.astype, name="Network.astype", dtype="float64")
    yield call(
        network.drawn,
        name="Network.drawn",
        rng=np.random.default_rng(0),
        kinds={"rng": lambda v: [t for t in w.seed(v) if not isinstance(t.value, int)]},
    )

    def layers(valid: Any) -> list[w.Trial]:
        tanh = nnpg.Tanh()
        return w.wrong(None, 3, "a", [], {}, {"a": "tanh"}, {"a": nnpg.Tanh}, {3: tanh}, {"input": tanh})

    shape = {"layers": layers, "backend": w.instance,
             "interventions": lambda v: w.wrong(None, 3, "a", {"pool9": ()}, {"a": 3}, {"a": (3,)})}  # fmt: skip
    yield call(
        nnpg.Network,
        plain={"layers": {"a": nnpg.Tanh()}, "input_shape": (2,), "backend": nnpg.load_backend("numpy")},
        kinds=shape,
        words={"layers": "layer", "interventions": "intervention|interventions|pool9"},
    )
    trace = network.forward(images())
    yield call(
        trace.before,
        words={"name": "output"},
        name="Trace.before",
        plain={"name": "pool1"},
        kinds={"name": w.output},
    )
    yield call(nnpg.load_backend, plain={"name": "numpy"}, kinds={"name": w.choice}, words={"name": "backend"})
    yield call(nnpg.filter_layers, net=network)
    yield call(multiplications, net=network)
    yield call(redraw, net=network, rng=0)
    yield call(nnpg.prune, net=network, filters=FILTERS)
