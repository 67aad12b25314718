"""The middle of the demo's page: the ranking, the knock-out curves, and the gradient at the pixels.

Each function draws its section's picture into a folder, and returns the numbers and tables that the template names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nnpg.data import Dataset
from nnpg.data.examples import one_of_each
from nnpg.knockout import Knockout
from nnpg.network import Network
from nnpg.plots import damage_trace, error_curves, heat, image_grid, knockout_panels, network_diagram
from nnpg.prediction import filter_layers
from nnpg.report import Table
from nnpg.report.demo.findings import RANDOM_ORDERS, SHOWN, Findings
from nnpg.scores import Filter
from nnpg_kernels import Array


def ranking(findings: Findings, out: Path) -> dict[str, Any]:
    """Section 6: every filter's score for every person."""
    scores = findings.scores
    network_diagram(scores, out / "network.png", images=portraits(findings.data), columns=2)
    *sizes, last = (str(H * W) for _, H, W in block_shapes(findings.training.net))
    first = [scores.strongest(row)[0][:2] for row in scores.rows]
    leader = max(set(first), key=lambda unit: (first.count(unit), unit))
    rows = [
        (
            person,
            feature,
            *(f"{unit} ({unit.score:.2g})" for unit in scores.strongest(person, 2)),
            *(f"{unit} ({unit.score:.2g})" for unit in scores.weakest(person, 2)),
        )
        for person, feature in zip(scores.rows, findings.data.features or scores.rows, strict=True)
    ]
    return {
        "leader": str(Filter(*leader)),
        "led": first.count(leader),
        "sizes": f"{', '.join(sizes)} and {last}",
        "table": Table(
            ("", "feature", "strongest", "second", "weakest", "second weakest"),
            rows,
            "Filters and their scores: the Frobenius norm of the class gradient, d probability / d output.",
        ),
    }


def knockout(findings: Findings, out: Path) -> dict[str, Any]:
    """Section 7: the errors while filters are knocked out."""
    names, curves = findings.data.class_names, findings.curves
    error_curves(knockout_panels(curves, names, findings.random_orders), out / "knockout.png")
    steps = (0, 3, 5, 10)
    rows = [
        (names[c], f"{order} first", *(f"{curves[c, order].overall_error[n]:.0%}" for n in steps))
        for c in SHOWN
        for order in ("strongest", "weakest")
    ]
    header = ("", "order", *(f"{n} off" for n in steps))
    return {"random": RANDOM_ORDERS, "table": Table(header, rows, "Overall error after so many knock-outs.")}


def damage(findings: Findings, out: Path) -> dict[str, Any]:
    """Section 8: whom a damaged network takes each person for."""
    c, names = SHOWN[0], findings.data.class_names
    curve = findings.curves[c, "strongest"]
    first = Knockout(curve.filters[:12], curve.predictions[:13], curve.labels, curve.K)
    damage_trace(first, out / "damage.png", class_names=names, highlight=c)
    intact, after_5, after_10 = (len(np.unique(first.modes[n])) for n in (0, 5, 10))
    return {"person": names[c], "intact": intact, "after_5": after_5, "after_10": after_10}


def places(findings: Findings, out: Path) -> dict[str, Any]:
    """Section 9: the gradient at the pixels, and the places that it should find."""
    data, density = findings.data, findings.density
    coloured = heat(portraits(data), findings.saliency)
    image_grid(coloured, out / "places.png", titles=people(data), columns=5, overlay=data.masks)
    in_place = np.diag(density)  # each person's gradient in the place of the person's feature
    K = data.K
    others = (density.sum(axis=0) - in_place) / (K - 1)
    rows = [
        (person, feature, float(in_place[c]), float(others[c]), int((density[:, c] > in_place[c]).sum()) + 1)
        for c, (person, feature) in enumerate(zip(data.class_names, data.features or ("",) * K, strict=True))
    ]
    return {
        "median": f"{np.median(in_place):.1f}",
        "above_others": int((in_place > others).sum()),
        "above_all": int((density.argmax(axis=0) == np.arange(K)).sum()),
        "densest": int((density.argmax(axis=1) == np.arange(K)).sum()),
        "table": Table(
            ("", "feature", "density in its place", "other people's there", f"rank of {K}"),
            rows,
            "Density of the gradient within the outline, in units of the whole picture's. Rank 1: nobody's is denser.",
        ),
    }


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
    return [net.shapes[layer] for layer in filter_layers(net)]
