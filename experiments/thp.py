"""TH-P: pruning, the thesis's future work: the weakest filters cut out, the rest trained on for a few epochs.

python -m experiments run TH-P        (five nets of 250 epochs if LD-0 has not trained them; then 1 minute)

Filters are ranked on the training images, all identities together; errors are on the test images. To expect: half of
the filters cost little after a few epochs, whatever the ranking; a net of that size trained anew does as well.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from experiments.experiment import Context, Experiment, Result, Text, row
from experiments.faces import BATCH, FACE_SEED, LR, FaceNet, face_nets
from experiments.rivals import OURS, ranking
from nnpg import SGD, Filter, Network, error_rate, knock_out, prune, train
from nnpg.plots import Measured, interval_plot
from nnpg.prune import multiplications, redrawn
from nnpg.rankings import overall_scores, weakest_leaving
from nnpg.statistics import mean_interval

NAMES = (OURS, "random", "layer, then random", "weight norm", "Taylor, magnitudes", "conductance")
FULL, ANEW = "full net", "this size trained anew"


@dataclass(frozen=True)
class Config:
    """How many of the 23 filters go, and how long the rest trains on."""

    dataset: str = "yale"
    epochs: int = 250
    seeds: int = 5
    seed: int = FACE_SEED
    cut: tuple[int, ...] = (6, 12, 17)
    mend: int = 10  # epochs


class Pruned(NamedTuple):
    """One net with some filters cut."""

    before: float  # test error
    after: float  # when mended
    off: float  # largest difference from the outputs of the knocked-out net
    net: Network


def run(config: Config, context: Context) -> Result:
    first = context.seed_or(config.seed)
    nets = face_nets(config.dataset, config.epochs, range(first, first + config.seeds), context)
    done: dict[tuple[str, int], list[Pruned]] = {(name, m): [] for name in NAMES for m in config.cut}
    for face in nets:
        for name in NAMES:
            scores = overall_scores(ranking(name, face, face.split.train_indices))
            for m in config.cut:
                done[name, m].append(_pruned(face, weakest_leaving(scores, 0, m), config))
    full = np.array([_test_error(f, f.net) for f in nets])
    half = config.cut[len(config.cut) // 2]
    small = [p.net for p in done[OURS, half]]
    anew = np.array([_test_error(f, _anew(f, s, config, context)) for f, s in zip(nets, small, strict=True)])
    over = partial(row, n=len(nets), interval="95% t over nets")
    errors = {key: np.array([(p.before, p.after) for p in of]) for key, of in done.items()}  # (nets, 2)
    rows = [over(f"{FULL}: test_error", None, mean_interval(full))]
    for m in config.cut:
        ours, chance = errors[OURS, m], errors["random", m]
        rows += [
            over(f"{m} of 23 cut: test_error", None, mean_interval(ours[:, 0])),
            over(f"{m} cut, mended: test_error", None, mean_interval(ours[:, 1])),
            over(f"{m} cut, mended: more than the {FULL}", None, mean_interval(ours[:, 1] - full)),
            over(f"{m} cut at random: test_error more", None, mean_interval(chance[:, 0] - ours[:, 0])),
            over(f"{m} cut at random, mended: test_error more", None, mean_interval(chance[:, 1] - ours[:, 1])),
        ]
    mended = errors[OURS, half][:, 1]
    off = max(p.off for of in done.values() for p in of)
    left = [
        [count(s) / count(f.net) for f, s in zip(nets, small, strict=True)] for count in (multiplications, _weights)
    ]
    rows += [
        over(f"{half} cut, {ANEW}: test_error", None, mean_interval(anew)),
        over(f"{half} cut, {ANEW}: test_error more than mended", None, mean_interval(anew - mended)),
        over(f"{half} cut: multiplications left", None, mean_interval(left[0])),
        over(f"{half} cut: weights left", None, mean_interval(left[1])),
        row("largest difference from the knocked-out nets' y", 0.0, off, len(nets), held=off < 1e-5),
    ]
    seconds = np.array([[_seconds(net, f.data.x) for net in (f.net, s)] for f, s in zip(nets, small, strict=True)])
    for i, which in enumerate((FULL, f"{half} cut")):
        rows.append(over(f"{which}: seconds for all images", None, mean_interval(seconds[:, i]), unit="s"))
    interval_plot(
        _panels(errors, full, config), context.folder / "pruning.png", highlight=OURS, columns=len(config.cut)
    )
    gain, more = seconds[:, 0].mean() / seconds[:, 1].mean(), mean_interval(errors["random", half][:, 1] - mended)
    at_once = errors[OURS, half][:, 0].mean()
    verdict = (
        f"{half} of 23 filters cut by the {OURS}: {config.mend} epochs bring the test error from "
        f"{at_once:.0%} to {mended.mean():.0%} (full net {full.mean():.0%}) at {gain:.1f} times "
        f"the speed; a net of that size trained anew has {anew.mean():.0%}, one that lost random filters "
        f"{more.value + mended.mean():.0%}: {'the ranking pays' if more.low > 0 else 'the ranking shows no gain'}."
    )
    text = Text("Test error at once / mended", _table(errors, config))
    return Result(tuple(rows), verdict, ("pruning.png",), (text,))


def _pruned(face: FaceNet, gone: list[Filter], config: Config) -> Pruned:
    """Cut filters and train the rest on."""
    seen, _ = face.split.apply(face.data)
    small = prune(face.net, gone)
    off = abs(small.predict(face.data.x) - knock_out(face.net, gone).predict(face.data.x)).max()
    mended = train(
        small, seen.x, seen.labels, epochs=config.mend, batch=BATCH, rng=face.seed, optimiser=SGD(lr=LR), progress=False
    ).net
    return Pruned(_test_error(face, small), _test_error(face, mended), float(off), mended)


def _test_error(face: FaceNet, net: Network) -> float:
    _, held_out = face.split.apply(face.data)
    return error_rate(net, held_out.x, held_out.labels)


def _anew(face: FaceNet, like: Network, config: Config, context: Context) -> Network:
    """A net of that size from new weights, with all the epochs that the full net had; kept, like the full one."""
    seen, _ = face.split.apply(face.data)
    sizes = "-".join(str(len(like.parameters[f"conv{i}"]["W"])) for i in (1, 2, 3))
    file = f"pruned-{face.data.name}-{sizes}-seed{face.seed}-epochs{config.epochs}-{context.backend}.safetensors"
    return train(
        redrawn(like, face.seed), seen.x, seen.labels, epochs=config.epochs, batch=BATCH, rng=face.seed,
        optimiser=SGD(lr=LR), checkpoint=context.models / file, resume=True, progress=False,
    ).net  # fmt: skip


def _seconds(net: Network, x: np.ndarray) -> float:
    """Best of five."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        net.predict(x)
        times.append(time.perf_counter() - began)
    return min(times)


def _panels(errors: dict[tuple[str, int], np.ndarray], full: np.ndarray, config: Config) -> list[Measured]:
    return [
        Measured(
            f"{m} of 23 cut, {when}",
            {FULL: mean_interval(full)} | {name: mean_interval(errors[name, m][:, i]) for name in NAMES},
            "test error",
        )
        for i, when in enumerate(("at once", "mended"))
        for m in config.cut
    ]


def _table(errors: dict[tuple[str, int], np.ndarray], config: Config) -> str:
    lines = [" " * 22 + "".join(f"{f'{m} cut':>16}" for m in config.cut)]
    for name in NAMES:
        means = [errors[name, m].mean(axis=0) for m in config.cut]
        lines.append(f"{name:22}" + "".join(f"{before:9.0%} /{after:5.0%}" for before, after in means))
    return "\n".join(lines)


def _weights(net: Network) -> int:
    return net.n_parameters


EXPERIMENT = Experiment(
    "TH-P",
    "Pruning: the weakest filters cut out, the rest mended",
    "Lo 2016, future work",
    {
        "smoke": Config("faces", epochs=2, seeds=2, cut=(12,), mend=1),
        "quick": Config(),
        "paper": Config(seeds=20, seed=0),
    },
    run,
)
