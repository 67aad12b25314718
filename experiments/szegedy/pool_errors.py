"""For SZ-5: test and training errors of every method, their differences, and what is judged of them."""

from __future__ import annotations

from experiments.experiment import Row, row
from experiments.models.mnist.pools import METHODS, POOL
from nnpg.analysis.statistics import Interval, mean_interval, paired_p
from nnpg.analysis.verdicts import Claim, at_most, equal_to, more_than, share_interval
from nnpg_kernels import Array

PAPER = {"decay": 0.016, "dropout": 0.013, POOL: 0.012}
MARGIN = 0.0015  # half the difference of the paper's decay and dropout, so that no error counts as both
CLAIMS = {
    "decay": equal_to(PAPER["decay"], MARGIN, "1.6% errors when regularized by weight decay alone"),
    "dropout": equal_to(PAPER["dropout"], MARGIN, "improved to around 1.3% by using carefully applied dropout"),
    POOL: at_most(PAPER[POOL], "a test error below 1.2% by keeping a pool of adversarial examples"),
}
BETTER = more_than(0, "back-feeding adversarial examples to training might improve generalization")
HIGHER = more_than(0, "examples for the higher layers seem to be more useful than those on the input or lower layers")
CONFIDENCE = 1 - 0.05 / 6  # of each of the six intervals that are judged
DECAY_GAIN, DROPOUT_GAIN = (f"test error with {method} minus that with the pool" for method in ("decay", "dropout"))
LAYERS_GAIN = "test error with the input's pool minus that with the hidden layers'"


def error_rows(errors: dict[str, Array], trained: dict[str, Array], n: int, *, every: bool) -> list[Row]:
    """Return errors and their differences; the paper's errors stay open unless ours are of all its images."""
    by = "95% t over seeds"

    def judged(name: str, paper: float | None, found: Interval, claim: Claim) -> Row:
        return row(name, paper, found, n, "seeds", interval=f"{CONFIDENCE:.1%} t over seeds", claim=claim)

    made = []
    for method, name, paper in (("decay", DECAY_GAIN, 0.004), ("dropout", DROPOUT_GAIN, 0.001)):
        gain = errors[method] - errors[POOL]
        made.append(judged(name, paper, mean_interval(gain, confidence=CONFIDENCE), BETTER))
        made.append(row(f"{name}: p", None, paired_p(gain), n, "seeds", unit="p (paired t)"))
    gain = errors["pool of the input only"] - errors["pool of the hidden layers"]
    made.append(judged(LAYERS_GAIN, None, mean_interval(gain, confidence=CONFIDENCE), HIGHER))
    for m in METHODS:
        name = f"{m}: test error"
        if m in PAPER:
            of_method = judged(name, PAPER[m], share_interval(errors[m], confidence=CONFIDENCE), CLAIMS[m])
            made.append(of_method if every else of_method._replace(verdict="open"))
        else:
            made.append(row(name, None, share_interval(errors[m]), n, "seeds", interval=by))
        made.append(row(f"{m}: training error", None, share_interval(trained[m]), n, "seeds", interval=by))
    return made
