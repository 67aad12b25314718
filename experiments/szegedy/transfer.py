"""Errors of networks on images that were made to fool other networks: matrices, the paper's cells beside ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from experiments.experiment import Row, row
from experiments.models.mnist import margins
from experiments.models.mnist.nets import Trained
from nnpg import predict
from nnpg.analysis.statistics import rank_correlation, wilson
from nnpg.analysis.verdicts import equal_to
from nnpg.plots import cell_map
from nnpg_kernels import Array

Paper = Mapping[str, Sequence[float | None]]  # of each row, the errors in %


def errors(nets: Sequence[Trained], batches: Mapping[str, Array], labels: Array) -> Array:
    """Count the images (N, m) of each batch that each network misclassifies, (R, C)."""
    return np.array([[(predict(net.net, x).argmax(axis=1) != labels).sum() for net in nets] for x in batches.values()])


def on_diagonal(batches: Sequence[str], nets: Sequence[Trained]) -> Array:
    """Return which cells are errors of a network on images made to fool that network, (R, C)."""
    return np.array([[batch.split(",")[0] == net.name for net in nets] for batch in batches])


def cell_rows(wrong: Array, N: int, batches: Sequence[str], nets: Sequence[Trained], paper: Paper) -> list[Row]:
    """Return one row per cell. Each is of one network, so that the paper's numbers stay open."""
    found = []
    for r, batch in enumerate(batches):
        for c, net in enumerate(nets):
            ours, theirs = wilson(int(wrong[r, c]), N), _percent(paper, batch, c)
            claim = None if theirs is None else equal_to(theirs, margins.CELL, f"{100 * theirs:.3g}%")
            name = f"{batch} -> {net.name}"
            found.append(row(name, theirs, ours, N, "images of one net", interval="95% Wilson", claim=claim))
    return found


def draw(
    wrong: Array, N: int, batches: Sequence[str], nets: Sequence[Trained], paper: Paper, path: Path, framed: Array
) -> None:
    """Draw the matrix: ours, the paper's in brackets, a frame where the paper's lies in our interval."""
    words = []
    for r, batch in enumerate(batches):
        theirs = [_percent(paper, batch, c) for c in range(len(nets))]
        brackets = ["" if t is None else f"\n({100 * t:.3g}%)" for t in theirs]
        words.append([f"{100 * wrong[r, c] / N:.3g}%{brackets[c]}" for c in range(len(nets))])
    cell_map(
        wrong / N, path, rows=list(batches), columns=[net.name for net in nets], words=words, framed=framed,
        label="Error of the network in the column on images made for that in the row (the paper's).\n"
        f"Framed: the paper's lies in our 95% interval, n = {N}.",
    )  # fmt: skip


def table(wrong: Array, N: int, batches: Sequence[str], nets: Sequence[Trained], paper: Paper) -> str:
    """Return the matrix as text: ours, its interval, the paper's, and whether that lies inside."""
    wide = max(map(len, batches)) + 2
    lines = [" " * wide + "".join(f"{net.name:>28}" for net in nets)]
    for r, batch in enumerate(batches):
        cells = []
        for c in range(len(nets)):
            value, low, high = (100 * v for v in wilson(int(wrong[r, c]), N))
            theirs = _percent(paper, batch, c)
            beside = "" if theirs is None else f" | {100 * theirs:.3g} {'in' if low <= 100 * theirs <= high else 'out'}"
            cells.append(f"{value:.3g} ({low:.3g}-{high:.3g}){beside}")
        lines.append(f"{batch:{wide}}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join([*lines, f"n = {N} per cell; % (95% Wilson) | the paper's, in or out of the interval"])


def agreement(rows: Sequence[Row]) -> tuple[int, int, float]:
    """Return cells that hold the paper's number, cells that it gives, and Spearman's correlation with it."""
    given = [(r.paper, r.ours, margins.covers_paper(r)) for r in rows if r.paper is not None]
    theirs, ours, covered = zip(*given, strict=True)
    return sum(covered), len(given), rank_correlation(theirs, ours)


def _percent(paper: Paper, batch: str, c: int) -> float | None:
    given = paper.get(batch, ())
    value = given[c] if c < len(given) else None
    return None if value is None else value / 100
