"""LD-6: Lo & Ding's observations (VI), measured: sparse profiles, robustness, three strong filters = the weaker half.

python -m experiments run LD-6        (under a minute; it trains twenty nets if LD-0 has not)

Expected: removal of one or two strong filters adds little error. "The same" claims equality: it holds if the interval
of the difference lies within 10 points of 0, is contradicted if it lies outside of them, and is open otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.lo_ding.filters.knockouts import ORDERS, STRONG, WEAK, errors_of_nets, over_nets
from experiments.lo_ding.filters.table3 import TABLE_III
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNets, nets_of
from nnpg import filter_scores
from nnpg.analysis.concentration import gini
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import at_least, at_most, equal_to, share_interval
from nnpg.plots import Panel, error_curves
from nnpg.rankings import shared_strongest
from nnpg.rankings.knock_out_curves import steps_to_reach

MARGIN = 0.10  # within which two errors count as the same: one image in ten, for the paper gives no number
SAME = equal_to(0, MARGIN, "the same performance reduction as removing the weaker half of all features")
LITTLE = at_most(MARGIN, "even when removing one or two of the strongest features, performance remains high")
SPARSE = at_least(1 / 3, 'a sparse gradient pattern "profile" for each identity')  # more uneven than even over 0..1
CONFIDENCE = 1 - 0.05 / 6  # six comparisons are judged
UNEVEN = "Gini of a profile (0.33 if spread evenly over 0 .. 1)"
SHARED = "share of their top three filters that two identities have in common"


@dataclass(frozen=True)
class Config(FaceNets):
    """Nets; scores and errors over all images of the paper's five identities."""

    identities: tuple[int, ...] = IDENTITIES


def run(config: Config, context: Context) -> Result:
    nets = nets_of(config, context)
    scores = [filter_scores(f.net, f.data.x, f.data.labels) for f in nets]
    errors = errors_of_nets(nets, scores, identities=config.identities)  # (nets, identity, order, T + 1)
    M = errors.overall.shape[-1] - 1
    half = [M // 2, -(-M // 2)]  # 23 filters: 11 and 12
    rows: list[Row] = []
    over = partial(row, n=len(nets), over="nets", interval="95% t over nets")
    judged = partial(over, interval=f"{CONFIDENCE:.2%} t over nets")
    for name, kind in (("overall error", errors.overall), ("class error", errors.class_)):
        curves = kind.mean(axis=1)  # (nets, order, T + 1)
        strong, weak = curves[:, STRONG, 3], curves[:, WEAK][:, half].mean(axis=1)
        difference = mean_interval(strong - weak, confidence=CONFIDENCE)
        worth = mean_interval(steps_to_reach(curves[:, WEAK], strong))
        rows += [
            over(f"{name} without the 3 strongest filters", None, share_interval(strong)),
            over(f"{name} without the weaker half", None, share_interval(weak)),
            judged(_halves_row(name), 0.0, difference, claim=SAME),
            over(_worth_row(name), M / 2, worth, unit="filters"),
        ]
    identities = [identity - 1 for identity in config.identities]
    spread = over_nets(np.array([gini(s.matrix[identities]) for s in scores]), confidence=CONFIDENCE)
    shared = mean_interval([shared_strongest(s, rows=identities, n=3) for s in scores], confidence=CONFIDENCE)
    useful = at_least(3 / M, "strong units are useful across classes")  # more often shared than by chance
    for out in (1, 2):
        added = errors.overall[:, :, STRONG, out] - errors.overall[:, :, STRONG, 0]
        lost = over_nets(added, confidence=CONFIDENCE)
        rows.append(judged(_added_row(out), None, lost, claim=LITTLE))
    rows += [
        judged(UNEVEN, _paper_gini(), spread, claim=SPARSE),
        judged(SHARED, None, shared, claim=useful),
        row("the same by chance", None, 3 / M, M, "filters"),
    ]
    panels = [
        Panel(name, {order: kind[:, :, i].mean(axis=1) for i, order in enumerate(ORDERS)}, ylabel=name)
        for name, kind in (("overall error", errors.overall), ("class error", errors.class_))
    ]
    error_curves(panels, context.folder / "halves.png")

    def of(name: str) -> Row:
        return row_named(rows, name)

    def halves(name: str) -> str:
        strong, weak = of(f"{name} without the 3 strongest filters").ours, of(f"{name} without the weaker half").ours
        return f"{of(_halves_row(name)).verdict} for {name} ({strong:.0%} against {weak:.0%})"

    one, two = (of(_added_row(out)) for out in (1, 2))
    verdict = (
        f"'Three strong = the weaker half', within {MARGIN:.0%}: {halves('overall error')} and {halves('class error')}"
        f"; 3 strong are worth {of(_worth_row('overall error')).ours:.1f} weak. 'Performance remains "
        f"high': {one.verdict} without one strong filter (costs {one.ours:.0%}) and {two.verdict} without two "
        f"({two.ours:.0%}). Sparse profiles: {of(UNEVEN).verdict} (Gini "
        f"{spread.value:.2f}, the paper's own Table III {_paper_gini():.2f}). 'Strong units are useful across classes'"
        f": {of(SHARED).verdict} (two identities share {shared.value:.0%} of "
        "their top three)."
    )
    return Result(tuple(rows), verdict, ("halves.png",), shows={"halves.png": None})


def _halves_row(name: str) -> str:
    return f"{name} without the 3 strongest filters minus without the weaker half"


def _worth_row(name: str) -> str:
    return f"{name}: weakest filters worth the 3 strongest"


def _added_row(out: int) -> str:
    filters = "strongest filter" if out == 1 else f"{out} strongest filters"
    return f"overall error added without the {filters} (paper: little)"


def _paper_gini() -> float:
    """Mean Gini of Table III's profiles; the seven scores it leaves out lie evenly between the eighth of each side."""
    full = [(*strong, *np.linspace(strong[-1], weak[-1], 9)[1:-1], *weak) for strong, weak in TABLE_III.values()]
    return float(gini(full).mean())


EXPERIMENT = Experiment(
    "LD-6",
    "Three strong filters and the weaker half",
    "Lo & Ding 2015, section VI",
    {
        "smoke": Config(FEW, epochs=2, seeds=2, identities=(7, 10)),
        "quick": Config(),
        "paper": Config(seeds=20, seed=0),
    },
    run,
)
