"""Figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import FOLDER, K, N, curve, filter_scores, images, net
from nnpg import plots
from nnpg.analysis import statistics
from nnpg.maps import receptive_fields


def calls() -> Iterator[Call]:
    from nnpg.plots.knockout import knockout_panels

    x, maps = images(), np.random.default_rng(0).random((N, 6, 6))
    pictures = {
        "images": lambda v: [*w.no_arrays(v), *w.wrong(None, v[0], v * 9, v[:, [0, 0]], v * np.nan, v[:0])],
        "titles": w.names(N),
        "maps": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1], v[0], v * np.nan)],
        "overlay": lambda v: w.wrong("a", 3, maps, maps[0] > 0.5),
    }
    rows = {"row_labels": lambda v: w.wrong(3, "ab", [3])}
    yield call(plots.image_grid, images=x, kinds=pictures | rows)
    yield call(
        plots.feature_maps,
        images=x,
        maps={"a": maps[:, None]},
        kinds=pictures
        | {"maps": lambda v: w.wrong(None, 3, [1], {}, {"a": 3}, {"a": "b"}, {"a": maps}, {3: maps[:, None]})},
    )
    layers = {"pool1": maps, "dense1": maps[0, 0]}
    by_layer = w.wrong(
        None, 3, [1], {}, {"pool1": 3}, {"pool1": maps * np.nan}, {"pool1": maps[:1], "dense1": maps[0, 0]}
    )
    yield call(
        plots.pass_diagram,
        outputs=layers,
        deltas=layers,
        quantity="y",
        kinds={"outputs": lambda v: by_layer, "deltas": lambda v: by_layer, "quantity": lambda v: w.wrong(3, None)},
    )
    field_of_pool1 = receptive_fields.receptive_field(net(), layer="pool1")
    outs = maps[:, None, :2, :2]
    regions = {
        **pictures,
        "outputs": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1], v[0])],
        "gradients": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1], v * np.nan)],
        "field": w.instance,
        "others": lambda v: w.wrong("a", 3, x[:-1], x * 9),
        "also": lambda v: w.wrong("a", 3, ("a",), ("a", 3), (3, np.ones((N, 2))), ("a", np.ones((2, 2)))),
    }
    yield call(plots.strongest_regions, images=x, outputs=outs, gradients=outs, field=field_of_pool1, kinds=regions)
    yield call(
        plots.network_diagram,
        scores=filter_scores(),
        kinds={
            "rows": lambda v: w.wrong(3, "class 0", [9], ["nobody"], [1.5], []),
            "images": lambda v: w.wrong("a", 3, x, x[:3] * 9),
        },
        words={"rows": "row|rows", "images": "pixels|images"},
    )
    explained = nnpg.explain(net("numpy"), x[:1], unit="pool1:1,0,1")
    yield call(plots.arithmetic_diagram, explanation=explained, kinds={"explanation": w.instance})
    yield call(plots.damage_trace, knockout=curve(), kinds={"highlight": w.number(0, K - 1, whole=True, optional=True)})
    yield call(
        plots.training_history,
        history=[nnpg.Epoch(1, 2.0, 0.5, None, 0.1)],
        kinds={"history": lambda v: w.wrong(None, 3, "a", [], [3], v[0])},
    )
    yield call(
        plots.loss_curve, losses=[2.0, 1.0], kinds={"losses": w.numbers(nan=False), "start": w.number(0, whole=True)}
    )

    def panels(valid: Any) -> list[w.Trial]:
        trials = w.wrong(None, 3, "a", [], [3], ["a"], [None], valid[0], {"a": 1}, w.Thing())
        names = [field_of_panel.name for field_of_panel in fields(valid[0])]
        return trials + [
            w.Trial(f"{name} {bad}", [replace(valid[0], **{name: bad})])
            for name in names
            for bad in (w.Thing(), 3j, {1}, b"x")
        ]

    kinds = {"panels": panels, "band": w.choice}
    series = {"a": np.array([[0.0, 0.5], [0.1, 0.6]])}
    yield call(plots.error_curves, panels=[plots.Panel("p", series)], plain={"band": "range"}, kinds=kinds)

    def curves_of(values: Any) -> Any:
        return plots.error_curves([plots.Panel("p", values)])

    bad = {
        "values": lambda v: w.wrong(
            None,
            3,
            "a",
            [1],
            {"a": "b"},
            {"a": 3j},
            {"a": [[1], [2, 3]]},
            {"a": [2.0]},
            {"a": [np.nan]},
            {3: [0.5, 0.6]},
            {"a": np.ones((1, 1, 1))},
        )
    }
    yield call(curves_of, name="error_curves of a series", values=series, kinds=bad, words={"values": "series"})
    yield call(plots.depth_curves, panels=[plots.Depth("p", ["a", "b"], {"s": [1.0, 2.0]})], kinds=kinds)
    yield call(
        plots.interval_plot,
        panels=[plots.Measured("p", {"a": statistics.Interval(0.5, 0.4, 0.6)}, "x")],
        kinds=kinds | {"highlight": lambda v: w.wrong("b", 3, ["a"])},
    )
    yield call(
        plots.line_panels,
        panels=[plots.Lines("p", [0, 1], {"a": [0.1, 0.9]}, "x", "y")],
        kinds=kinds | {"top": w.number(0, optional=True), "logarithmic": w.flag},
    )
    yield call(plots.plane_panels, panels=[plots.Plane("p", [[0, 0], [1, 1]], [False, True], ["a", "b"])], kinds=kinds)
    yield call(
        plots.scatter_panels,
        panels=[plots.Pairs("p", [0.0, 1.0], [0.0, 1.0])],
        plain={"xlabel": "x", "ylabel": "y"},
        kinds=kinds,
    )
    values = np.linspace(-1, 1, 5)
    yield call(
        plots.function_panels,
        x=values,
        panels={"p": {"f": values}},
        kinds={
            "x": w.numbers(nan=False),
            "panels": lambda v: w.wrong(
                None, 3, "a", {}, {"p": 3}, {"p": {"f": "a"}}, {"p": {"f": values[:2]}}, {3: {"f": values}}, [v]
            ),
        },
    )
    yield call(
        plots.histogram_grid,
        cells=[[({"a": [0.0, 1.0]}, "t")]],
        row_labels=["r"],
        kinds={
            "cells": lambda v: w.wrong(
                None, 3, "a", [], [3], [[3]], [[({"a": [np.nan]}, "t")]], [[({"a": "b"}, "t")]], [[(3, "t")]]
            ),
            "row_labels": w.names(1),
            "centred": lambda v: w.wrong(3, "a", [3], [True, False]),
            "bins": w.number(1, whole=True),
        },
    )
    yield call(
        plots.filter_gallery,
        plain={"kernels": {"a": np.ones((3, 3))}, "outputs": np.ones((1, 4, 4))},
        kinds={
            "kernels": lambda v: w.wrong(
                None, 3, "a", [1], {}, {"a": 3}, {"a": "b"}, {"a": np.ones(3) * 1j}, {3: np.ones((3, 3))}
            ),
            "outputs": w.numbers(nan=False),
        },
    )
    yield call(
        plots.matrix_panels,
        plain={"matrices": np.eye(3)[None], "titles": ["t"]},
        kinds={
            "matrices": w.numbers(nan=False),
            "titles": w.names(1),
            "labels": w.names(3),
            "rows": w.text,
            "columns_are": w.text,
            "value": w.text,
            "limits": lambda v: w.wrong(3, "ab", (0,), (1, 0), ("a", "b"), (0, np.nan)),
        },
    )
    yield call(
        plots.cell_map,
        plain={"values": np.eye(2), "rows": ["a", "b"], "columns": ["x", "y"], "words": [["1", "0"], ["0", "1"]]},
        kinds={
            "values": w.numbers(),
            "rows": w.names(2),
            "columns": w.names(2),
            "words": lambda v: w.wrong(None, 3, "ab", [["a"]], [[1, 2], [3, 4]], ["ab", "cd"]),
            "framed": lambda v: w.wrong("a", 3, np.ones(2), np.ones((2, 2)) * 0.5),
            "limits": lambda v: w.wrong(None, 3, "ab", (0,), (1, 0), ("a", "b"), (0, np.nan)),
        },
    )
    yield call(
        plots.wiring_diagram,
        layers=[([[1.0, -1.0]], [-0.5])],
        plain={"names": [["a", "b"], ["y"]]},
        kinds={
            "layers": lambda v: w.wrong(None, 3, "a", [], [3], [(1, 2)], [("a", "b")], [([[1.0]], [0.0])]),
            "names": lambda v: w.wrong(None, 3, "a", [], [3], [["a"], ["y"]], [[1, 2], ["y"]]),
        },
        words={"layers": "layer|weights"},
    )
    yield call(
        plots.heat,
        images=x,
        maps=maps,
        kinds={"images": w.no_arrays, "maps": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1], v[0])]},
    )
    yield call(plots.signed_colours, maps=maps, kinds={"maps": lambda v: [*w.no_arrays(v), *w.wrong(None, v[0])]})
    curves = {(0, "strongest"): curve()}
    yield call(
        knockout_panels,
        curves=curves,
        class_names=["a", "b", "c"],
        kinds={
            "curves": lambda v: w.wrong(None, 3, "a", {}, {"a": curve()}, {(0, "a"): 3}, {(9, "a"): curve()}),
            "random_orders": lambda v: w.wrong(3, "a", [3], curve()),
        },
    )
    yield call(
        plots.image_grid,
        name="image_grid to a file",
        images=x,
        plain={"path": str(FOLDER / "api-cases.png")},
        skip=("images", "titles", "columns", "row_labels", "overlay"),
    )
