"""Errors of networks on images that were made to fool other networks: matrices, the paper's cells beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.experiment import Row, row
from experiments.models.mnist import margins
from experiments.models.mnist.nets import Trained
from experiments.szegedy.distortions.attacked import Attacked
from nnpg import predict
from nnpg.analysis.statistics import mean_interval, rank_correlation
from nnpg.analysis.verdicts import difference_interval, share_interval
from nnpg.attacks import Distorted, amplify
from nnpg.plots import cell_map
from nnpg_kernels import Array

Paper = Mapping[str, Sequence[float | None]]  # of each row, the errors in %


def errors(nets: Sequence[Trained], batches: Mapping[str, Array], labels: Array) -> Array:
    """Return the share of the images (N, m) of each batch that each network misclassifies, (R, C)."""
    return np.array([[(predict(net.net, x).argmax(axis=1) != labels).mean() for net in nets] for x in batches.values()])


def errors_by_seed(groups: Sequence[Attacked], batches: Sequence[Mapping[str, Array]]) -> Array:
    """Return the errors of the networks of each seed on the batches of that seed, (S, R, C)."""
    return np.stack([errors([*g.nets.values()], b, g.labels) for g, b in zip(groups, batches, strict=True)])


def with_noise(
    groups: Sequence[Attacked], found: Sequence[Mapping[str, Distorted]], noise: Sequence[float]
) -> list[dict[str, Array]]:
    """Return the batches of each seed: the distorted images, Gaussian noise as it is and clipped, and the images."""
    batches = []
    for group, of_seed in zip(groups, found, strict=True):
        shown = {name: d.adversarial for name, d in of_seed.items()}
        for size in noise:
            noisy = group.noisy(size)
            shown |= {f"noise {size:g}": noisy, f"noise {size:g}, clipped": noisy.clip(0, 1)}
        batches.append(shown | {"unchanged": group.x})
    return batches


def with_enlarged(group: Attacked, names: Sequence[str], rule: str, polish: bool, rms: float) -> dict[str, Array]:
    """Return the batches of Table 4: the distorted images, their changes enlarged to that RMS, and noise as large."""
    found = {name: group.distorted(name, rule, polish=polish).adversarial for name in names}
    larger = {name: amplify(group.x, adversarial, rms) for name, adversarial in found.items()}
    return {
        **found,
        "noise 0.06": group.noisy(0.06),
        **{f"{name}, enlarged": images for name, images in larger.items()},
        f"noise {rms:g}": group.noisy(rms),
        **{f"{name}, enlarged, clipped": images.clip(0, 1) for name, images in larger.items()},
        "unchanged": group.x,
    }


def errors_of_other_seeds(groups: Sequence[Attacked], found: Sequence[Mapping[str, Distorted]]) -> Array:
    """Return the errors of the networks of the other seeds, of the same name, on the images made for each, (S, R)."""
    return np.array([
        [
            np.mean([errors([o.nets[name]], {name: d.adversarial}, group.labels) for o in groups if o is not group])
            for name, d in of_seed.items()
        ]
        for group, of_seed in zip(groups, found, strict=True)
    ])  # fmt: skip


def of_least_elsewhere(values: Array) -> Array:
    """Return for each seed its value of the network whose mean over the other seeds is the least, (S,) of (S, C).

    So no seed chooses the network that it judges. A single seed has no others, and chooses its own.
    """
    others = values.sum(axis=0) - values if len(values) > 1 else values
    return np.asarray(values[np.arange(len(values)), others.argmin(axis=1)])


def confidences(groups: Sequence[Attacked], names: Sequence[str], rule: str) -> list[float]:
    """Return the mean output of each attacked network for the targets of its images."""
    return [float(np.mean([group.confidence(name, group.distorted(name, rule)) for group in groups])) for name in names]


def on_diagonal(batches: Sequence[str], nets: Sequence[str]) -> Array:
    """Return which cells are errors of a network on images made to fool that network, (R, C)."""
    return np.array([[batch.split(",")[0] == net for net in nets] for batch in batches])


def cell_rows(shares: Array, batches: Sequence[str], nets: Sequence[str], paper: Paper, words: str) -> list[Row]:
    """Return one row per cell of the errors (S, R, C) of S seeds, beside the paper's; no claim is about one cell."""
    return [
        row(f"{batch} -> {net}, {words}", _percent(paper, batch, c), share_interval(shares[:, r, c]), len(shares),
            "nets", interval="95% t over nets")
        for r, batch in enumerate(batches)
        for c, net in enumerate(nets)
    ]  # fmt: skip


def agree(shares: Array, batches: Sequence[str], nets: Sequence[str], paper: Paper) -> Array:
    """Return where the 95% interval of ours minus the paper's holds 0, NaN without a paper's or an interval, (R, C)."""
    found = np.full(shares.shape[1:], np.nan)
    for r, batch in enumerate(batches):
        for c in range(len(nets)):
            theirs = _percent(paper, batch, c)
            if theirs is not None:
                between = difference_interval(mean_interval(shares[:, r, c]), margins.papers_share(theirs))
                if not np.isnan(between.low):
                    found[r, c] = between.low <= 0 <= between.high
    return found


def agreement(shares: Array, batches: Sequence[str], nets: Sequence[str], paper: Paper) -> tuple[int, int, float]:
    """Return the cells off the diagonal that agree with the paper's, those that it gives, and Spearman's rho."""
    among, off = agree(shares, batches, nets, paper), ~on_diagonal(batches, nets)
    theirs = {(r, c): _percent(paper, batches[r], c) for r, c in np.argwhere(off).tolist()}
    papers = {at: share for at, share in theirs.items() if share is not None}
    alike = rank_correlation([*papers.values()], [shares[:, r, c].mean() for r, c in papers])
    return int(np.nansum(among[off])), len(papers), alike


def draw(shares: Array, N: int, batches: Sequence[str], nets: Sequence[str], paper: Paper, path: Path) -> None:
    """Draw the matrix: ours, the paper's in brackets, a frame where the two agree."""
    mean, words = shares.mean(axis=0), []
    for r, batch in enumerate(batches):
        theirs = [_percent(paper, batch, c) for c in range(len(nets))]
        brackets = ["" if t is None else f"\n({100 * t:.3g}%)" for t in theirs]
        words.append([f"{100 * mean[r, c]:.3g}%{brackets[c]}" for c in range(len(nets))])
    cell_map(
        mean, path, rows=list(batches), columns=list(nets), words=words,
        framed=agree(shares, batches, nets, paper) == 1,
        label="Error of the network in the column on images made for that in the row (the paper's).\n"
        f"Means over {len(shares)} networks of each kind, {N} images each. Framed: the 95% interval of the\n"
        f"difference, with the paper's of {margins.IMAGES} images, holds 0.",
    )  # fmt: skip


def table(
    shares: Array, polished: Array, batches: Sequence[str], nets: Sequence[str], paper: Paper,
    more: Mapping[str, Sequence[float]],
) -> str:  # fmt: skip
    """Return the matrix as text: ours, its interval, polished, the paper's, agreement; `more` columns beside it."""
    wide, among = max(map(len, batches)) + 2, agree(shares, batches, nets, paper)
    lines = [" " * wide + "".join(f"{net:>30}" for net in nets) + "".join(f"{name:>20}" for name in more)]
    for r, batch in enumerate(batches):
        cells = []
        for c in range(len(nets)):
            value, low, high = (100 * v for v in share_interval(shares[:, r, c]))
            theirs = _percent(paper, batch, c)
            where = {1.0: "in", 0.0: "out"}.get(among[r, c], "?")
            beside = "" if theirs is None else f" | {100 * theirs:.3g} {where}"
            cells.append(f"{value:.3g} ({low:.3g} {high:.3g}) {100 * polished[:, r, c].mean():.3g}{beside}")
        beside = "".join(f"{values[r]:20.3g}" for values in more.values() if r < len(values))
        lines.append(f"{batch:{wide}}" + "".join(f"{cell:>30}" for cell in cells) + beside)
    return "\n".join([
        *lines,
        f"% by the paper's method (95% t over {len(shares)} networks of each kind), polished | the paper's, in or out "
        f"of the 95% interval of two samples, the paper's of {margins.IMAGES} images (? where there is none)",
    ])  # fmt: skip


def _percent(paper: Paper, batch: str, c: int) -> float | None:
    numbers = paper.get(batch, ())
    value = numbers[c] if c < len(numbers) else None
    return None if value is None else value / 100
