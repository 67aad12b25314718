"""HI-6: do the images of a perturbation group change the same units? (Hinthorn 2017, 5.2)

python -m experiments run HI-6        (seconds, with HI-1's pairs)

Each group is divided in two at random. The mean volatilities of its halves are ranked and compared with each other, and
with the second half of every other group. Expected: halves of one group agree more, for every kind of group.
"""

from __future__ import annotations

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, Text, row
from experiments.models.hinthorn.base import MAPS, NEURONS, base_net
from experiments.models.hinthorn.pairs import adversarial_pairs
from experiments.models.hinthorn.variants import HARD_PAPER, HARD_SMOKE, Hard
from nnpg.analysis.concentration import gini, top_share
from nnpg.analysis.groups import Groups
from nnpg.analysis.statistics import holm, mean_interval, paired_p
from nnpg.analysis.verdicts import all_of, more_than
from nnpg.plots import Measured, interval_plot
from nnpg.training_methods.volatility import unit_changes
from nnpg_kernels import Array

WAYS = ("source", "target", "both")
LEAST = 4  # pairs in a group that is divided
GROUPS = "groups of one net"
CHARACTERISTIC = more_than(0, "adversarial examples of similar associations might be easily generated")


def run(config: Hard, context: Context) -> Result:
    base = base_net(config, context)
    pairs = adversarial_pairs(base, config, context).beyond(config.beyond)
    found = unit_changes(base.net, pairs.originals, pairs.adversarial, layers=(MAPS, NEURONS))
    rng = np.random.default_rng(context.seed_or(config.seed))
    alike: dict[tuple[str, str], tuple[Array, Array]] = {}
    rows: list[Row] = []
    tables = []
    for layer, change in found.items():
        beyond = change.volatility - change.shift
        rows.append(row(f"{layer}: pairs and units where volatility exceeds shift", 0.0, float((beyond > 1e-5).mean()),
                        beyond.size, "pairs x units", fact=not (beyond > 1e-5).any()))  # fmt: skip
        for way in WAYS:
            groups = pairs.groups(way)  # type: ignore[arg-type]
            alike[layer, way] = _halves(change.volatility, groups, rng)
            if way != "both":
                tables.append(Text(f"{layer}, by {way}: mean volatility", _table(change.volatility, groups)))
    p = holm(np.nan_to_num([paired_p(one - others) for one, others in alike.values()], nan=1.0))
    by, confidence = "95% t over groups", 1 - 0.05 / len(alike)
    for ((layer, way), (one, others)), q in zip(alike.items(), p, strict=True):
        name, n, more = f"{layer}, by {way}", len(one), mean_interval(one - others, confidence=confidence)
        rows += [
            row(f"{name}: halves of one group", None, mean_interval(one), n, GROUPS, unit="Spearman", interval=by),
            row(f"{name}: halves of two groups", None, mean_interval(others), n, GROUPS, unit="Spearman",
                interval=by),
            row(f"{name}: one minus two", None, more, n, GROUPS, unit="Spearman",
                interval=f"{100 * confidence:.4g}% t over groups", claim=CHARACTERISTIC),
            row(f"{name}: one minus two, p", None, float(q), n, GROUPS, unit="p (paired t, Holm)"),
        ]  # fmt: skip
    panels = [
        Measured(layer, {f"by {way}, {pairing}": mean_interval(alike[layer, way][i]) for way in WAYS
                         for i, pairing in enumerate(("one group", "two groups"))}, "rank correlation of volatilities")
        for layer in found
    ]  # fmt: skip
    interval_plot(panels, context.folder / "groups.png")
    claims = [r for r in rows if r.claim]
    more_alike = [f"{layer} by {way}" for (layer, way), q in zip(alike, p, strict=True) if q < 0.05]
    verdict = (
        f"That groups have characteristic units is {all_of(r.verdict for r in claims if r.verdict)}, because one net "
        "is no sample of nets: over its groups, halves of one perturbation group agree on which units are volatile "
        f"differently from halves of two (p < 0.05) in {len(more_alike)} of {len(alike)} cases"
        f"{' (' + '; '.join(more_alike) + ')' if more_alike else ''}, by "
        f"{min(r.ours for r in claims):+.2f} to {max(r.ours for r in claims):+.2f}."
    )
    return Result(tuple(rows), verdict, ("groups.png",), tuple(tables))


def _halves(volatility: Array, groups: Groups, rng: np.random.Generator) -> tuple[Array, Array]:
    """Rank correlation of a group's two halves, and the mean of those with other groups' second halves: (G,) each."""
    first, second = [], []
    for g in np.flatnonzero(groups.sizes >= LEAST):
        members = rng.permutation(np.flatnonzero(groups.index == g))
        half = len(members) // 2
        first.append(volatility[members[:half]].mean(axis=0))
        second.append(volatility[members[half:]].mean(axis=0))
    a, b = (_ranks(np.array(halves)) for halves in (first, second))
    r = a @ b.T  # (G, G)
    G = len(r)
    return np.diag(r), (r.sum(axis=1) - np.diag(r)) / max(1, G - 1)


def _ranks(values: Array) -> Array:
    """Ranks (G, F), ties averaged, centred and of length 1, so that products are Spearman's correlation."""
    from scipy.stats import rankdata

    r = rankdata(values, axis=1) - (values.shape[1] + 1) / 2
    return np.asarray(r / np.linalg.norm(r, axis=1, keepdims=True))


def _table(volatility: Array, groups: Groups) -> str:
    lines = [f"{'group':10}{'pairs':>6}{'mean':>8}{'largest':>9}{'Gini':>7}{'top 10%':>9}   most volatile units"]
    for name, size, mean, most in zip(
        groups.names, groups.sizes, groups.mean(volatility), groups.max(volatility), strict=True
    ):
        top = ", ".join(map(str, np.argsort(-mean, kind="stable")[:5]))
        figures = f"{mean.mean():8.3f}{most.max():9.3f}{float(gini(mean)):7.2f}{float(top_share(mean)):9.2f}"
        lines.append(f"{name:10}{size:6}{figures}   {top}")
    return "\n".join(lines)


EXPERIMENT = Experiment(
    "HI-6",
    "Volatility by perturbation group",
    "Hinthorn 2017, 5.2",
    {"smoke": HARD_SMOKE, "quick": Hard(), "paper": HARD_PAPER},
    run,
)
