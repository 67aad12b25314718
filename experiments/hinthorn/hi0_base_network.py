"""HI-0: the networks that all other HI experiments start from (Hinthorn 2017, 2.2 and 5).

python -m experiments run HI-0        (a minute on two cores)

Five networks from different first weights. Expected: 99% of the test digits correct from the second or third epoch on,
with a learning rate of 0.05. The paper's 1e-4 (`--scale paper`, in batches of 10, as the paper gives no batch) needs
most of its hundred epochs for that. The paper does not say of which images its 99% is; both are given.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, row
from experiments.models.hinthorn.base import PAPER, SMOKE, Base, base_nets
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_least, share_interval
from nnpg.plots import Lines, line_panels

CLAIM = 0.99
EXACTLY = at_least(CLAIM, "an accuracy rate of 99%")
ROUNDED = at_least(0.985, "an accuracy rate of 99%")  # what is printed as 99% in whole percent
T = "95% t over nets"


def run(config: Base, context: Context) -> Result:
    nets = base_nets(config, context, config.nets)
    histories = [base.training.history for base in nets]
    accuracy = np.array([[1 - (epoch.validation_error or 0.0) for epoch in history] for history in histories])
    n, last = len(nets), accuracy[:, -1]
    there = np.array([(of_net >= CLAIM).argmax() + 1 for of_net in accuracy if (of_net >= CLAIM).any()])
    final, learnt = share_interval(last), share_interval([1 - history[-1].error for history in histories])
    exact = row("accuracy on test images", CLAIM, final, n, "nets", interval=T, claim=EXACTLY)
    rounded = row("accuracy on test images, at least what rounds to 99%", CLAIM, final, n, "nets", interval=T,
                  claim=ROUNDED)  # fmt: skip
    rows = [
        exact,
        rounded,
        row("accuracy on training images while training, last epoch", CLAIM, learnt, n, "nets", interval=T),
        row("share of the nets that reach 99% of the test images", None, len(there) / n, n, "nets"),
    ]
    if len(there):
        rows.append(row("epochs to 99%, where it is reached", 100, mean_interval(there), len(there), "nets",
                        unit="epochs", interval=T))  # fmt: skip
    curves = {f"net {i}": of_net for i, of_net in enumerate(accuracy, 1)}
    epochs = np.arange(1, accuracy.shape[1] + 1)
    line_panels(
        [Lines("", epochs, curves, "epochs", "accuracy on test images")], context.folder / "history.png", columns=1
    )
    verdict = (
        f"After {accuracy.shape[1]} epochs {final.value:.2%} of {len(nets[0].test)} test images are correct on "
        f"average over {n} nets ({last.min():.2%} to {last.max():.2%}): that it is 99% is {rounded.verdict} in whole "
        f"percent and {exact.verdict} exactly. {len(there)} of {n} nets reach 99% at some epoch."
    )
    return Result(tuple(rows), verdict, ("history.png",))


EXPERIMENT = Experiment(
    "HI-0", "The base networks", "Hinthorn 2017, 2.2 and 5", {"smoke": SMOKE, "quick": Base(), "paper": PAPER}, run
)
