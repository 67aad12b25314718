"""LD-10: the gradients by the pixels: no pattern, mean 0, normal, short tails (Lo & Ding 2015, Fig. 5).

python -m experiments run LD-10        (a minute on 2 cores, after LD-7)

Expected: mean 0 and hardly any skew, as the paper says; but tails longer than the normal distribution's, since a
gradient is concentrated where the image has an edge.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.cifar import SCALES, Config, Images, load_images, nets_a, spread_indices
from experiments.models.masks import in_colour
from nnpg import Network, predict, prediction_gradient
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import all_of, equal_to, less_than, share_interval
from nnpg.plots import histogram_grid, image_grid
from nnpg.plots.distributions import Cell
from nnpg_kernels import Array

CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}
FEW = 300  # images whose moments are taken
CONFIDENCE = 1 - 0.05 / 6  # six comparisons are judged
TAILS = "tails, median excess kurtosis (0: normal)"
ZERO = 0.1  # standard deviations, and skew, that count as 0: a mean of that size changes the sign of 4% of the pixels
CLAIMS = {
    "mean": equal_to(0, ZERO, "gradients are roughly normal with 0 mean"),
    "skew": equal_to(0, ZERO, "roughly normal"),
    "tails": less_than(0, "roughly normal with 0 mean and short tails"),
}


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    nets, data = [done.net for done in nets_a(config, context, images)], images.train
    x = data.x[spread_indices(data, min(config.images, FEW))]
    outputs = [prediction_gradient(net, x, layers="input", classes="all", of="logit")["input"] for net in nets]
    rows = _rows("prediction", [_of_prediction(net, x)[None] for net in nets])
    rows += _rows("outputs before softmax", outputs)
    _draw(nets[0], images, context)
    mean, skew, tails = (
        all_of(r.verdict for r in rows if r.verdict and r.claim == CLAIMS[word].quoted) for word in CLAIMS
    )

    def tails_of(name: str) -> float:
        return row_named(rows, f"{name}: {TAILS}").ours

    verdict = (
        f"That gradients have mean 0: {mean}. That they are symmetric: {skew}. That their tails are short: {tails}. "
        f"The median excess kurtosis over the images is {tails_of('prediction'):.1f} for the "
        f"prediction and {tails_of('outputs before softmax'):.1f} for the outputs, 0 being normal."
    )
    return Result(tuple(rows), verdict, ("gradients.png", "histograms.png"))


def _of_prediction(net: Network, x: Array) -> Array:
    """dlog y/dx of each image's predicted class (N, C, H, W): dy/dx up to its scale, and never all 0."""
    predicted = predict(net, x).argmax(axis=1)
    return prediction_gradient(net, x, layers="input", classes="true", labels=predicted, of="logprob")["input"]


def moments(gradients: Array) -> tuple[Array, Array, Array]:
    """Mean in standard deviations, skew, and excess kurtosis of each image's channels, (N, C)."""
    from scipy.stats import kurtosis, skew

    g = gradients.reshape(*gradients.shape[:2], -1).astype(np.float64)  # (N, C, H W)
    g = g / np.maximum(abs(g).max(axis=-1, keepdims=True), np.finfo(np.float64).tiny)
    spread = np.maximum(g.std(axis=-1), np.finfo(np.float64).tiny)
    return g.mean(axis=-1) / spread, skew(g, axis=-1), kurtosis(g, axis=-1)


def _rows(name: str, gradients: list[Array]) -> list[Row]:
    """Moments of the gradients of S outputs by N images (S, N, C, H, W) of each net: the median over images."""
    medians = np.array([_medians(of_net) for of_net in gradients])  # (nets, 4)
    offset, lean, excess = (mean_interval(m, confidence=CONFIDENCE) for m in medians[:, :3].T)
    n, by, over = len(gradients), f"{100 * CONFIDENCE:.4g}% t over nets", "nets"
    return [
        row(f"{name}: size of the mean, median over images", 0.0, offset, n, over, unit="standard deviations",
            interval=by, claim=CLAIMS["mean"]),
        row(f"{name}: skew, median", 0.0, lean, n, over, unit="", interval=by, claim=CLAIMS["skew"]),
        row(f"{name}: {TAILS}", 0.0, excess, n, over, unit="", interval=by, claim=CLAIMS["tails"]),
        row(f"{name}: share with skew within 0.5 and excess kurtosis within 1", None, share_interval(medians[:, 3]), n,
            over, interval="95% t over nets"),
    ]  # fmt: skip


def _medians(gradients: Array) -> tuple[float, ...]:
    """Of one net: median size of the mean, skew and tails, each the mean over outputs and channels of an image."""
    S, N = gradients.shape[:2]
    every = moments(gradients.reshape(S * N, *gradients.shape[2:]))
    mean, skew, tails = (m.reshape(S, N, -1) for m in every)  # (S, N, C)
    normal = (abs(skew) < 0.5) & (abs(tails) < 1)
    return *(float(np.median(m.mean(axis=(0, 2)))) for m in (abs(mean), skew, tails)), float(normal.mean())


def _draw(net: Network, images: Images, context: Context) -> None:
    """Three images, their prediction's gradient, and that of three outputs: as pictures and as histograms."""
    names, data = images.train.class_names, images.train
    x, labels = data.x[:3], data.labels[:3]
    shown = [c for c in (3, 5, 9) if c < len(names)] or [0, 1, 2]
    outputs = prediction_gradient(net, x, layers="input", classes=shown, of="logit")["input"]
    every = np.concatenate([_of_prediction(net, x)[None], outputs])  # (1 + S, 3, C, H, W)
    titles = ["image", "prediction", *(f"output {names[c]}" for c in shown)]
    pictures = np.stack([x, *(in_colour(g) for g in every)], axis=1).reshape(-1, *x.shape[1:])
    rows = [names[c] for c in labels]
    heads = [title if n == 0 else "" for n in range(len(x)) for title in titles]
    image_grid(pictures, context.folder / "gradients.png", titles=heads, columns=len(titles), row_labels=rows)
    channels = CHANNELS[x.shape[1]]
    cells: list[list[Cell]] = []
    for n in range(len(x)):
        line: list[Cell] = [({c: x[n, i] for i, c in enumerate(channels)}, "pixels")]
        for title, g in zip(titles[1:], every[:, n], strict=True):
            _, skew, tails = (m.mean() for m in moments(g[None]))
            words = f"{title}\nskew {skew:+.1f}, tails {tails:+.1f}"
            line.append(({c: g[i] for i, c in enumerate(channels)}, words))
        cells.append(line)
    centred = [False] + [True] * len(every)
    histogram_grid(cells, context.folder / "histograms.png", row_labels=rows, centred=centred)


EXPERIMENT = Experiment(
    "LD-10", "How smooth gradients by the pixels are", "Lo & Ding 2015, Fig. 5", SCALES, run, version=2
)
