"""LD-6: Lo & Ding's observations (VI), measured: sparse profiles, robustness, three strong filters = the weaker half.

python -m experiments run LD-6        (under a minute; it trains ten nets if LD-0 has not)

Expected: removal of one or two strong filters adds little error. "The same" claims equality: it holds if the interval
of the difference lies within 10 points of 0, fails if it lies to one side of 0, and is open otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, held_in_words, row, row_named
from experiments.lo_ding.filters.knockouts import ORDERS, STRONG, WEAK, knock_out_errors, over_nets, stacked
from experiments.lo_ding.filters.table3 import TABLE_III
from experiments.models.faces import FACE_SEED, FEW, IDENTITIES, face_nets
from nnpg import FilterScores, filter_scores
from nnpg.analysis.statistics import Interval, mean_interval
from nnpg.plots import Panel, error_curves
from nnpg.rankings.knock_out_curves import gini, steps_to_reach

MARGIN = 0.10  # within which two errors count as the same


@dataclass(frozen=True)
class Config:
    """Nets; scores and errors over all images of the paper's five identities."""

    dataset: str = "yale"
    epochs: int = 250
    seeds: int = 10
    seed: int = FACE_SEED
    identities: tuple[int, ...] = IDENTITIES


def run(config: Config, context: Context) -> Result:
    first = context.seed_or(config.seed)
    nets = face_nets(config.dataset, config.epochs, range(first, first + config.seeds), context)
    scores = [filter_scores(f.net, f.data.x, f.data.labels) for f in nets]
    errors = stacked(
        [knock_out_errors(f, s, identities=config.identities) for f, s in zip(nets, scores, strict=True)]
    )  # (nets, id, order, T + 1)
    M = errors.overall.shape[-1] - 1
    half = [M // 2, -(-M // 2)]  # 23 filters: 11 and 12
    n = len(nets)
    rows: list[Row] = []
    over = partial(row, n=n, interval="95% t over nets")
    same: dict[str, Interval] = {}
    for name, kind in (("overall_error", errors.overall), ("class_error", errors.class_)):
        curves = kind.mean(axis=1)  # (nets, order, T + 1)
        strong, weak = curves[:, STRONG, 3], curves[:, WEAK][:, half].mean(axis=1)
        same[name] = mean_interval(strong - weak)
        worth = mean_interval(steps_to_reach(curves[:, WEAK], strong))
        rows += [
            over(f"{name}, 3 strong out", None, mean_interval(strong)),
            over(f"{name}, weaker half out", None, mean_interval(weak)),
            over(f"{name}, 3 strong minus weaker half", 0.0, same[name], held=_equal(same[name])),
            over(f"{name}: weak filters worth 3 strong", M / 2, worth, unit="filters"),
        ]
    lost = [over_nets(errors.overall[:, :, STRONG, out] - errors.overall[:, :, STRONG, 0]) for out in (1, 2)]
    identities = [identity - 1 for identity in config.identities]
    spread = over_nets(np.array([gini(s.matrix[identities]) for s in scores]))
    shared = mean_interval([_shared(s, identities) for s in scores])
    sparse, useful = spread.low > 1 / 3, shared.low > 3 / M
    rows += [
        over("overall_error added by 1 strong (paper: little)", None, lost[0], held=lost[0].high < MARGIN),
        over("overall_error added by 2 strong (paper: little)", None, lost[1], held=lost[1].high < MARGIN),
        over("Gini of a profile (even over 0..1: 0.33)", _paper_gini(), spread, held=sparse),
        over("top three filters shared by two identities", None, shared, held=useful),
        row("the same by chance", None, 3 / M, n),
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
        f"'Three strong = the weaker half' {words[_equal(same['overall_error'])]} for overall error "
        f"({ours('overall_error, 3 strong out'):.0%} against {ours('overall_error, weaker half out'):.0%}; 3 strong "
        f"are worth {ours('overall_error: weak filters worth 3 strong'):.1f} weak) and "
        f"{words[_equal(same['class_error'])]} for class error "
        f"({ours('class_error, 3 strong out'):.0%} against {ours('class_error, weaker half out'):.0%}); two strong "
        f"filters cost {lost[1].value:.0%}; profiles are {'' if sparse else 'not '}sparse: Gini "
        f"{spread.value:.2f}, the paper's own Table III {_paper_gini():.2f}; 'strong units are useful across classes' "
        f"{held_in_words(useful)}: two identities share {shared.value:.0%} of their top three."
    )
    return Result(tuple(rows), verdict, ("halves.png",))


def _equal(difference: Interval) -> bool | None:
    """Whether an interval says that two errors are the same, that they are not, or leaves it open."""
    if difference.low > -MARGIN and difference.high < MARGIN:
        return True
    return False if difference.low > 0 or difference.high < 0 else None


def _shared(scores: FilterScores, rows: list[int]) -> float:
    """Share of the three strongest filters that two of the identities have in common, mean of all pairs."""
    tops = [{unit[:2] for unit in scores.strongest(r, 3)} for r in rows]
    return float(np.mean([len(a & b) / 3 for a, b in combinations(tops, 2)]))


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
