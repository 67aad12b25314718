"""SZ-T3: three networks from two halves of the training images (Szegedy et al. 2013, Table 3).

python -m experiments run SZ-T3        (about 5 minutes on 2 cores, nearly all of it training)

Expected: no error on the half that was seen, about 2% on the other and on the test images, and distortions of the test
images near 0.06. Each seed divides the training images anew. SZ-T4 shows the distorted images to the other networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row
from experiments.models.mnist import margins
from experiments.models.mnist.digits import as_rows, digits, part_of
from experiments.models.mnist.lbfgs import FULL, SMOKE, THREE, Training
from experiments.szegedy.distortions.attacked import (
    RULES,
    attacked_by_seed,
    endings,
    size_rows,
    size_texts,
    sizes_in_words,
)
from nnpg import error_rate
from nnpg.analysis.verdicts import all_of, equal_to, share_interval

PAPER = {"M1": (0, 2.4, 2, 0.062), "M1'": (0, 2.5, 2.1, 0.059), "M2": (2.3, 0, 2.1, 0.058)}  # P1, P2, test; distortion
SIZES = {name: numbers[-1] for name, numbers in PAPER.items()}
SETS = ("P1", "P2", "test")
CONFIDENCE = 1 - 0.05 / (len(PAPER) * (len(SETS) + len(RULES)))  # comparisons with the paper's numbers


@dataclass(frozen=True)
class Config(Training):
    """Test images of each seed that are distorted, 0 for all of them."""

    images: int = 256


def run(config: Config, context: Context) -> Result:
    train, test = digits(config.dataset, context.data_dir)
    groups = attacked_by_seed(THREE, test, config.images, config, context)
    made, n, means = list[Row](), len(groups), {}
    for name in THREE:
        for of_set, paper in zip(SETS, PAPER[name], strict=False):
            errors = []
            for group in groups:
                data = test if of_set == "test" else train.subset(part_of(len(train), of_set, group.seed))
                errors.append(error_rate(group.nets[name].net, as_rows(data), data.labels))
            means[name, of_set] = float(np.mean(errors))
            claim = equal_to(paper / 100, margins.ERROR, f"error on {of_set} {paper:g}%")
            ours = share_interval(errors, confidence=CONFIDENCE)
            made.append(row(f"{name}: error on {of_set}", paper / 100, ours, n, "nets",
                            interval=f"{CONFIDENCE:.2%} t over nets", claim=claim))  # fmt: skip
        made += size_rows(groups, name, SIZES[name], CONFIDENCE)
    parts = {
        "errors": [r.verdict for r in made if r.verdict and "error on" in r.name],
        "distortions": [r.verdict for r in made if r.verdict and "error on" not in r.name],
    }
    unseen = [means[name, "P1" if name == "M2" else "P2"] for name in THREE]
    on_test = [means[name, "test"] for name in THREE]
    verdict = (
        f"That the errors are the paper's: {all_of(parts['errors'])}; that the distortions are: "
        f"{sizes_in_words(made)}; over {n} divisions into halves, each with networks of its own. The networks "
        f"misclassify {min(unseen):.1%} to {max(unseen):.1%} of the half that they have not seen (in the paper 2.3% to "
        f"2.5%) and {min(on_test):.1%} to {max(on_test):.1%} of the test images (2.0% to 2.1%). "
        f"{sum(v == 'held' for of in parts.values() for v in of)} of {sum(map(len, parts.values()))} numbers are equal "
        "to the paper's within the margins."
    )
    return Result(tuple(made), verdict, (), (*size_texts(groups, SIZES), endings(groups)))


EXPERIMENT = Experiment(
    "SZ-T3",
    "Three networks from two halves of the training images",
    "Szegedy et al. 2013, Table 3",
    {"smoke": Config(**SMOKE, images=2), "quick": Config(), "paper": Config(**FULL, images=128)},
    run,
    notes="images=0 distorts all test images",
    version=2,
)
