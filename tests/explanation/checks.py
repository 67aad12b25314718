"""What must hold of the explanation of a unit and of a weight; tests and mutants use it."""

from __future__ import annotations

from typing import Any

import numpy as np
from explanation.nets import derivatives, random_address

import nnpg

CLOSE = 1e-12


def close(a: float, b: float) -> bool:
    return abs(a - b) <= CLOSE * (1 + abs(b))


def check_unit(net: nnpg.Network, x: Any, name: str, c: int, of: Any, rng: np.random.Generator) -> None:
    """Explain a random unit of an output."""
    unit, index = random_address(name, net.shapes[name], rng)
    e = nnpg.explain(net, x, unit=unit, classes=c, of=of)
    trace = net.forward(x)
    assert e.name == unit
    assert e.value == trace[name][0][index]
    if e.constant is not None:
        assert e.inputs is not None
        assert close(e.inputs.total + e.constant, e.value)
    elif e.inputs is not None:
        check_inputs(net, trace, name, index, e.inputs)
    deltas, _ = derivatives(net, x, c, of)
    if name not in deltas:
        assert e.derivative is None
        assert e.readers is None
        assert e.nudge is None
        return
    assert close(e.derivative, deltas[name][index])
    if e.readers is not None:
        assert close(e.readers.total, deltas[name][index])
        read = deltas[e.readers.output][tuple(e.readers.index.T)]
        np.testing.assert_allclose(e.readers.values, read, rtol=1e-12, atol=1e-15)
    check_nudge(e)


def check_inputs(net: nnpg.Network, trace: nnpg.Trace, name: str, index: tuple[int, ...], terms: Any) -> None:
    """A unit stays the same, whatever the inputs are that it is said not to read."""
    x = trace[terms.output]
    other = np.random.default_rng(9).standard_normal(x.shape)
    places = (0, *terms.index.T)
    assert (terms.values == x[places]).all()
    other[places] = x[places]
    assert net.forward(other, start=terms.output, stop=name).y[0][index] == trace[name][0][index]


def check_weight(net: nnpg.Network, x: Any, layer: str, p: str, c: int, of: Any, rng: np.random.Generator) -> None:
    """Explain a random weight of a parameter."""
    array = net.parameters[layer][p]
    weight, index = random_address(f"{layer}.{p}", array.shape, rng)
    e = nnpg.explain(net, x, weight=weight, classes=c, of=of)
    _, gradients = derivatives(net, x, c, of)
    assert e.readers is not None
    assert (e.name, e.value, e.symbol, e.inputs) == (weight, array[index], "dL/dw", None)
    assert close(e.derivative, gradients[layer][p][index])
    assert close(e.readers.total, gradients[layer][p][index])
    check_nudge(e)


def check_nudge(e: nnpg.Explanation) -> None:
    assert e.nudge is not None
    assert e.derivative is not None
    assert e.nudge.kink.startswith("the slope of") or abs(e.nudge.slope - e.derivative) <= 1e-6 * max(
        abs(e.derivative), 1e-3
    )
