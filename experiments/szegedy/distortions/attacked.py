"""Networks of several seeds, each seed with images of its own, and the least distortions of these images.

The paper does not say what its targets were, so everything is done for random targets and untargeted. Its method ends
at a minimiser of c |r| + loss; polished, the distortion goes on to the nearest point of the decision boundary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from experiments.experiment import Context, Row, Text, row
from experiments.models.mnist import margins
from experiments.models.mnist.digits import random_images
from experiments.models.mnist.lbfgs import Training
from experiments.models.mnist.nets import Trained, distorted, nets_by_seed, training_ends
from nnpg import predict
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.analysis.verdicts import all_of, difference_interval, equal_to
from nnpg.attacks import Distorted
from nnpg.data import Dataset
from nnpg_kernels import Array

RULES = {"random targets": "random", "untargeted": "all"}
TOLERANCES = (0.3, 0.1, 0.01, 0.001)  # of c; the paper gives none


@dataclass(frozen=True, eq=False)
class Attacked:
    """The networks of one seed by name, and the images (N, m) that are distorted for each of them."""

    nets: dict[str, Trained]
    x: Array
    labels: Array
    context: Context
    found: dict[tuple[object, ...], Distorted] = field(default_factory=dict)  # several rows read the same distortions

    @property
    def seed(self) -> int:
        """The seed of networks, images and targets."""
        return next(iter(self.nets.values())).seed

    def noisy(self, size: float) -> Array:
        """Return the images with Gaussian noise of that standard deviation."""
        noise = np.random.default_rng([self.seed, round(1000 * size)]).standard_normal(self.x.shape)
        return self.x + (size * noise).astype(self.x.dtype)

    def distorted(self, name: str, rule: str = "random targets", *, polish: bool = False, **settings: Any) -> Distorted:
        """Return the images distorted for that network; they are searched for once."""
        key = (name, rule, polish, *sorted(settings.items()))
        if key not in self.found:
            net = self.nets[name]
            self.found[key] = distorted(net, self.x, self.labels, self.context, RULES[rule], polish, **settings)
        return self.found[key]

    def confidence(self, name: str, found: Distorted) -> float:
        """Return the network's mean output for the targets of images that were distorted for it."""
        y = predict(self.nets[name].net, found.adversarial)
        return float(y[np.arange(len(y)), found.targets][found.success].mean())


def attacked_by_seed(
    names: Sequence[str], data: Dataset, images: int, config: Training, context: Context
) -> list[Attacked]:
    """Train the named networks of every seed, and draw its images from `data`."""
    groups = []
    for nets in nets_by_seed(names, config, context, config.nets):
        x, labels = random_images(data, images, nets[0].seed)
        groups.append(Attacked({net.name: net for net in nets}, x, labels, context))
    return groups


def sizes(groups: Sequence[Attacked], name: str, rule: str, **settings: Any) -> list[float]:
    """Return the mean distortion of the images of each seed."""
    found = [group.distorted(name, rule, **settings) for group in groups]
    return [float(np.nanmean(f.distortion)) for f in found]


def minus_papers(groups: Sequence[Attacked], name: str, rule: str, paper: float, confidence: float = 0.95) -> Interval:
    """Return our mean distortion by the paper's method minus the paper's, which is of 256 images of one network."""
    deviation = np.mean([np.nanstd(group.distorted(name, rule).distortion) for group in groups])
    ours = mean_interval(sizes(groups, name, rule), confidence=confidence)
    return difference_interval(ours, margins.papers_mean(paper, float(deviation), confidence))


def size_rows(groups: Sequence[Attacked], name: str, paper: float, confidence: float) -> list[Row]:
    """Return the rows of the distortions for one network: by the paper's method, beside the paper's, and polished."""
    rows, n = [], len(groups)
    for rule in RULES:
        plain, polished = (mean_interval(sizes(groups, name, rule, polish=polish)) for polish in (False, True))
        less = minus_papers(groups, name, rule, paper, confidence)
        same = equal_to(0, margins.DISTORTION, f"average minimum distortion {paper:g}")
        rows += [
            row(f"{name}: distortion, {rule}", paper, plain, n, "nets", unit="RMS", interval="95% t over nets"),
            row(f"{name}: distortion, {rule}, minus the paper's", None, less, n, "nets", unit="RMS",
                interval=f"{confidence:.2%} of two samples, the paper's of 256 images", claim=same),
            row(f"{name}: distortion, {rule}, polished", None, polished, n, "nets", unit="RMS",
                interval="95% t over nets"),
        ]  # fmt: skip
    return rows


def sizes_in_words(rows: Sequence[Row]) -> str:
    """Say for each rule of targets whether all mean distortions are the paper's, which does not name its rule."""
    judged = {
        rule: [r.verdict for r in rows if r.verdict and f": distortion, {rule}, minus" in r.name] for rule in RULES
    }
    return ", ".join(f"{all_of(verdicts)} ({rule})" for rule, verdicts in judged.items())


def endings(groups: Sequence[Attacked]) -> Text:
    """Return how the training of each network ended."""
    return Text("How the training ended", training_ends([net for group in groups for net in group.nets.values()]))


def size_texts(groups: Sequence[Attacked], papers: dict[str, float]) -> tuple[Text, ...]:
    """Return a table of distortions for each rule of targets, and one for the tolerances of c."""
    texts = []
    for rule in RULES:
        lines = [
            f"{'':14}{'the paper':>10}{'its method':>12}{'minus the paper, 95%':>26}{'polished':>10}{'confidence':>12}"
        ]
        for name, paper in papers.items():
            plain, polished = (np.mean(sizes(groups, name, rule, polish=polish)) for polish in (False, True))
            less = minus_papers(groups, name, rule, paper)
            sure = np.mean([group.confidence(name, group.distorted(name, rule)) for group in groups])
            between = f"{less.value:+.4f} ({less.low:+.4f} {less.high:+.4f})"
            lines.append(f"{name:14}{paper:10.3f}{plain:12.4f}{between:>26}{polished:10.4f}{sure:12.3f}")
        lines.append(f"RMS; means over {len(groups)} networks of each kind. Confidence: in the target, by its method.")
        texts.append(Text(f"Distortions, {rule}", "\n".join(lines)))
    lines = [f"{'tolerance of c':14}" + "".join(f"{t:>10g}" for t in TOLERANCES)]
    for name in papers:
        found = (np.mean(sizes(groups, name, "random targets", tolerance=t)) for t in TOLERANCES)
        lines.append(f"{name:14}" + "".join(f"{size:10.4f}" for size in found))
    return (*texts, Text("Distortions by the paper's method, random targets, by the tolerance of c", "\n".join(lines)))
