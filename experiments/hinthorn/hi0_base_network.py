"""HI-0: the network that all other HI experiments start from (Hinthorn 2017, 2.2 and 5).

python -m experiments run HI-0        (half a minute on two cores)

Expected: 99% of the test digits correct from the second or third epoch on, with a learning rate of 0.05. The paper's
1e-4 (`--scale paper`, in batches of 10) needs a hundred epochs for that.
"""

from __future__ import annotations

from experiments.experiment import Context, Experiment, Result, row
from experiments.models.hinthorn.base import PAPER, SMOKE, Base, base_net
from nnpg.analysis.statistics import wilson
from nnpg.plots import training_history

CLAIM = 0.99


def run(config: Base, context: Context) -> Result:
    base = base_net(config, context)
    history, n = base.training.history, len(base.test)
    accuracy = [1 - (epoch.validation_error or 0.0) for epoch in history]
    there = next((epoch.epoch for epoch, a in zip(history, accuracy, strict=True) if a >= CLAIM), 0)
    seconds = [epoch.seconds for epoch in history]
    final = wilson(round(accuracy[-1] * n), n)
    by = f"the first epoch to reach it is {there}" if there else "no epoch reached it"
    reached = final.high >= CLAIM
    rows = (
        row("accuracy on test images", CLAIM, final, n, interval="95% Wilson", held=reached),
        row("accuracy on test images, best epoch", None, max(accuracy), n),
        row("error on training images, last epoch", None, history[-1].error, len(base.train)),
        row(
            "epochs to 99%" if there else "epochs trained, 99% not reached",
            100,
            there or len(history),
            1,
            unit="epochs",
        ),
        row("time to 99%", None, sum(seconds[: there or len(history)]), 1, unit="s"),
        row("time", None, sum(seconds), 1, unit="s"),
    )
    training_history(history, context.folder / "history.png")
    held = "holds" if reached else "does not hold"
    verdict = (
        f"{accuracy[-1]:.2%} of {n} test images are correct after {len(history)} epochs: the paper's 99% {held} ({by})."
    )
    return Result(rows, verdict, ("history.png",))


EXPERIMENT = Experiment(
    "HI-0", "The base network", "Hinthorn 2017, 2.2 and 5", {"smoke": SMOKE, "quick": Base(), "paper": PAPER}, run
)
