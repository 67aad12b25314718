"""LD-13: masks without the gradient: a test image gets that of its nearest training image (Lo & Ding 2015, Fig. 8 top).

python -m experiments run LD-13        (3 minutes on 2 cores, after LD-11; --scale paper: 20 minutes)

The paper's mask is scaled by the best eta of its target, which training images choose. Beside it are other donors, all
masks at one size: half of the test images choose the size of each donor, the other half judge it. Expected: some
targets can be reached, with far fewer images than by each image's gradient; the mean mask of a class does more than a
neighbour's.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from experiments.experiment import Context, Experiment, Result, Row, row, row_named
from experiments.lo_ding.masks.choice_of_eta import chosen_etas
from experiments.lo_ding.masks.transfer.donors import NEAREST, RANDOM, at_best_size, donors_masks, k_nearest
from experiments.models.cifar import SCALES, Config, load_images, nets_a, spread_indices
from experiments.models.masks import SIZES, count_in_words, masked_images, reached_by
from nnpg.analysis.statistics import mean_interval
from nnpg.analysis.verdicts import Claim, at_most, more_than, share_interval
from nnpg.attacks import Sweep, linear, mask_sweep, noise_like, scaled, to_unit
from nnpg.plots import Lines, Measured, interval_plot, line_panels

GRADIENT, NOISE = "gradient of the image", "noise"
AT_ETA, AT_SIZE = "at the target's best eta", "at its best size"
REACHED = "targets for which the nearest image's mask does more than noise"
QUOTED = "some target misclassifications can be generalized, e.g. frog and truck"
NAMED = ("frog", "truck")
UNRELIABLE = at_most(0.5, "in general the technique does not induce the target misclassification reliably")
CONFIDENCE = 1 - 0.05 / 4  # four comparisons are judged
TRIED = SIZES[3::3]  # sizes at which donors are compared
K_NEAREST = 10


def run(config: Config, context: Context) -> Result:
    images = load_images(config, context)
    nets, names, seed = nets_a(config, context, images), images.train.class_names, context.seed_or(config.seed)
    test = images.test.subset(spread_indices(images.test, config.queries))
    several = k_nearest(test.x, images.train.x, min(K_NEAREST, len(images.train)))
    by_eta: list[dict[str, Sweep]] = []  # of each net
    by_size: list[dict[str, Sweep]] = []
    for number, done in enumerate(nets):
        net, masks = done.net, linear(done.net)
        made = donors_masks(net, masks, images.train, test, several, seed + number)
        noise = noise_like(made[NEAREST], seed + number)
        best = chosen_etas(reached_by(net, masked_images(config, images), context, "prob"), images.train.K)
        papers = {NEAREST: made[NEAREST], GRADIENT: masks, RANDOM: made[RANDOM], NOISE: noise}
        sweep = partial(mask_sweep, net, test.x, test.labels, "all", progress=context.progress)
        by_eta.append({name: sweep((0, 1), masks=scaled(make, best)) for name, make in papers.items()})
        by_eta[-1][f"{NEAREST}, clipped"] = sweep((0, 1), masks=scaled(made[NEAREST], best), clip=True)
        every = {GRADIENT: masks, **made, NOISE: noise}
        by_size.append({name: sweep((0, *TRIED), masks=to_unit(make)) for name, make in every.items()})
    rows = [*_rows(by_eta, names), *_size_rows(by_size)]
    curves = {name: np.mean([of_net[name].success_curve() for of_net in by_size], axis=0) for name in by_size[0]}
    panel = Lines("net A, test images", np.log10(TRIED), {name: c[1:] for name, c in curves.items()},
                  "log10 of the mask's root mean square", "classified as the target")  # fmt: skip
    line_panels([panel], context.folder / "transfer.png", columns=1, top=None)
    bars = {
        name if kind == NEAREST else f"{name}: {NOISE}": share_interval(_shares(by_eta, kind, k))
        for k, name in enumerate(names)
        for kind in (NEAREST, NOISE)
    }
    interval_plot(
        [Measured(f"{NEAREST}, and noise", bars, "classified as the target")], context.folder / "targets.png", columns=1
    )
    verdict = f"{_verdict(rows, by_eta, names)} {count_in_words(test, images.test, 'test')}"
    return Result(tuple(rows), verdict, ("transfer.png", "targets.png"))


def _shares(sweeps: list[dict[str, Sweep]], kind: str, k: int | None = None) -> list[float]:
    """Of each net, the share of the images that this kind of mask makes target k, or any target."""
    return [of_net[kind].target_success(1, k).value for of_net in sweeps]


def _rows(by_eta: list[dict[str, Sweep]], names: tuple[str, ...]) -> list[Row]:
    """The paper's procedure: masks as long as the best eta of the target makes them."""
    over = partial(row, n=len(by_eta), over="nets", interval="95% t over nets")
    judged = partial(row, n=len(by_eta), over="nets", interval=f"{100 * CONFIDENCE:.4g}% t over nets")
    mean = partial(mean_interval, confidence=CONFIDENCE)
    rows = [
        over(f"{kind}, {AT_ETA}: classified as the target", None, share_interval(_shares(by_eta, kind)))
        for kind in by_eta[0] if kind != NEAREST
    ]  # fmt: skip
    count = [float(sum(works(of_net, k) for k in range(len(names)))) for of_net in by_eta]
    rows += [
        judged(f"{NEAREST}, {AT_ETA}: classified as the target", None, mean(_shares(by_eta, NEAREST)),
               claim=UNRELIABLE),
        over("no mask: classified as the target", None,
             share_interval([of_net[NEAREST].target_success(0).value for of_net in by_eta])),
        over(f"{NEAREST}: classified as another class", None,
             share_interval([of_net[NEAREST].error(1).value for of_net in by_eta])),
        judged(REACHED, None, mean(count), unit="targets", claim=Claim(1, len(names) - 1, QUOTED)),
    ]  # fmt: skip
    for k, name in enumerate(names):
        won, by_noise = (np.array(_shares(by_eta, kind, k)) for kind in (NEAREST, NOISE))
        rows.append(over(f"{name}: classified as it", None, share_interval(won)))
        if name in NAMED:
            more = mean(won - by_noise)
            rows.append(judged(f"{name}: classified as it, minus the share by noise", None, more,
                               claim=more_than(0, QUOTED)))  # fmt: skip
    return rows


def _size_rows(by_size: list[dict[str, Sweep]]) -> list[Row]:
    """All donors, each at its best size."""
    over = partial(row, n=len(by_size), over="nets", interval="95% t over nets")
    return [
        over(f"{kind}, {AT_SIZE}: classified as the target", None,
             share_interval([at_best_size(of_net[kind]) for of_net in by_size]))
        for kind in by_size[0]
    ]  # fmt: skip


def works(found: dict[str, Sweep], k: int) -> bool:
    """Whether the nearest image's masks succeed significantly more often for target k than noise of their length."""
    return found[NEAREST].target_success(1, k).low > found[NOISE].target_success(1, k).high


def _verdict(rows: list[Row], by_eta: list[dict[str, Sweep]], names: tuple[str, ...]) -> str:
    reached, reliably = row_named(rows, REACHED), row_named(rows, f"{NEAREST}, {AT_ETA}: classified as the target")
    order = sorted(range(len(names)), key=lambda k: -float(np.mean(_shares(by_eta, NEAREST, k))))
    share = {kind: float(np.mean(_shares(by_eta, kind))) for kind in (GRADIENT, RANDOM, NOISE)}
    at_size = [r for r in rows if r.name.endswith(f"{AT_SIZE}: classified as the target")]
    best = max((r for r in at_size if not r.name.startswith(GRADIENT)), key=lambda r: r.ours)
    return (
        f"That a neighbour's mask reaches some targets and not others: {reached.verdict}. It does more than noise of "
        f"the same length for {reached.ours:.1f} of {len(names)} targets, most for {names[order[0]]} and "
        f"{names[order[1]]} (the paper: frog and truck). That it is not reliable: {reliably.verdict}; "
        f"{reliably.ours:.0%} of test images are classified as the target, {share[GRADIENT]:.0%} with the gradient of "
        f"the image, {share[RANDOM]:.0%} with a random training image's, {share[NOISE]:.0%} with noise. Of all donors "
        f"at one size the {best.name.split(',')[0]} does most: {best.ours:.0%}."
    )


EXPERIMENT = Experiment(
    "LD-13", "Masks of the nearest training image", "Lo & Ding 2015, Fig. 8 top", SCALES, run, version=2
)
