"""TH-3: the patterns that a filter responds to, by a backward pass to the pixels (Lo 2016, Fig. 3.4, after Zeiler).

python -m experiments run TH-3        (half a minute; it trains twenty nets per data set if there are none)

Expected: pictures; each filter of AlexNet's second layer responds to one texture. The rule here is the plain gradient,
which Simonyan et al. show to equal the deconvnet's except at the rectifiers. Projections of one filter are more alike
than projections of two filters. The deeper the layer, the less alike they are. In the first layer they are the
filter's weights, whatever the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.face_data import FEW
from experiments.models.faces import FaceNet, FaceNetsOfSets, nets_of_set
from nnpg import Conv, Filter
from nnpg.analysis.profiles import WithinBetween, within_between
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import more_than
from nnpg.maps.excitation import Views, highest_outputs, view_units
from nnpg.plots import image_grid, signed_colours

SHOWN = 6  # images for each filter in the figure
MORE_ALIKE = more_than(0, 'the image "concepts" learned at each layer')


@dataclass(frozen=True)
class Config(FaceNetsOfSets):
    """Data sets, nets, and for each filter the number of images with the highest outputs, each of another person."""

    images: int = 9


def run(config: Config, context: Context) -> Result:
    shows: dict[str, str | None] = {}
    rows: list[Row] = []
    for dataset in config.datasets:
        nets = nets_of_set(dataset, config, context)
        layers = [name for name, layer in nets[0].net.layers.items() if isinstance(layer, Conv)]
        confidence = 1 - 0.05 / ((len(layers) - 1) * len(config.datasets))
        for layer in layers:
            found = [_projections(face, layer, config.images) for face in nets]
            judged_at = None if layer == "conv1" else confidence
            rows += _rows(f"{dataset}, {layer}", [_likeness(one) for one in found], judged_at)
            if layer != "conv1":
                shows[f"projections-{dataset}-{layer}.png"] = dataset
                _draw(found[0], layer, context.folder / f"projections-{dataset}-{layer}.png")
    verdicts = [r.verdict for r in rows if r.verdict]
    counts = ", ".join(f"{verdict} in {verdicts.count(verdict)}" for verdict in dict.fromkeys(verdicts))
    alike = ", ".join(f"{r.ours:.2f} at {r.name.partition(':')[0]}" for r in rows if r.name.endswith("one filter"))
    verdict = (
        "That a filter's patterns, projected from the images with its highest outputs, are more alike than those of "
        f"two filters is {counts} of {len(verdicts)} layers after the first, where they are its weights (mean "
        f"cosine within a filter {alike}): the deeper the filter, the more its patterns depend on the image."
    )
    return Result(tuple(rows), verdict, tuple(shows), shows=shows)


def _projections(face: FaceNet, layer: str, images: int) -> Views:
    """From the images with each filter's highest outputs, one per person, since images of one person are alike."""
    places = highest_outputs(face.net, face.data.x, layer=layer, n=images, one_per=face.data.labels)
    return view_units(face.net, face.data.x, places, layer=layer)


def _likeness(found: Views) -> WithinBetween:
    """Mean cosine of projections of one filter, and of two filters of the layer."""
    F, n = found.projections.shape[:2]
    flat = found.projections.reshape(F * n, -1).astype(np.float64)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return within_between(flat @ flat.T, np.repeat(np.arange(F), n))


def _rows(name: str, alike: list[WithinBetween], judged_at: float | None) -> list[Row]:
    within, between = np.array(alike).T
    confidence = judged_at or 0.95
    more, by = mean_interval(within - between, confidence=confidence), f"{100 * confidence:.4g}% t over nets"
    over = partial(row, n=len(alike), over="nets", unit="cosine", interval="95% t over nets")
    return [
        over(f"{name}: likeness of projections, one filter", None, mean_interval(within)),
        over(
            f"{name}: likeness of projections, one filter minus two filters",
            None,
            more,
            interval=by,
            claim=MORE_ALIKE if judged_at else None,
        ),
    ]


def _draw(found: Views, layer: str, path: Path) -> None:
    F, _, _, h, w = found.patches.shape
    patches = np.broadcast_to(found.patches[:, :SHOWN], (F, SHOWN, 3, h, w))
    colours = signed_colours(found.projections[:, :SHOWN].sum(axis=2).reshape(-1, h, w)).reshape(F, SHOWN, 3, h, w)
    pictures = np.concatenate([patches, colours], axis=1).reshape(-1, 3, h, w)
    titles = ["what it sees", *[""] * (SHOWN - 1), "projected", *[""] * (SHOWN - 1)] + [""] * (2 * SHOWN * (F - 1))
    image_grid(pictures, path, titles=titles, columns=2 * SHOWN, row_labels=[str(Filter(layer, f)) for f in range(F)])


EXPERIMENT = Experiment(
    "TH-3",
    "Filters projected to the pixels",
    "Lo 2016, Fig. 3.4",
    {"smoke": Config((FEW,), epochs=2, seeds=2, images=6), "quick": Config(), "paper": Config()},
    run,
)
