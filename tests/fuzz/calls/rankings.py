"""Orders of filters, and what is measured on a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import LABELS, filter_scores, images, net
from nnpg import rankings
from nnpg.analysis import directions, gains
from nnpg.maps import projection, receptive_fields
from nnpg.training_methods import responsibility, unit_clusters, volatility


def calls() -> Iterator[Call]:
    x, t, network = images(), LABELS, net()
    plain = {"net": network, "x": x, "labels": t}
    yield call(rankings.activation_scores, plain=plain)
    yield call(rankings.taylor_scores, plain=plain)
    yield call(rankings.weight_norm_scores, net=network)
    yield call(rankings.random_scores, net=network, rng=0)
    yield call(rankings.layer_scores, net=network, rng=0)
    base = {
        "baseline": lambda v: w.wrong("a", np.ones((2, 2)), [[1], [2, 3]], 1j, np.nan, w.Thing()),
        "reference": w.optional_images,
        "rng": w.optional_seed,
    }
    yield call(rankings.conductance_scores, plain=plain | {"steps": 2}, kinds=base)
    yield call(rankings.ablation_scores, plain=plain, kinds=base)
    yield call(rankings.shapley_scores, plain=plain | {"pairs": 2, "rng": 0}, kinds={"pairs": w.number(2, whole=True)})
    s = filter_scores()
    yield call(rankings.shuffle_in_layers, scores=s, rng=0)
    yield call(rankings.overall_scores, scores=s, kinds={"row": w.text})

    def row(valid: Any) -> list[w.Trial]:
        return w.wrong(None, 9, "nobody", 1.5, True, [0]) + w.nothing_in_particular()

    pairs = {"rows": lambda v: w.wrong(None, 3, [], [0], [0, 9], [0, 1.5]), "n": w.count}
    yield call(rankings.shared_strongest, scores=s, rows=[0, 1], n=1, kinds=pairs)
    yield call(
        rankings.weakest_leaving,
        scores=s,
        row=0,
        n=1,
        kinds={"row": row, "leave": w.number(0, whole=True), "n": w.number(0, whole=True)},
    )
    yield call(
        rankings.knock_out_area,
        error=[0.0, 0.5, 1.0],
        kinds={"error": w.numbers(flat_only=True)},
        words={"error": "curve|errors"},
    )
    yield call(volatility.unit_changes, net=network, x=x, adversarial=x[::-1], layers=("tanh1",))
    yield call(
        volatility.unit_output, net=network, layer="conv1", kinds={"layer": lambda v: [*w.output(v), *w.wrong("tanh1")]}
    )
    yield call(gains.lipschitz_bounds, net=network)
    yield call(
        gains.measured_gains,
        net=network,
        x=x,
        adversarial=1 - x,
        kinds={"adversarial": lambda v: [*w.finite_images(v), *w.wrong(x)]},
        words={"adversarial": "image"},
    )
    yield call(directions.features, net=network, x=x, layer="tanh1", kinds={"x": w.images})
    yield call(projection.with_rule, net=network, rule="guided")
    units = {
        "units": lambda v: w.wrong("some", -1, 9, [], [9], np.ones(5), [[0], [1, 2]], {0}, w.Thing()),
        "x": w.images,
    }
    yield call(projection.mean_projection, net=network, x=x, layer="pool1", kinds=units)
    yield call(
        projection.project,
        net=network,
        trace=network.forward(x),
        layer="pool1",
        kinds={**units, "trace": w.instance, "stop": w.output},
    )
    yield call(
        receptive_fields.receptive_field,
        net=network,
        layer="pool1",
        kinds={"layer": lambda v: [*w.output(v), *w.wrong("dense1")]},
    )
    field_of_pool1 = receptive_fields.receptive_field(network, layer="pool1")
    yield call(
        field_of_pool1.spread,
        name="ReceptiveField.spread",
        maps=np.ones((2, 2)),
        shape=(6, 6),
        kinds={"maps": w.numbers(flat_only=True), "shape": lambda v: w.wrong(None, "66", (6,), (6, -1), (6, 1.5))},
    )
    yield call(
        responsibility.predict_restored,
        net=network,
        x=x,
        adversarial=x[::-1],
        layer="tanh1",
        units=np.array([True] * network.shapes["tanh1"][0]),
        kinds={"units": lambda v: w.wrong(None, "a", 3, v[:-1], [v, v], v.astype(int), w.Thing())},
    )
    table = np.random.default_rng(0).random((5, 3))
    yield call(
        unit_clusters.volatility_clusters,
        volatility=table,
        plain={"clusters": 2},
        kinds={"volatility": w.numbers(nan=False), "clusters": w.count},
    )
    whole = {name: lambda v: w.wrong(None, "a", [0.5, 1, 1], v[:-1], [v, v], w.Thing()) for name in ("a", "b")}
    yield call(unit_clusters.adjusted_rand, a=np.array([0, 0, 1]), b=np.array([0, 1, 1]), kinds=whole)
