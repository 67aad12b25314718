"""HI-10: repeated rounds of attack and training (Hinthorn 2017, 6.3 and 6.4: future work).

python -m experiments run HI-10        (five minutes on two cores, with HI-0's networks)

Each round attacks fresh training images with the least distortion that fools the network of that round, and then trains
the network on these pairs. Expected: the attack needs a larger distortion from round to round. Control and selective
dropout get the same images in the same order. Over networks that were trained anew. At paper scale a round has 52
images, a quarter of the paper's 208 pairs, and there are networks for CIFAR-10 too.
"""

from __future__ import annotations

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.models.hinthorn.attack_rounds import Rounds, attack_rounds
from experiments.models.hinthorn.base import CONV, DENSE, base_nets
from experiments.models.hinthorn.other_bases import COLOUR, other_bases
from experiments.models.hinthorn.variants import CONTROL, HARD_PAPER, HARD_SMOKE, Variant
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import compare, more_than, share_interval
from nnpg.plots import Measured, interval_plot
from nnpg_kernels import Array

VARIANTS = (CONTROL, Variant(CONV, 0.2), Variant(DENSE, 0.5))
GROWS = more_than(0, "noise of increasing magnitude before being able to fool the network")
CONFIDENCE = 1 - 0.05 / len(VARIANTS)
T, T_JUDGED = "95% t over nets", f"{100 * CONFIDENCE:.5g}% t over nets"


def run(config: Rounds, context: Context) -> Result:
    rows, panels = list[Row](), list[Measured]()
    for title, settings in {"": config, **other_bases(config)}.items():
        played = attack_rounds(base_nets(settings, context, settings.nets), settings, VARIANTS, context)
        needed, right = ({v: of[name] for v, of in played.items()} for name in ("distortion", "test"))
        before = f"{title}: " if title else ""
        rows += [r for v in VARIANTS for r in _rows(before, v, needed[v], right[v])]
        rows += _against_control(before, needed)
        if not title:
            panels += [_panel("attack", needed, "distortion, RMS"), _panel("test images", right, "accuracy")]
    interval_plot(panels, context.folder / "rounds.png")
    grew = [(row_named(rows, _growth_row(v.name)), row_named(rows, _memory_row(v.name)), v.name) for v in VARIANTS]
    apart = [r.name.removesuffix(", p") for r in rows if r.name.endswith("last round, p") and r.ours < 0.05]
    verdict = (
        f"That the attack needs more distortion after {config.rounds} rounds than before them is "
        f"{', '.join(f'{r.verdict} for {name} ({r.ours:+.4f} RMS)' for r, _, name in grew)} over {config.nets} nets. "
        f"Significantly different: {', '.join(apart) or 'none'}. Accuracy on the test images at the end: "
        f"{', '.join(f'{memory.ours:.1%} ({name})' for _, memory, name in grew)}."
    )
    return Result(tuple(rows), verdict, ("rounds.png",))


def _rows(before: str, variant: Variant, needed: Array, right: Array) -> list[Row]:
    """Of one variant, over nets (nets, rounds + 1); the claim is judged for the paper's networks."""
    n, name = len(needed), before + variant.name
    claim = None if before else GROWS
    growth = mean_interval(needed[:, -1] - needed[:, 0], confidence=CONFIDENCE if claim else 0.95)
    return [
        *(row(f"{name}: distortion, round {i}", None, mean_interval(of_round), n, "nets", unit="RMS", interval=T)
          for i, of_round in enumerate(needed.T)),
        row(_growth_row(name), None, growth, n, "nets", unit="RMS", interval=T_JUDGED if claim else T, claim=claim),
        row(f"{name}: accuracy on test images before the rounds", None, share_interval(right[:, 0]), n, "nets",
            interval=T),
        row(_memory_row(name), None, share_interval(right[:, -1]), n, "nets", interval=T),
    ]  # fmt: skip


def _against_control(before: str, needed: dict[Variant, Array]) -> list[Row]:
    rows = []
    for v, more in compare({v: needed[v][:, -1] - needed[CONTROL][:, -1] for v in VARIANTS[1:]}).items():
        name, n = f"{before}{v.name} minus control, last round", len(more.differences)
        rows.append(row(name, None, mean_interval(more.differences), n, "nets", unit="RMS", interval=T))
        rows.append(row(f"{name}, p", None, more.p, n, "nets", unit="p (paired t, Holm)"))
    return rows


def _growth_row(name: str) -> str:
    return f"{name}: last round minus the first"


def _memory_row(name: str) -> str:
    return f"{name}: accuracy on test images at the end"


def _panel(title: str, values: dict[Variant, Array], xlabel: str) -> Measured:
    every = {
        f"{v.name}, round {i}": mean_interval(of_round)
        for v, of_nets in values.items()
        for i, of_round in enumerate(of_nets.T)
    }
    return Measured(title, every, xlabel)


SMOKE_ROUNDS = {"rounds": 1, "images": 3, "epochs_a_round": 1, "evaluations": 40, "others": (COLOUR,)}
PAPER_ROUNDS = {"rates": (0.003,), "rounds": 10, "images": 52, "others": (COLOUR,)}
EXPERIMENT = Experiment(
    "HI-10",
    "Repeated rounds of attack and training",
    "Hinthorn 2017, 6.3 and 6.4",
    {
        "smoke": Rounds(**vars(HARD_SMOKE) | SMOKE_ROUNDS),
        "quick": Rounds(others=()),
        "paper": Rounds(**vars(HARD_PAPER) | PAPER_ROUNDS),
    },
    run,
    version=2,
)
