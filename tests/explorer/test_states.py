"""What the page shows in random states is what nnpg computes, digit by digit."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np
import pytest
from explorer.pages import NETS, Written, shows

import nnpg
from nnpg.explanation.quantities import quantity

pytestmark = pytest.mark.browser

STATES = 25  # of each of the four pages
EXPLAINED = 5  # of them whose terms are compared as well, which takes longer
KEYS = {"prob": "y", "logit": "z"}


class State(NamedTuple):
    """A state of the page, as drawn at random."""

    image: int
    c: int
    of: Any
    unit: tuple[str, tuple[int, ...]]
    weight: tuple[str, str, tuple[int, ...]]
    off: list[tuple[str, int]]
    steps: list[tuple[int, float]]
    size: float
    target: int
    along: str
    clip: bool
    nudge: float
    tab: str

    @property
    def hash(self) -> str:
        name, index = self.unit
        layer, p, place = self.weight
        values = {
            "image": self.image,
            "class": self.c,
            "of": self.of,
            "unit": f"{name}:{','.join(map(str, index))}",
            "weight": f"{layer}.{p}:{','.join(map(str, place))}",
            "off": ";".join(f"{name}:{f}" for name, f in self.off),
            "steps": ";".join(f"{image}:{rate}" for image, rate in self.steps),
            "size": self.size,
            "target": self.target,
            "along": self.along,
            "clip": int(self.clip),
            "nudge": self.nudge,
            "tab": self.tab,
        }
        return urlencode(values)


def drawn(written: Written, rng: np.random.Generator) -> State:
    net, n = written.net, len(written.x)

    def index(shape: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(int(rng.integers(size)) for size in shape)

    name = str(rng.choice(net.names))
    layer = str(rng.choice(list(net.parameters)))
    p = str(rng.choice(list(net.parameters[layer])))
    inner = [str(o) for o in rng.permutation(net.names[1:-1])[: rng.integers(3)]]
    return State(
        image=int(rng.integers(n)),
        c=int(rng.integers(net.K)),
        of=str(rng.choice(["prob", "logit", "logprob", "loss"])),
        unit=(name, index(net.shapes[name])),
        weight=(layer, p, index(net.parameters[layer][p].shape)),
        off=[(o, int(rng.integers(net.shapes[o][0]))) for o in inner],
        steps=[(int(rng.integers(n)), 0.01)] if rng.random() < 0.3 else [],
        size=float(rng.choice([0, 0.02, 0.15])),
        target=int(rng.integers(-1, net.K)),
        along=str(rng.choice(["slope", "sign"])),
        clip=bool(rng.random() < 0.5),
        nudge=float(rng.choice([0.25, -0.5])),
        tab=str(rng.choice(["nudge", "weight", "step"])),
    )


def network(written: Written, state: State) -> tuple[nnpg.Network, nnpg.Network]:
    """Return the network after the steps, intact and with filters knocked out."""
    net = written.net
    for image, rate in state.steps:
        x, labels = written.x[image : image + 1], written.labels[image : image + 1]
        net = nnpg.train(net, x, labels, epochs=1, batch=1, rng=0, optimiser=nnpg.SGD(lr=rate), progress=False).net
    return net, nnpg.knock_out(net, state.off)


@pytest.mark.parametrize("name", NETS)
def test_random_states_show_the_numbers_of_nnpg(name: str, written: Any, open_page: Any) -> None:
    about = written(name)
    rng = np.random.default_rng(NETS.index(name))
    states = [drawn(about, rng) for _ in range(STATES)]
    answers = open_page(name).evaluate("hashes => readStates(hashes)", [state.hash for state in states])
    for n, (state, shown) in enumerate(zip(states, answers, strict=True)):
        try:
            check_state(about, state, shown)
            if n < EXPLAINED:
                check_terms(about, state, shown)
        except AssertionError as error:
            raise AssertionError(f"{name}.html#{state.hash}\n{shown}") from error


def check_state(about: Written, state: State, shown: dict[str, Any]) -> None:
    intact, net = network(about, state)
    x, label = about.x[state.image : state.image + 1], int(about.labels[state.image])
    trace = net.forward(x)
    L = quantity(net, trace, state.c, state.of)
    deltas = net.backward(trace, L.seed, start=L.start)
    unit, index = state.unit
    place, last = (0, *index), net.names[-1]
    assert shows(shown["o"], trace[unit][place], abs(trace[unit]).max())
    assert (shown["derivative"] is not None) == (unit in deltas)
    if unit in deltas:
        assert shows(shown["derivative"], deltas[unit][place], abs(deltas[unit]).max())
    assert all(shows(text, y) for text, y in zip(shown["bars"], trace[last][0], strict=True))
    check_knockout(about, state, shown, intact, net)
    check_attack(state, shown, net, x, trace, label, about)
    if state.tab == "nudge" and unit in deltas:
        check_nudge(state, shown, net, trace, L, deltas[unit][place])
    if state.tab == "weight":
        check_weight(state, shown, net, trace, deltas)
    if state.tab == "step":
        y = intact.forward(x)
        assert shows(shown["loss"], quantity(intact, y, label, "loss").value(y), 1.0)
        assert shows(shown["stepY"], y[last][0, label])


def check_knockout(
    about: Written, state: State, shown: dict[str, Any], intact: nnpg.Network, net: nnpg.Network
) -> None:
    x = about.x[state.image : state.image + 1]
    assert shows(shown["yIntact"], intact.forward(x).y[0, state.c])
    curve = nnpg.knock_out_curve(intact, about.x, about.labels, state.off, progress=False)
    errors = (curve.overall_error * len(about.x)).round().astype(int)
    assert int(shown["errorsIntact"]) == errors[0]
    assert (shown["yNow"] is None) == (not state.off)
    if state.off:
        assert shows(shown["yNow"], net.forward(x).y[0, state.c])
        assert int(shown["errorsNow"]) == errors[-1]


def check_attack(
    state: State, shown: dict[str, Any], net: nnpg.Network, x: np.ndarray, trace: nnpg.Trace, label: int, about: Written
) -> None:
    c = int(trace.y[0].argmax()) if state.target < 0 else state.target
    slope = nnpg.prediction_gradient(net, x, classes=c, of="logprob", layers="input").deltas["input"]
    slope = np.asarray(slope, float).reshape(x.shape) * (-1 if state.target < 0 else 1)
    size = np.sqrt((slope**2).mean()) or 1.0  # 0 where a knock-out cuts the image off
    r = np.sign(slope) if state.along == "sign" else slope / size
    changed = x + state.size * r
    changed = np.clip(changed, 0, 1) if state.clip else changed
    y = nnpg.predict(net, changed)[0]
    assert shows(shown["rms"], float(np.sqrt(((changed - x) ** 2).mean())))
    assert shows(shown["fooledY"], y[c], 1e3)  # the change of many pixels is rounded in many places
    said = int(y.argmax())
    assert shown["fooledAnswer"] == about.class_names[said] + (" ✓" if said == label else "")


def check_nudge(
    state: State, shown: dict[str, Any], net: nnpg.Network, trace: nnpg.Trace, L: Any, derivative: float
) -> None:
    unit, index = state.unit
    moved = np.array(trace[unit])
    moved[(0, *index)] += state.nudge
    now, then = L.value(trace), L.value(trace | net.forward(moved, start=unit))
    assert shows(shown["nudgeNow"], now, 1.0, count=5)
    assert shows(shown["foretold"], derivative * state.nudge, abs(derivative))
    assert shows(shown["happened"], then - now, max(abs(now), 1.0))


def check_weight(
    state: State, shown: dict[str, Any], net: nnpg.Network, trace: nnpg.Trace, deltas: dict[str, np.ndarray]
) -> None:
    layer, p, index = state.weight
    assert shows(shown["w"], net.parameters[layer][p][index])
    if layer in deltas:
        gradient = net.gradients(trace, {layer: deltas[layer]})[layer][p]
        for key in ("gradient", "weightSum"):
            assert shows(shown[key], gradient[index], abs(gradient).max())


def check_terms(about: Written, state: State, shown: dict[str, Any]) -> None:
    """The terms of both sums are those of `nnpg.explain`, the largest first."""
    _, net = network(about, state)
    unit, index = state.unit
    x = about.x[state.image : state.image + 1]
    address = f"{unit}:{','.join(map(str, index))}"
    e = nnpg.explain(net, x, unit=address, classes=state.c, of=state.of, progress=False)
    if e.readers is not None:
        assert shows(shown["backward"], e.readers.total, abs(e.readers.products).sum())
        check_rows(shown["backwardTerms"], e.readers, by_slope=False)
    if e.inputs is not None and (unit, index[0]) not in state.off:
        check_rows(shown["forwardTerms"], e.inputs, by_slope=e.constant is None)
        size = abs(e.inputs.products).sum()
        assert shows(shown["forward"], e.value if e.constant is None else e.inputs.total + e.constant, size)


def check_rows(cells: list[list[str]], terms: Any, by_slope: bool) -> None:
    known = {name: (value, slope) for name, value, slope, _ in terms.rows()}
    assert len(cells) == min(len(known), 4)
    for name, value, slope, product in cells:
        expected = known[name]
        assert shows(value, expected[0], 1.0)
        assert shows(slope, expected[1], 1.0)
        assert product == "" if by_slope else shows(product, expected[0] * expected[1], 1.0)
    largest = sorted(abs(terms.slopes if by_slope else terms.products))[::-1][: len(cells)]
    sizes = [abs(known[row[0]][1] * (1 if by_slope else known[row[0]][0])) for row in cells]
    assert np.allclose(sizes, largest, rtol=1e-9, atol=1e-15)
