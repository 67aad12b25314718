"""Maps over images, and how they are judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import LABELS, N, images, net
from nnpg import maps
from nnpg.maps import deletion, excitation, localisation, maximisation, results, unit_images


def calls() -> Iterator[Call]:
    x, t, network = images(), LABELS, net()
    plain = {"net": network, "x": x, "classes": t}
    read = {"layer": lambda v: [*w.output("pool1"), *w.wrong("dense1")], "reference": w.optional_images}
    yield call(maps.strongest_map, plain=plain, kinds=read)
    yield call(maps.contribution_map, plain=plain, kinds=read)
    yield call(maps.saliency_map, plain=plain, kinds=read)
    yield call(maps.departure_map, net=network, x=x, kinds=read, skip=("classes",))
    yield call(maps.edge_map, net=None, x=x, kinds={"x": w.numbers(nan=False)}, skip=("net", "classes"))
    side = {
        "window": w.number(1, 6, whole=True),
        "stride": w.number(1, 3, whole=True),
        "fill": lambda v: w.wrong("a", np.ones((2, 2)), [[1], [2, 3]], 1j, np.nan, w.Thing()),
    }
    yield call(maps.occlusion_map, plain=plain | {"window": 3, "stride": 2}, kinds=side)
    cost = {"maps": w.numbers(), "share": w.number(0, 1), "fill": side["fill"]}
    yield call(deletion.deletion_cost, plain=plain | {"maps": np.ones((N, 6, 6)), "share": 0.5}, kinds=cost)
    pair = np.random.default_rng(0).random((2, 3, 3))
    yield call(deletion.map_agreement, a=pair, b=pair, kinds={"a": w.numbers(), "b": w.numbers()})
    regions = np.zeros((N, 6, 6), bool)
    regions[:, 2, 2] = True

    def region(valid: Any) -> list[w.Trial]:
        return [
            w.Trial("a list", valid.tolist(), w.SAME),
            *w.wrong(None, "a", valid.astype(int), valid[:-1], valid[0], ~valid & False, [[1], [2, 3]], w.Thing()),
        ]

    def methods(valid: Any) -> list[w.Trial]:
        return w.wrong(
            3,
            "saliency",
            ["saliency"],
            {"a": 3},
            {"a": "saliency"},
            {3: maps.saliency_map},
            {"a": lambda net, x, t: 3},
            {"random": maps.saliency_map},
            {"a": lambda net, x, t: np.ones((1, 2))},
        )

    kinds = {
        "regions": region,
        "methods": methods,
        "groups": w.names(N),
        "tolerance": w.number(0, whole=True),
        "x": w.finite_images,
    }
    methods_tried = {"saliency": maps.saliency_map}
    yield call(
        localisation.benchmark_localisation,
        plain=plain | {"regions": regions, "rng": 0, "methods": methods_tried},
        kinds=kinds,
        words={"methods": "maps|method", "groups": "groups"},
    )
    judged = {"m": np.random.default_rng(0).random((N, 6, 6))}
    kinds_of_maps = {
        **kinds,
        "maps": lambda v: w.wrong(
            None,
            3,
            [1],
            {},
            {"m": 3},
            {"m": "a"},
            {"m": v["m"][0]},
            {"m": v["m"] * np.nan},
            {"m": v["m"] + 1j},
            {3: v["m"]},
        ),
    }
    yield call(localisation.score_maps, maps=judged, regions=regions, rng=0, kinds=kinds_of_maps)
    yield call(
        localisation.mass_inside,
        maps=judged["m"],
        regions=regions,
        kinds={
            "maps": w.numbers(flat_only=True),
            "regions": lambda v: w.wrong(None, "a", v[:, :2], v.astype(float), [[1], [2, 3]], w.Thing()),
        },
    )
    result = localisation.score_maps(judged, regions, rng=0)
    yield call(
        results.join_localisations,
        results=[result, result],
        kinds={"results": lambda v: w.wrong(None, 3, [], [3], result, "a")},
    )
    row = {"method": lambda v: w.wrong(None, "n", 3, ["m"]), "group": lambda v: w.wrong("nobody", 3, ["all"])}
    yield call(result.rate, name="Localisation.rate", plain={"method": "m"}, kinds=row)
    yield call(result.mean_mass, name="Localisation.mean_mass", plain={"method": "m"}, kinds=row)
    units = {
        "n": w.number(1, N, whole=True),
        "one_per": w.numbers(needed=False),
        "layer": lambda v: [*w.output(v), *w.wrong("dense1")],
        "filters": lambda v: w.wrong(None, "a", v[:-1], v + 9, v - 9, v + 0.5),
        "i": lambda v: w.wrong(None, "a", v[:-1], v + 9, v + 0.5),
        "j": lambda v: w.wrong(None, "a", v[:-1], v - 9, v + 0.5),
        "places": lambda v: w.wrong(None, 3, "a", (1, 2)),
        "x": w.images,
    }
    yield call(
        excitation.highest_outputs,
        net=network,
        x=x,
        layer="pool1",
        n=2,
        one_per=LABELS + 0,
        kinds=units | {"n": w.number(1, 3, whole=True), "x": w.finite_images},
    )
    zero = np.zeros(N, int)
    yield call(excitation.project_units, net=network, x=x, layer="pool1", filters=zero, i=zero, j=zero, kinds=units)
    places = excitation.highest_outputs(network, x, layer="pool1", n=2)
    yield call(excitation.view_units, net=network, x=x, layer="pool1", places=places, kinds=units)
    limits = {
        "directions": lambda v: [*w.numbers(nan=False)(v), *w.wrong(v[:-1], v[:, :-1])],
        "largest_norm": lambda v: w.wrong(0, -1.0, "a", np.nan, [1.0, 2.0], [[1.0]], w.Thing()),
        "box": lambda v: w.wrong(None, 3, (1, 0), (0.5, 1.0), (0, "1"), [0], w.Thing()),
        "step": w.positive,
    }
    yield call(
        maximisation.maximise_outputs,
        net=network,
        x=x,
        directions=np.eye(N, 4),
        layer="tanh2",
        largest_norm=2.0,
        box=(0.0, 1.0),
        steps=3,
        step=0.1,
        kinds=limits,
    )
    yield call(
        unit_images.units_and_directions,
        net=network,
        x=x,
        labels=LABELS + 0,
        layer="tanh2",
        n=2,
        most=3,
        maximised=1,
        permutations=3,
        rng=0,
        kinds={"n": w.number(1, N, whole=True), "x": w.finite_images, "most": w.count, "maximised": w.count},
    )
