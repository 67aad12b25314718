"""TH-1: activations, the XOR network of step units, and filters on a face (Lo 2016, Fig. 2.2 to 2.5).

python -m experiments run TH-1        (seconds; the gallery's face comes from the Yale set)

What is counted over all points or activations has no chance in it. The random filters are independent draws, with no
training, so their claim is judged by the interval over filters. Expected: XOR 4 of 4. No line separates the two classes
of points before the first layer; one does after it. Most random filters respond to edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.models.face_data import FEW, face_data
from nnpg import Dense, Layer, Network, ReLU, Sigmoid, Step, Tanh, load_backend, predict
from nnpg.analysis.edge_filters import KERNELS, convolve, responds_to_edges
from nnpg.analysis.separability import linearly_separable
from nnpg.analysis.statistics import wilson
from nnpg.analysis.verdicts import at_least, at_most, more_than
from nnpg.data.examples import one_of_each
from nnpg.plots import Plane, filter_gallery, function_panels, plane_panels, wiring_diagram
from nnpg_kernels import Array

POINTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]])  # p1 .. p4
XOR = np.array([False, True, False, True])
FIRST = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([-0.5, -1.5])  # W, b: at least one, both
SECOND = np.array([[1.0, -1.0]]), np.array([-0.5])  # one, but not both
USUALLY = at_least(0.5, "random filters usually detect edges")
SOLVES = at_least(1, "an MLP (with perceptron nonlinearities) which solves the XOR problem")
NOT_SEPARABLE = at_most(0, "note that this problem is not linearly separable")
SEPARABLE = at_least(1, "f 'squashes' the original points into a linearly separable space")
SQUASHES = more_than(0.5, "a space compression (usually |f(x)| <= |x|)")
ACTIVATIONS: dict[str, Layer] = {"step (perceptron)": Step(), "sigmoid": Sigmoid(), "tanh": Tanh(), "relu": ReLU()}


@dataclass(frozen=True)
class Config:
    """The face of the gallery, and how many random filters are tested."""

    dataset: str = "yale"
    filters: int = 1000
    seed: int = 0


def run(config: Config, context: Context) -> Result:
    units: dict[str, Layer] = {"dense1": Dense(*FIRST), "step1": Step(), "dense2": Dense(*SECOND), "step2": Step()}
    net = Network(units, (2,), load_backend("numpy"))
    hidden = net.forward(POINTS)["step1"]
    right = int(((predict(net, POINTS)[:, 0] > 0) == XOR).sum())
    before, after = linearly_separable(POINTS, XOR), linearly_separable(hidden, XOR)
    z = np.linspace(-3, 3, 601)
    small = {name: bool((abs(_apply(layer, z)[0]) <= abs(z)).all()) for name, layer in ACTIVATIONS.items()}
    data = face_data(config.dataset, context)
    faces = data.x[one_of_each(data)]
    drawn = np.random.default_rng(context.seed_or(config.seed)).integers(-4, 5, (config.filters, 3, 3))
    edges = responds_to_edges(faces, drawn)
    blind = edges[drawn.sum(axis=(1, 2)) == 0]
    example = bool(responds_to_edges(faces, [KERNELS["random"]])[0])
    _draw(net, hidden, z, faces[0], context)
    share = wilson(int(edges.sum()), len(edges))
    usual = USUALLY.verdict(share)
    rows = (
        row("XOR: points right", 1.0, right / 4, 4, "points", claim=SOLVES,
            fact=right == 4),
        row("a line separates the points of XOR", 0.0, float(before), 4, "points", claim=NOT_SEPARABLE,
            fact=not before),
        row("a line separates them after the first layer", 1.0, float(after), 4, "points", claim=SEPARABLE,
            fact=after),
        row("activations that never exceed z in size (usually)", None, sum(small.values()) / 4, 4,
            "activations", claim=SQUASHES, fact=sum(small.values()) > 2),
        row("random filters that respond more to edges than to brightness (usually)", None,
            share, len(edges), "random filters", interval="95% Wilson", claim=USUALLY, verdict=usual),
        row("of these, filters whose weights sum to 0", None, wilson(int(blind.sum()), len(blind)), len(blind),
            "random filters", interval="95% Wilson"),
        row("the thesis's random filter responds to edges", 1.0, float(example), len(faces), "faces, one filter",
            claim=USUALLY),
    )  # fmt: skip
    verdict = (
        f"Step units solve XOR ({right} of 4): no line separates the points before the first layer, one does after it; "
        f"'{USUALLY.quoted}' is {usual}: {edges.mean():.0%} of "
        f"{len(edges)} respond more to edges than to brightness, and {blind.mean():.0%} of those whose "
        "weights sum to 0. That the thesis's example does is open: it is one filter."
    )
    text = (
        "Fig. 2.5 prints Sobel X with the last row 1 0 1; its weights then sum to 2 and it responds to brightness.\n"
        "Meant, and used here, is -1 0 1. Fig. 2.4's weights are not in the text; ours: at least one input, both\n"
        "inputs; output: the first and not the second. |f(z)| <= |z| fails for "
        f"{' and '.join(name for name, ok in small.items() if not ok)}: f is not 0 at 0, or jumps there."
    )
    shows = {**dict.fromkeys(("activations.png", "network.png", "xor.png")), "filters.png": config.dataset}
    return Result(rows, verdict, tuple(shows), (Text("Notes", text),), shows)


def _apply(layer: Layer, z: Array) -> tuple[Array, Array]:
    """f(z), and f'(z): what backward multiplies by."""
    k = load_backend("numpy")
    y, saved = layer.forward(k, z)
    return y, layer.backward(k, np.ones_like(z), saved)


def _draw(net: Network, hidden: Array, z: Array, face: Array, context: Context) -> None:
    curves = {name: dict(zip(("f(z)", "f'(z)"), _apply(layer, z), strict=True)) for name, layer in ACTIVATIONS.items()}
    function_panels(z, curves, context.folder / "activations.png")
    wired = [["x1", "x2"], ["a1", "a2"], ["y"]]
    wiring_diagram([FIRST, SECOND], context.folder / "network.png", names=wired)
    names = [f"p{n}" for n in range(1, 5)]
    planes = [
        Plane("Input", POINTS, ~XOR, names, lambda p: predict(net, p)[:, 0],
              [*zip(*FIRST, strict=True)], "x1", "x2"),
        Plane("W x + b", net.forward(POINTS)["dense1"], ~XOR, names, lambda p: net.forward(p, start="dense1").y[:, 0],
              [([1, 0], 0.0), ([0, 1], 0.0)], "z1", "z2"),
        Plane("First layer's output f(W x + b)", hidden, ~XOR, names, lambda p: net.forward(p, start="step1").y[:, 0],
              [*zip(*SECOND, strict=True)], "a1: at least one", "a2: both"),
    ]  # fmt: skip
    plane_panels(planes, context.folder / "xor.png")
    outputs = convolve(face[None], list(KERNELS.values()))[:, 0]
    filter_gallery({name: np.array(k) for name, k in KERNELS.items()}, outputs, context.folder / "filters.png")


EXPERIMENT = Experiment(
    "TH-1",
    "Activations, XOR with step units, and a gallery of filters",
    "Lo 2016, Fig. 2.2 to 2.5",
    {"smoke": Config(FEW, filters=40), "quick": Config(), "paper": Config()},
    run,
)
