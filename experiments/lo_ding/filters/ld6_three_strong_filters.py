"""LD-6: Lo & Ding's observations (VI), measured: sparse profiles, robustness, three strong filters = the weaker half.

python -m experiments run LD-6        (under a minute; it trains ten nets if LD-0 has not)

Expected: removal of one or two strong filters adds little error. "The same" claims equality: it holds if the interval
of the difference lies within 10 points of 0, fails if it lies to one side of 0, and is open otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, held_in_words, row, row_named
from experiments.lo_ding.filters.knockouts import ORDERS, STRONG, WEAK, errors_of_nets, over_nets
from experiments.lo_ding.filters.table3 import TABLE_III
from experiments.models.face_data import FEW, IDENTITIES
from experiments.models.faces import FaceNets, nets_of
from nnpg import filter_scores
from nnpg.analysis.comparisons import same_within
from nnpg.analysis.concentration import gini
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.plots import Panel, error_curves
from nnpg.rankings import shared_strongest
from nnpg.rankings.knock_out_curves import steps_to_reach

MARGIN = 0.10  # within which two errors count as the same


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
    over = partial(row, n=len(nets), interval="95% t over nets")
    same: dict[str, Interval] = {}
    for name, kind in (("overall_error", errors.overall), ("class_error", errors.class_)):
        curves = kind.mean(axis=1)  # (nets, order, T + 1)
        strong, weak = curves[:, STRONG, 3], curves[:, WEAK][:, half].mean(axis=1)
        same[name] = mean_interval(strong - weak)
        worth = mean_interval(steps_to_reach(curves[:, WEAK], strong))
        rows += [
            over(f"{name}, 3 strong out", None, mean_interval(strong)),
            over(f"{name}, weaker half out", None, mean_interval(weak)),
            over(f"{name}, 3 strong minus weaker half", 0.0, same[name], held=same_within(same[name], margin=MARGIN)),
            over(f"{name}: weak filters worth 3 strong", M / 2, worth, unit="filters"),
        ]
    lost = [over_nets(errors.overall[:, :, STRONG, out] - errors.overall[:, :, STRONG, 0]) for out in (1, 2)]
    identities = [identity - 1 for identity in config.identities]
    spread = over_nets(np.array([gini(s.matrix[identities]) for s in scores]))
    shared = mean_interval([shared_strongest(s, rows=identities, n=3) for s in scores])
    sparse, useful = spread.low > 1 / 3, shared.low > 3 / M
    rows += [
        over("overall_error added by 1 strong (paper: little)", None, lost[0], held=lost[0].high < MARGIN),
        over("overall_error added by 2 strong (paper: little)", None, lost[1], held=lost[1].high < MARGIN),
        over("Gini of a profile (even over 0..1: 0.33)", _paper_gini(), spread, held=sparse),
        over("top three filters shared by two identities", None, shared, held=useful),
        row("the same by chance", None, 3 / M, len(nets)),
    ]
    panels = [
        Panel(name, {order: kind[:, :, i].mean(axis=1) for i, order in enumerate(ORDERS)}, ylabel=name)
        for name, kind in (("overall error", errors.overall), ("class error", errors.class_))
    ]
    error_curves(panels, context.folder / "halves.png")
    words = {True: "held", False: "did not hold", None: "is open"}

    def ours(name: str) -> float:
        return row_named(rows, name).ours

    verdict = (
        f"'Three strong = the weaker half' {words[same_within(same['overall_error'], margin=MARGIN)]} for overall "
        f"error ({ours('overall_error, 3 strong out'):.0%} against {ours('overall_error, weaker half out'):.0%}; 3 "
        f"strong are worth {ours('overall_error: weak filters worth 3 strong'):.1f} weak) and "
        f"{words[same_within(same['class_error'], margin=MARGIN)]} for class error "
        f"({ours('class_error, 3 strong out'):.0%} against {ours('class_error, weaker half out'):.0%}); two strong "
        f"filters cost {lost[1].value:.0%}; profiles are {'' if sparse else 'not '}sparse: Gini "
        f"{spread.value:.2f}, the paper's own Table III {_paper_gini():.2f}; 'strong units are useful across classes' "
        f"{held_in_words(useful)}: two identities share {shared.value:.0%} of their top three."
    )
    return Result(tuple(rows), verdict, ("halves.png",))


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
