"""HI-0: the network that all other HI experiments start from (Hinthorn 2017, 2.2 and 5).

python -m experiments run HI-0        (half a minute on two cores)

Expected: 99% of the test digits correct from the second or third epoch on, with a learning rate of 0.05. The paper's
1e-4 (`--scale paper`, in batches of 10) needs a hundred epochs for that.
"""

from __future__ import annotations

from experiments.experiment import Context, Experiment, Result, row
from experiments.models.hinthorn.base import PAPER, SMOKE, Base, base_net
from nnpg.analysis.statistics import wilson
from nnpg.analysis.verdicts import at_least
from nnpg.plots import training_history

CLAIM = 0.99
IMAGES = "test images of one net"


def run(config: Base, context: Context) -> Result:
    base = base_net(config, context)
    history, n = base.training.history, len(base.test)
    accuracy = [1 - (epoch.validation_error or 0.0) for epoch in history]
    there = next((epoch.epoch for epoch, a in zip(history, accuracy, strict=True) if a >= CLAIM), 0)
    seconds = [epoch.seconds for epoch in history]
    final = wilson(round(accuracy[-1] * n), n)
    by = f"the first epoch to reach it is {there}" if there else "no epoch reached it"
    claim = at_least(CLAIM, "an accuracy rate of 99%")
    reached = row("accuracy on test images", CLAIM, final, n, IMAGES, interval="95% Wilson", claim=claim)
    rows = (
        reached,
        row("accuracy on test images, best epoch", None, max(accuracy), n, IMAGES),
        row(
            "error on training images, last epoch",
            None,
            history[-1].error,
            len(base.train),
            "training images of one net",
        ),
        row(
            "epochs to 99%" if there else "epochs trained, 99% not reached",
            100,
            there or len(history),
            1,
            "nets",
            unit="epochs",
        ),
        row("time to 99%", None, sum(seconds[: there or len(history)]), 1, "nets", unit="s"),
        row("time", None, sum(seconds), 1, "nets", unit="s"),
    )
    training_history(history, context.folder / "history.png")
    verdict = (
        f"{accuracy[-1]:.2%} of {n} test images are correct after {len(history)} epochs: the paper's 99% is "
        f"{reached.verdict}, because one net is no sample of nets ({by})."
    )
    return Result(rows, verdict, ("history.png",))


EXPERIMENT = Experiment(
    "HI-0", "The base network", "Hinthorn 2017, 2.2 and 5", {"smoke": SMOKE, "quick": Base(), "paper": PAPER}, run
)
