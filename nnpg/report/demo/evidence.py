"""The middle of the demo's page: the ranking, what knocking out shows, and where in the picture the gradient lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnpg.data import Dataset
from nnpg.data.examples import one_of_each
from nnpg.network import Network
from nnpg.plots import damage_trace, error_curves, heat, image_grid, network_diagram
from nnpg.plots.knockout import knockout_panels
from nnpg.prediction import filter_layers
from nnpg.report.demo.findings import RANDOM_ORDERS, SHOWN, Findings
from nnpg.report.page import Image, Section, Table
from nnpg.scores import Filter
from nnpg_kernels import Array


def name(unit: Filter) -> str:
    """Name a filter as people count, from 1.

    Examples
    --------
    >>> name(Filter("pool1", 0))
    'pool1 no. 1'
    """
    return f"{unit.layer} no. {unit.f + 1}"


def ranking(found: Findings, out: Path) -> Section:
    """Section 6: every filter's score for every person."""
    scores = found.scores
    network_diagram(scores, out / "network.png", images=portraits(found.data), columns=2)
    *sizes, last = (str(H * W) for _, H, W in block_shapes(found.training.net))
    first = [scores.strongest(row)[0][:2] for row in scores.rows]
    leader = max(set(first), key=lambda unit: (first.count(unit), unit))
    return Section(
        "6. Who hangs on which filter",
        "The score of every filter for every person. Read a diagram as the network itself, first block on top: a "
        "circle is a filter, and the brighter it is, the more this person's answer hangs on it. Each diagram is "
        "scaled to its own brightest filter, as in the paper. The table lists the ends of the ranking.\n\n"
        f"{name(Filter(*leader))} leads for {first.count(leader)} of the {len(first)} people. Part of that is size: "
        f"a map of the first, second and third block has {', '.join(sizes)} and {last} outputs, and the paper's "
        "norm adds up over all of them. To compare blocks fairly, rank by the root of the mean instead (--norm "
        "rms).",
        [Image(out / "network.png", "Fifteen network diagrams of 23 circles each, one a person, with the faces.")],
        [
            Table(
                ("", "feature", "strongest", "second", "weakest", "second weakest"),
                [
                    (
                        row,
                        feature,
                        *(f"{unit.layer} {unit.f + 1} ({unit.score:.2g})" for unit in scores.strongest(row, 2)),
                        *(f"{unit.layer} {unit.f + 1} ({unit.score:.2g})" for unit in scores.weakest(row, 2)),
                    )
                    for row, feature in zip(scores.rows, found.data.features or scores.rows, strict=True)
                ],
                "Filters and their scores: the Frobenius norm of the class gradient, d probability / d output.",
            )
        ],
    )


def knockout(found: Findings, out: Path) -> Section:
    """Section 7: the errors while filters are knocked out."""
    data, curves = found.data, found.curves
    names = data.class_names
    error_curves(knockout_panels(curves, names, found.random_orders), out / "knockout.png")
    at = (0, 3, 5, 10)
    rows = [
        (names[c], f"{order} first", *(f"{curves[c, order].overall_error[n]:.0%}" for n in at))
        for c in SHOWN
        for order in ("strongest", "weakest")
    ]
    return Section(
        "7. Switch them off",
        "If the ranking is right, a person's strongest filters are the ones the network can least do without. So "
        "knock them out: set a filter's whole output to zero, then the next one's as well, and so on, and count "
        f"the mistakes on all {len(data)} images after each step (the paper's Fig. 2, all "
        f"{len(found.scores.strongest(0))} filters here).\n\n"
        "The class error counts only that person's own images, the overall error everybody's. With every filter "
        f"gone the network gives one and the same answer to everything, right for one person in {data.K}. A ranking "
        f"is worth what it adds to no ranking at all, so {RANDOM_ORDERS} random orders are drawn beside it.",
        [
            Image(
                out / "knockout.png",
                "Four panels of error curves: class and overall error, strongest and weakest filters first.",
                "Filters are ranked for each person separately, then knocked out from the top (left) or the bottom "
                "(right).",
            )
        ],
        [Table(("", "order", *(f"{n} off" for n in at)), rows, "Overall error after so many knock-outs.")],
    )


def damage(found: Findings, out: Path) -> Section:
    """Section 8: whom a damaged network takes each person for."""
    c, names = SHOWN[0], found.data.class_names
    whole = found.curves[c, "strongest"]
    first = type(whole)(whole.filters[:12], whole.predictions[:13], whole.labels, whole.K)
    damage_trace(first, out / "damage.png", class_names=names, highlight=c)
    left = [len(np.unique(first.modes[n])) for n in (0, 5, 10)]
    return Section(
        "8. What a damaged network sees",
        f"The same knock-out of {names[c]}'s strongest filters, seen from all {len(names)} people (the paper's Fig. "
        "3). Each line is a person and runs in the row of whoever the network takes most of that person's images "
        f"for. Intact, it tells {left[0]} people apart; with 5 filters gone {left[1]}, with 10 gone {left[2]}.",
        [
            Image(
                out / "damage.png",
                "Lines that start in their own rows and run together as filters are knocked out.",
                f"Knocking out the strongest filters of {names[c]} (thick line), one more at each step to the right.",
            )
        ],
    )


def places(found: Findings, out: Path) -> Section:
    """Section 9: the gradient at the pixels, and the places that it should find."""
    data, density = found.data, found.density
    image_grid(
        heat(portraits(data), found.saliency), out / "places.png", titles=people(data), columns=5, overlay=data.masks
    )
    own = np.diag(density)
    K = data.K
    others = (density.sum(axis=0) - own) / (K - 1)
    features = data.features or ("",) * K
    rows = [
        (person, feature, float(own[c]), float(others[c]), int((density[:, c] > own[c]).sum()) + 1)
        for c, (person, feature) in enumerate(zip(data.class_names, features, strict=True))
    ]
    densest = int((density.argmax(axis=1) == np.arange(K)).sum())
    return Section(
        "9. Does it look where people differ?",
        "The pixels are outputs too, the very first ones, so they have a prediction gradient: how much a person's "
        "answer would change if this pixel were a little brighter. Red marks where it is large, on average over "
        "the person's photographs. And since the faces are drawn, we know where it should be: inside the "
        "outline.\n\n"
        f"Within the outlines the gradient is {np.median(own):.1f} times as dense as in the picture as a whole (the "
        f"middle one of the {K} people). For {int((own > others).sum())} of {K} it is denser there than other "
        f"people's gradients are on average, for {int((density.argmax(axis=0) == np.arange(K)).sum())} denser than "
        f"anyone else's. But a person's own outline is the densest of all {K} places for only {densest}. A network "
        "is free to know people by what they lack: where two of the three who share a head have a mark, a bare "
        "cheek is a feature too. The gradient shows what this network uses, not what we would.",
        [
            Image(
                out / "places.png",
                "Fifteen faces with red where the gradient is large and an outline around the planted feature.",
                "|class gradient| at the pixels, each scaled to its highest; outlined is the planted feature.",
            )
        ],
        [
            Table(
                ("", "feature", "density in its place", "other people's there", "rank of 15"),
                rows,
                "Density of the gradient within the outline, in units of the whole picture's. Rank 1: nobody's is "
                "denser.",
            )
        ],
    )


def portraits(data: Dataset) -> Array:
    """Return one image of each class, the normal one where conditions are known, (K, C, H, W)."""
    return data.x[one_of_each(data)]


def people(data: Dataset) -> list[str]:
    """Return each person's name and feature."""
    return [
        f"{person}: {feature}"
        for person, feature in zip(data.class_names, data.features or data.class_names, strict=True)
    ]


def block_shapes(net: Network) -> list[tuple[int, ...]]:
    """Return (F, H, W) of the output of each block."""
    trace = net.forward(np.zeros((1, *net.input_shape), net.dtype))
    return [trace[layer].shape[1:] for layer in filter_layers(net)]
