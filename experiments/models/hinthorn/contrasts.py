"""What the paper says of its Tables 1 to 3, as differences net by net: of our runs, and of the paper's cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from experiments.experiment import Row
from experiments.models.hinthorn.base import CONV, DENSE
from experiments.models.hinthorn.runs import Runs
from experiments.models.hinthorn.variants import CONTROL, LONGER, Key, Reading, Variant
from nnpg.analysis.statistics import Interval
from nnpg.analysis.verdicts import Claim, any_of, compare, less_than, more_than
from nnpg_kernels import Array

GAIN = more_than(0, "the table's accuracy is above the control's")
LOSS = less_than(0, "the table's accuracy is below the control's")
SMALL_SHARE = more_than(0, "p = 0.2 for the second convolutional layer ... a better final generalization accuracy")
AFTER_TWICE = more_than(0, "than the control even when doubling the number of epochs")
RETAINING = more_than(0, "outperformed ... networks trained while retaining fewer values")
LAYERS_DIFFER = more_than(0, "fully connected layers tended to perform better when higher proportions ... are retained")
SLOWLY = more_than(0, "a higher learning rate seems to reduce the effectiveness of selective dropout")

Cells = Callable[[Key], Array]  # accuracies of one cell: over nets (R,), or the paper's (1,)
Difference = Callable[[Cells], Array]


class Contrast(NamedTuple):
    """A difference over base networks (R,), the paper's, and what the paper says of it."""

    name: str
    differences: Array
    paper: float | None
    claim: Claim | None


def contrasts(runs: Mapping[Key, Runs], paper: Mapping[Key, float]) -> list[Contrast]:
    """Return each difference on fresh pairs that the paper's tables or words speak of, and those of other readings."""
    found = []
    for name, difference, claim in _differences(list(runs)):
        try:
            said = float(difference(lambda key: np.array([paper[key]]))[0])
        except KeyError:  # the paper has not all of its cells
            said = None
        ours = difference(lambda key: runs[key].final["fresh"])
        if callable(claim):
            claim = claim(said)
        found.append(Contrast(f"{name}, on fresh pairs", ours, said, claim))
    return found


Judged = Claim | Callable[[float | None], Claim | None] | None  # some claims are the paper's numbers


def _differences(keys: Sequence[Key]) -> Iterator[tuple[str, Difference, Judged]]:
    rates = list(dict.fromkeys(rate for rate, _ in keys))
    table = [(rate, v) for rate, v in keys if v.keep < 1 and v.reading == Reading()]
    keeps = sorted({v.keep for _, v in table})
    smallest, most = Variant(CONV, keeps[0]), Variant(DENSE, keeps[-1])
    for rate, v in table:
        yield f"lr {rate:g}, {v.name} minus control", partial(_minus, (rate, v), (rate, CONTROL)), _sign
    for rate in rates:
        first = rate == rates[0]  # the paper's words are on its lower rate
        if (rate, LONGER) in keys:
            name = f"lr {rate:g}, {smallest.name} minus {LONGER.name}"
            yield name, partial(_minus, (rate, smallest), (rate, LONGER)), AFTER_TWICE if first else None
        for keep in keeps[:-1]:
            yield (
                f"lr {rate:g}, {most.name} minus keep {keep:g}",
                partial(_minus, (rate, most), (rate, Variant(DENSE, keep))),
                _if_more if first else None,
            )
        if len(keeps) > 1:
            words = f"keep {keeps[0]:g} minus {keeps[-1]:g}"
            yield f"lr {rate:g}, {words}: {CONV} minus {DENSE}", partial(_interaction, rate, keeps), LAYERS_DIFFER
    if len(rates) > 1:
        yield f"mean gain, lr {rates[0]:g} minus lr {rates[-1]:g}", partial(_slowing, table, rates), SLOWLY
    for rate, v in keys:
        if v.reading != Reading():
            claim = SMALL_SHARE if v._replace(reading=Reading()) == smallest else None
            yield f"lr {rate:g}, {v.name} minus control", partial(_minus, (rate, v), (rate, CONTROL)), claim


def _minus(a: Key, b: Key, cells: Cells) -> Array:
    return cells(a) - cells(b)


def _interaction(rate: float, keeps: Sequence[float], cells: Cells) -> Array:
    """How much more a small share does for feature maps than for neurons."""
    maps, neurons = (_minus((rate, Variant(layer, keeps[0])), (rate, Variant(layer, keeps[-1])), cells)
                     for layer in (CONV, DENSE))  # fmt: skip
    return maps - neurons


def _slowing(table: Sequence[Key], rates: Sequence[float], cells: Cells) -> Array:
    """The mean gain of the table's variants at the lower learning rate minus that at the higher one."""
    low, high = (
        np.mean([cells(key) - cells((rate, CONTROL)) for key in table if key[0] == rate], axis=0)
        for rate in (rates[0], rates[-1])
    )
    return np.asarray(low - high)


def _sign(paper: float | None) -> Claim | None:
    return (GAIN if paper > 0 else LOSS) if paper else None


def _if_more(paper: float | None) -> Claim | None:
    return RETAINING if paper and paper > 0 else None


def in_words(differences: Sequence[Contrast], judged: Sequence[Row]) -> str:
    """How many of the table's differences are significant, their signs, and the verdicts on the paper's claims."""
    tested = compare({c.name: c.differences for c in differences})
    better, worse = (
        [f"{c.name.removesuffix(', on fresh pairs')} ({c.differences.mean():+.3f})" for c in differences
         if "minus control" in c.name and tested[c.name].significant(sign)]
        for sign in (1, -1)
    )  # fmt: skip
    by_claim = {r.claim: [s.verdict for s in judged if s.claim == r.claim and s.verdict] for r in judged if r.claim}
    counts = "; ".join(
        f"'{claim}' {', '.join(f'{number} {verdict}' for verdict, number in Counter(found).items())}"
        for claim, found in by_claim.items()
    )
    theirs = [r.low <= r.paper <= r.high for r in judged if r.paper is not None]
    gains = [GAIN.verdict(Interval(r.ours, r.low, r.high)) for r in judged if r.claim in (GAIN.quoted, LOSS.quoted)]
    return (
        f"Significantly better than the control on fresh pairs: {', '.join(better) or 'none'}; significantly worse: "
        f"{', '.join(worse) or 'none'}. Verdicts: {counts}. That selective dropout 'with some value p < 1' outperforms "
        f"the control is {any_of(gains) if gains else 'open'}. {theirs.count(False)} of {len(theirs)} differences in "
        "the paper lie outside our intervals."
    )
