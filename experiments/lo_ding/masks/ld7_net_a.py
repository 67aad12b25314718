"""LD-7: train net A, the "pseudo-AlexNet", on CIFAR-10 (Lo & Ding 2015, VII.A).

python -m experiments run LD-7        (2 minutes on 2 cores; --scale paper: 10 minutes)

The paper gives 10,000 "epochs", which its section X calls iterations: about 28 epochs of batches of 128. Expected
after these: 26% with pooling 3 x 3, stride 2, so the paper's 34% is that of a weaker network, or of a shorter training.
"""

from __future__ import annotations

import math

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.models.cifar import BATCH, SCALES, Config, Images, load_images, net_a
from nnpg import Training, predict
from nnpg.analysis.verdicts import all_of, at_most
from nnpg.attacks import error
from nnpg.data.examples import one_of_each
from nnpg.plots import Lines, image_grid, line_panels

PAPER = {"validation": 0.3277, "test": 0.3419}


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    nets = {pool: net_a(config, context, images, pool) for pool in ("3/2", "2/2")}
    rows = [r for pool, trained in nets.items() for r in error_rows(f"pool {pool}", trained, images, PAPER)]
    steps = math.ceil(len(images.fit) / BATCH)
    history = {f"pool {pool}": validation_errors(trained) for pool, trained in nets.items()}
    epochs = [e.epoch * steps for e in nets["3/2"].history]
    curves = Lines("net A", epochs, history, "iterations", "validation error", (PAPER["validation"], "the paper's"))
    line_panels([curves], context.folder / "training.png", columns=1, top=None)
    draw_predictions(nets["3/2"], images, context)
    return Result(
        tuple(rows),
        verdict(rows, "net A", steps * len(epochs)) + _when(epochs, history["pool 3/2"]),
        ("training.png", "images.png"),
        (Text("Epoch by epoch", history_table(nets, steps)),),
    )


def _when(iterations: list[int], errors: list[float]) -> str:
    """Say after how many iterations the paper's validation error was reached first."""
    first = next((n for n, e in zip(iterations, errors, strict=True) if e <= PAPER["validation"]), None)
    return (
        " Its validation error was not reached."
        if first is None
        else (f" Its validation error was reached after {first} of its 10000 iterations.")
    )


def error_rows(name: str, trained: Training, images: Images, paper: dict[str, float]) -> list[Row]:
    """Validation and test error beside the paper's. The claim is that a network of this kind is no worse."""
    data = images.train.subset(images.held_out)
    found = []
    for part, judged in (("validation", data), ("test", images.test)):
        share = error(predict(trained.net, judged.x).argmax(axis=1), judged.labels)
        claim = at_most(paper[part], f"{100 * paper[part]:.2f}% {part} error")
        found.append(row(f"{name}: {part} error", paper[part], share, len(judged), "images of one net",
                         interval="95% Wilson", claim=claim))  # fmt: skip
    return found


def validation_errors(trained: Training) -> list[float]:
    """After each epoch."""
    return [math.nan if e.validation_error is None else e.validation_error for e in trained.history]


def verdict(rows: list[Row], net: str, iterations: int) -> str:
    """Say whether the errors are as low as the paper's."""
    words = [f"{r.name} {r.ours:.1%} (paper {r.paper:.1%})" for r in rows if "test" in r.name]
    judged = all_of(r.verdict for r in rows if r.verdict)
    return (
        f"That {net} is at least as good as the paper's after {iterations} iterations: {judged}; {'; '.join(words)}, "
        "over the images of one network of each kind."
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


EXPERIMENT = Experiment("LD-7", "Train the colour network A", "Lo & Ding 2015, VII.A", SCALES, run)
