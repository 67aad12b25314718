"""TH-3: what a filter looks for, sent back to the pixels by a plain backward pass (Lo 2016, Fig. 3.4, after Zeiler).

python -m experiments run TH-3        (one net a data set of 250 epochs unless trained already: seconds)

To expect: pictures; filters of AlexNet's second layer see one texture each. The rule here is the plain gradient, which
Simonyan et al. show to be the deconvnet's but for the rectifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.faces import FACE_SEED, FaceNet, face_nets
from nnpg import Conv
from nnpg.plots import image_grid, signed_colours
from nnpg.receptive_field import receptive_field
from nnpg.statistics import mean_interval
from nnpg_kernels import Array

SHOWN = 4  # images for each filter in the figure


@dataclass(frozen=True)
class Config:
    """Data sets, and how many images, of as many people, each filter is asked about: those that it answers to most."""

    datasets: tuple[str, ...] = ("yale", "faces")
    epochs: int = 250
    seed: int = FACE_SEED
    images: int = 9


@dataclass(frozen=True, eq=False)
class Projected:
    """For each filter, the images that it answers to most: what it sees there, and its gradient at those pixels."""

    patches: Array  # (F, images, C, h, w)
    gradients: Array  # (F, images, C, h, w)


def run(config: Config, context: Context) -> Result:
    rows: list[Row] = []
    figures = []
    for dataset in config.datasets:
        face = face_nets(dataset, config.epochs, [context.seed_or(config.seed)], context)[0]
        layers = [name for name, layer in face.net.layers.items() if isinstance(layer, Conv)]
        for layer in layers:
            found = _project(face, layer, config.images)
            rows += _rows(f"{dataset}, {layer}", found)
            if layer != layers[0]:  # the first layer's projections are its weights
                figures.append(f"projections-{dataset}-{layer}.png")
                _draw(found, layer, context.folder / figures[-1])
    within = [r for r in rows if r.held is not None]
    alike = ", ".join(f"{r.ours:.2f} at {r.name.partition(':')[0]}" for r in within)
    verdict = (
        "Sent back from the images that it answers to most, a filter's projections are more alike than those of two "
        f"filters in {sum(bool(r.held) for r in within)} of {len(within)} layers (mean cosine {alike}): the first "
        "layer's are its weights, and the deeper the filter, the more it depends on the image what it looks for."
    )
    return Result(tuple(rows), verdict, tuple(figures))


def _project(face: FaceNet, layer: str, images: int) -> Projected:
    net, x, field = face.net, face.data.x, receptive_field(face.net, layer)
    trace = net.forward(x, upto=layer)
    o = net.backend.to_numpy(trace[layer])  # (N, F, H', W')
    people = [np.flatnonzero(face.data.labels == c) for c in range(face.data.K)]
    patches: list[list[Array]] = []
    gradients: list[list[Array]] = []
    for f in range(o.shape[1]):
        places = o[:, f].reshape(len(x), -1)
        highest = places.max(axis=1)
        own = [of[highest[of].argmax()] for of in people]  # one image a person: some are nearly the same
        best = np.array(sorted(own, key=lambda n: -highest[n])[:images])
        i, j = np.unravel_index(places[best].argmax(axis=1), o.shape[-2:])
        seed = np.zeros((len(best), *o.shape[1:]), o.dtype)
        seed[np.arange(len(best)), f, i, j] = 1
        some = net.forward(x[best], upto=layer)
        delta = net.backend.to_numpy(net.backward(some, seed, keep=("input",))["input"])
        windows = [field.box(int(a), int(b)) for a, b in zip(i, j, strict=True)]
        for pictures, kept in ((x[best], patches), (delta, gradients)):
            kept.append([p[:, top : top + h, left : left + w]
                         for p, (top, left, h, w) in zip(pictures, windows, strict=True)])  # fmt: skip
    return Projected(np.array(patches), np.array(gradients))


def _rows(name: str, found: Projected) -> list[Row]:
    """Mean cosine of projections of one filter, and of two filters of the layer."""
    F, n = found.gradients.shape[:2]
    flat = found.gradients.reshape(F * n, -1).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    cosine = (flat @ flat.T).reshape(F, n, F, n)
    own = cosine[np.arange(F), :, np.arange(F)]  # (F, n, n)
    within = own[:, ~np.eye(n, dtype=bool)].mean(axis=1)  # (F,)
    between = np.array([cosine[f, :, [g for g in range(F) if g != f]].mean() for f in range(F)])
    one, two = mean_interval(within), mean_interval(between)
    by = "95% t over filters"
    return [
        row(f"{name}: projections of one filter", None, one, F, unit="cosine", interval=by, held=one.low > two.high),
        row(f"{name}: projections of two filters", None, two, F, unit="cosine", interval=by),
    ]


def _draw(found: Projected, layer: str, path: Path) -> None:
    F, _, _, h, w = found.patches.shape
    patches = np.broadcast_to(found.patches[:, :SHOWN], (F, SHOWN, 3, h, w))
    colours = signed_colours(found.gradients[:, :SHOWN].sum(axis=2).reshape(-1, h, w)).reshape(F, SHOWN, 3, h, w)
    pictures = np.concatenate([patches, colours], axis=1).reshape(-1, 3, h, w)
    titles = ["what it sees", *[""] * (SHOWN - 1), "sent back", *[""] * (SHOWN - 1)] + [""] * (2 * SHOWN * (F - 1))
    image_grid(pictures, path, titles=titles, columns=2 * SHOWN, row_labels=[f"{layer} no. {f + 1}" for f in range(F)])


EXPERIMENT = Experiment(
    "TH-3",
    "Filters sent back to the pixels",
    "Lo 2016, Fig. 3.4",
    {"smoke": Config(("faces",), epochs=2, images=4), "quick": Config(), "paper": Config()},
    run,
)
