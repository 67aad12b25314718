"""LD-7: train net A, the "pseudo-AlexNet", on CIFAR-10 (Lo & Ding 2015, VII.A).

python -m experiments run LD-7        (5 minutes on 2 cores; --scale paper: 50 minutes)

The paper gives 10,000 "epochs", which its section X calls iterations: about 28 epochs of batches of 128. Expected
after these: 26% with pooling 3 x 3, stride 2, so the paper's 34% is that of a weaker network, or of a shorter training.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.models.cifar import SCALES, Config, Images, epoch_steps, load_images, nets_a
from nnpg import Training, error_rate, predict
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import all_of, at_most, share_interval
from nnpg.data.examples import one_of_each
from nnpg.plots import Lines, image_grid, line_panels

PAPER = {"validation": 0.3277, "test": 0.3419}


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    nets = {pool: nets_a(config, context, images, pool) for pool in ("3/2", "2/2")}
    claims = len(PAPER) * len(nets)
    rows = [r for pool, trained in nets.items() for r in error_rows(f"pool {pool}", trained, images, PAPER, claims)]
    steps = epoch_steps(images)
    rows.append(first_row(nets["3/2"], steps, PAPER["validation"]))
    history = {f"pool {pool}": np.mean(list(map(validation_errors, trained)), axis=0) for pool, trained in nets.items()}
    iterations = [e.epoch * steps for e in nets["3/2"][0].history]
    curves = Lines(
        "net A, mean of the nets", iterations, history, "iterations", "validation error",
        (PAPER["validation"], "the paper's"),
    )  # fmt: skip
    line_panels([curves], context.folder / "training.png", columns=1, top=None)
    draw_predictions(nets["3/2"][0], images, context)
    table = history_table({pool: trained[0] for pool, trained in nets.items()}, steps)
    return Result(
        tuple(rows), verdict(rows, "net A", iterations[-1]), ("training.png", "images.png"),
        (Text("Epoch by epoch, the first net of each kind", table),),
    )  # fmt: skip


def first_row(trained: Sequence[Training], steps: int, level: float) -> Row:
    """Iterations until the validation error is at the paper's; all of them for a net that never is."""
    first = []
    for done in trained:
        reached = np.array(validation_errors(done)) <= level
        first.append(steps * (int(reached.argmax()) + 1 if reached.any() else len(reached)))
    name = f"iterations until the validation error is {level:.1%}, all of them where it never is"
    return row(name, None, mean_interval(first), len(first), "nets", unit="iterations", interval="95% t over nets")


def error_rows(
    name: str, trained: Sequence[Training], images: Images, paper: dict[str, float], claims: int
) -> list[Row]:
    """Validation and test error beside the paper's, of so many claims. Each is that such networks are no worse."""
    data, confidence = images.train.subset(images.held_out), 1 - 0.05 / claims
    found = []
    for part, judged in (("validation", data), ("test", images.test)):
        shares = [error_rate(done.net, judged.x, judged.labels) for done in trained]
        claim = at_most(paper[part], f"{100 * paper[part]:.2f}% {part} error")
        share = share_interval(shares, confidence=confidence)
        found.append(row(f"{name}: {part} error, no more than the paper's", paper[part], share, len(shares), "nets",
                         interval=f"{100 * confidence:.4g}% t over nets", claim=claim))  # fmt: skip
    return found


def validation_errors(trained: Training) -> list[float]:
    """After each epoch."""
    return [math.nan if e.validation_error is None else e.validation_error for e in trained.history]


def verdict(rows: list[Row], net: str, iterations: int) -> str:
    """Say whether the errors are as low as the paper's."""
    words = [f"{r.name.split(',')[0]} {r.ours:.1%} (paper {r.paper:.1%})" for r in rows if "test" in r.name]
    judged = all_of(r.verdict for r in rows if r.verdict)
    return (
        f"That {net} is at least as good as the paper's after {iterations} iterations: {judged}; {'; '.join(words)}, "
        "means over the networks."
    )


def history_table(nets: dict[str, Training], steps: int) -> str:
    """Loss and errors after each epoch of each network."""
    lines = ["net    epoch  iterations  loss    training error  validation error"]
    for name, trained in nets.items():
        for e, missed in zip(trained.history, validation_errors(trained), strict=True):
            line = f"{name:5}  {e.epoch:5}  {e.epoch * steps:10}  {e.loss:.4f}  {e.error:14.2%}"
            lines.append(f"{line}  {missed:16.2%}")
    return "\n".join(lines)


def draw_predictions(trained: Training, images: Images, context: Context) -> None:
    """One test image of each class, and its predicted class."""
    x, names = images.test.x[one_of_each(images.test)], images.test.class_names
    y = predict(trained.net, x)
    taken = zip(names, y.argmax(axis=1), y.max(axis=1), strict=True)
    titles = [f"{name}: {p:.0%}" if name == names[k] else f"{name}: {names[k]} {p:.0%}" for name, k, p in taken]
    image_grid(x, context.folder / "images.png", titles=titles, columns=5)


EXPERIMENT = Experiment("LD-7", "Train the colour network A", "Lo & Ding 2015, VII.A", SCALES, run, version=2)
