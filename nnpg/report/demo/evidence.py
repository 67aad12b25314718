"""The middle of the demo's page: both passes of an image, the ranking, the knock-outs, the gradient at the pixels.

Each function returns the numbers and tables of its section that the template names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnpg.data import Dataset
from nnpg.data.examples import one_of_each
from nnpg.knockout import Knockout
from nnpg.layers import Center, Flatten
from nnpg.network import Network
from nnpg.prediction import filter_layers
from nnpg.report import Table
from nnpg.report.demo.findings import RANDOM_ORDERS, SHOWN, Findings, Learnt
from nnpg.scores import Filter
from nnpg_kernels import Array


def passes(findings: Findings) -> dict[str, Any]:
    """Section 5: the outputs of one image, and beside them their deltas."""
    image, data = findings.nudge.image, findings.data
    c, (o, d) = int(data.labels[image]), both_passes(findings)
    shown = list(o)
    rows = [
        (name, f"{d[name].size:,}", f"{(d[name] == 0).mean():.0%}", f"{abs(d[name]).max():.2g}")
        for name in reversed(shown)
    ]
    before_pool = shown[shown.index("pool1") - 1]
    return {
        "person": data.class_names[c],
        "condition": (data.conditions or ("",) * len(data))[image],
        "y": f"{float(o[shown[-1]][c]):.4f}",
        "before_pool": before_pool,
        "lost": f"{(d[before_pool] == 0).mean():.0%}",
        "table": Table(
            ("output", "numbers", "delta is 0 for", "largest |delta|"),
            rows,
            "The way back, from the answer to the pixels.",
        ),
    }


def both_passes(learnt: Learnt) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the outputs of the image of the nudge, and the deltas of its person's probability, by name."""
    data, image = learnt.data, learnt.nudge.image
    net = learnt.training.net.to("numpy")  # one image compiles no kernels
    trace = net.forward(data.x[image : image + 1])
    deltas = net.backward(trace, np.eye(data.K, dtype=net.dtype)[None, data.labels[image]])
    shown = [
        name for name in ("input", *net.layers) if not isinstance(net.layers.get(name), Center | Flatten)
    ]  # those two change no number but by a constant
    o, d = ({name: a[name][0] for name in shown} for a in (trace, deltas))
    return o, d


def ranking(findings: Findings) -> dict[str, Any]:
    """Section 7: every filter's score for every person."""
    scores = findings.scores
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


def knockout(findings: Findings) -> dict[str, Any]:
    """Section 8: the errors while filters are knocked out."""
    names, curves = findings.data.class_names, findings.curves
    steps = (0, 3, 5, 10)
    rows = [
        (names[c], f"{order} first", *(f"{curves[c, order].overall_error[n]:.0%}" for n in steps))
        for c in SHOWN
        for order in ("strongest", "weakest")
    ]
    header = ("", "order", *(f"{n} off" for n in steps))
    c = SHOWN[0]
    return {
        "person": names[c],
        "random": RANDOM_ORDERS,
        "fall": _fall(findings),
        "table": Table(header, rows, "Overall error after so many knock-outs."),
    }


def _fall(findings: Findings) -> str:
    """Return sentences about the largest fall of a class error as one more of the strongest filters goes, or ""."""
    names, curves = findings.data.class_names, findings.curves
    falls = {
        (c, step): fall for c in SHOWN for step, fall in enumerate(-np.diff(curves[c, "strongest"].class_error(c)))
    }
    c, step = max(falls, key=lambda at: (falls[at], -at[1]))
    if falls[c, step] <= 0:
        return ""
    before, after = curves[c, "strongest"].class_error(c)[step : step + 2]
    taken = (curves[c, "strongest"].predictions[step + 1] == c).mean()
    return (
        f"A class error may also fall. As filter number {step + 1} of {names[c]} goes, it falls from {before:.0%} to "
        f"{after:.0%}: the damaged network then takes {taken:.0%} of all images for {names[c]}, whoever they show. A "
        "network that gives one answer to everything has a class error of 0% for that one person and of 100% for all "
        "others, and nothing is known about either from it. So the overall error is drawn too."
    )


def damage(findings: Findings) -> dict[str, Any]:
    """Section 9: whom a damaged network takes each person for."""
    c, names = SHOWN[0], findings.data.class_names
    first = first_steps(findings)
    intact, after_5, after_10 = (len(np.unique(first.modes[n])) for n in (0, 5, 10))
    rows = [
        (step, str(Filter(*first.filters[step - 1][:2])) if step else "intact", len(np.unique(modes)))
        for step, modes in enumerate(first.modes)
    ]
    table = Table(("off", "last", "different answers"), rows)
    return {"person": names[c], "intact": intact, "after_5": after_5, "after_10": after_10, "table": table}


def first_steps(findings: Findings) -> Knockout:
    """Return the first 12 knock-outs of the first person, the strongest filters first."""
    curve = findings.curves[SHOWN[0], "strongest"]
    return Knockout(curve.filters[:12], curve.predictions[:13], curve.labels, curve.K)


def places(findings: Findings) -> dict[str, Any]:
    """Section 10: the gradient at the pixels, and the places that it should find."""
    data, density = findings.data, findings.density
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
