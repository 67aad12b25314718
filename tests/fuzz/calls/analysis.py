"""What takes only arrays: statistics, profiles, directions, patches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import nnpg
from fuzz import wrong_values as w
from fuzz.calls.call import Call, call
from fuzz.calls.subjects import K, curve
from nnpg.analysis import (
    concentration,
    directions,
    edge_filters,
    filter_profiles,
    profiles,
    separability,
    spectral,
    statistics,
    verdicts,
)
from nnpg.analysis.groups import perturbation_groups
from nnpg.rankings import knock_out_curves
from nnpg.recipes import patch_features


def wide_labels(valid: Any) -> list[w.Trial]:
    """Classes of any number."""
    odd = ("K", "-1", "one", "strings of digits", "a table")
    return [trial for trial in w.needed_labels(9)(np.asarray(valid)) if trial.words not in odd]


def calls() -> Iterator[Call]:
    table = np.array([[0.0, 1.0, 2.0], [3.0, 1.0, 0.5]])
    flat = np.array([0.1, 0.5, 0.2, 0.9])
    vector = w.numbers(flat_only=True)
    finite = w.numbers(nan=False, flat_only=True)
    yield call(
        statistics.wilson,
        successes=2,
        n=5,
        kinds={"successes": w.number(0, 5, whole=True), "n": w.number(2, whole=True)},
    )
    yield call(
        statistics.mean_interval, values=flat, plain={"step": 0.1}, kinds={"values": finite, "step": w.number(0)}
    )
    yield call(
        verdicts.share_interval,
        shares=flat,
        plain={"step": 0.1},
        kinds={"shares": w.numbers(nan=False), "step": w.number(0)},
    )
    yield call(statistics.median_interval, values=flat, kinds={"values": finite})
    yield call(statistics.paired_p, differences=flat, kinds={"differences": finite})
    yield call(verdicts.holm, p_values=flat, kinds={"p_values": w.numbers(nan=False)})
    yield call(statistics.rank_correlation, a=flat, b=flat[::-1], kinds={"a": finite, "b": finite})
    groups = {
        "values": w.numbers(nan=False),
        "groups": lambda v: w.wrong(3, "a", [0, 1], [[0, 1, 2]], [[1], [2, 3]], w.Thing()),
    }
    yield call(statistics.crossed_interval, values=table, resamples=10, kinds=groups)
    yield call(
        statistics.bootstrap,
        plain={"statistic": lambda sample: np.array([sample.mean()]), "n": 5, "resamples": 10, "rng": 0},
        kinds={"statistic": w.function},
    )
    yield call(concentration.gini, scores=flat, kinds={"scores": w.numbers(nan=False, flat_only=True)})
    yield call(knock_out_curves.steps_to_reach, error=table, level=[0.5, 2.0], kinds={"error": vector, "level": vector})
    yield call(knock_out_curves.failure_steps, knockout=curve())
    class_names = {"plain": {"class_names": ["a", "b", "c"]}, "kinds": {"class_names": w.names(K)}}
    yield call(knock_out_curves.describe_failures, knockout=curve(), **class_names)
    yield call(
        knock_out_curves.describe_steps,
        knockout=curve(),
        plain={"class_names": ["a", "b", "c"]},
        kinds={"class_names": w.names(K), "most": w.number(0, whole=True)},
    )
    likeness = np.array([[1, 0.9, 0.2, 0.1], [0.9, 1, 0.4, 0.3], [0.2, 0.4, 1, 0.6], [0.1, 0.3, 0.6, 1]])
    classes = np.array([0, 0, 1, 1])
    counted = {
        "likeness": w.numbers(nan=False),
        "counted": lambda v: w.wrong("a", 3, np.ones((2, 2), bool), np.ones((4, 4)), w.Thing()),
        "labels": lambda v: [t for t in w.needed_labels(9)(v) if t.words not in ("K", "strings of digits")],
    }
    yield call(profiles.within_between, likeness=likeness, labels=classes, kinds=counted)
    yield call(profiles.likeness_of_classes, likeness=likeness, labels=classes, kinds=counted)
    yield call(profiles.permutation_test, likeness=likeness, labels=classes, permutations=9, rng=0, kinds=counted)
    yield call(
        filter_profiles.agreement_with_mean_images,
        likeness=likeness,
        x=np.random.default_rng(0).random((4, 3)),
        labels=np.array([0, 1, 2, 2]),
        kinds={**counted, "x": w.numbers(nan=False)},
    )
    yield call(
        profiles.most_alike,
        likeness=likeness,
        kinds={**counted, "among": lambda v: w.wrong("a", [9], [-1], [0.5], [], w.Thing())},
    )
    yield call(
        profiles.rank_correlations,
        scores=table,
        kinds={"scores": w.numbers(nan=False), "others": w.numbers(needed=False)},
        others=table,
    )
    yield call(
        profiles.different_pictures,
        n=3,
        copies=[(0, 2)],
        kinds={"copies": lambda v: w.wrong(None, 3, "a", [3], [(0, 9)], [(-1, 0)], [("a", "b")], [(0, 1, 2)])},
    )
    yield call(
        perturbation_groups,
        source=[0, 0, 2],
        target=[2, 2, 1],
        kinds={"source": wide_labels, "target": wide_labels},
    )
    grouping = perturbation_groups([0, 0, 2], [2, 2, 1])
    yield call(
        grouping.mean,
        name="Groups.mean",
        values=np.ones(3),
        kinds={"values": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1])]},
    )
    yield call(
        grouping.max,
        name="Groups.max",
        values=np.ones(3),
        kinds={"values": lambda v: [*w.no_arrays(v), *w.wrong(None, v[:-1])]},
    )
    yield call(grouping.hold_out, name="Groups.hold_out", rng=0)
    yield call(
        separability.linearly_separable,
        points=table,
        kind=[True, False],
        kinds={
            "points": w.numbers(nan=False),
            "kind": lambda v: w.wrong(None, "a", 3, [True], [2, 3], ["a", "b"], [0.5, 1]),
        },
    )
    yield call(concentration.top_share, scores=flat, kinds={"scores": finite, "share": w.number(0, 1)})
    yield call(concentration.still_share, scores=flat, kinds={"scores": finite, "below": w.number(0, 1)})
    yield call(concentration.concentration_curve, scores=flat, kinds={"scores": finite})
    yield call(concentration.upper_group, scores=flat, kinds={"scores": finite})
    yield call(
        concentration.units_in_share,
        share=0.5,
        plain={"F": 10},
        kinds={"share": w.number(0, 1), "F": w.number(1, whole=True)},
    )
    yield call(
        directions.random_directions,
        plain={"D": 5, "S": 3, "rng": 0},
        kinds={"D": w.number(1, whole=True), "S": w.number(1, whole=True)},
    )
    yield call(
        directions.strongest_images,
        rows=table,
        directions=np.eye(3),
        n=2,
        kinds={"rows": w.numbers(nan=False), "directions": w.numbers(nan=False), "n": w.number(1, 2, whole=True)},
    )
    rows = {
        "labels": lambda v: [t for t in w.needed_labels(9)(v) if t.words not in ("K", "-1", "one too many")],
        "images": lambda v: w.wrong(None, "a", 3, v + 9, v - 9, v + 0.5, v[0]),
    }
    chosen = np.array([[0, 1, 2], [1, 2, 3]])
    yield call(directions.purity, labels=classes, images=chosen, kinds=rows)
    yield call(directions.above_chance, labels=classes, images=chosen, permutations=9, rng=0, kinds=rows)
    yield call(
        directions.between_groups,
        a=flat,
        b=flat + 1,
        permutations=9,
        rng=0,
        kinds={"a": finite, "b": finite},
    )
    kernels = np.ones((2, 3, 3))
    picture = np.random.default_rng(0).random((2, 1, 6, 6))
    yield call(
        edge_filters.convolve,
        images=picture,
        kernels=kernels,
        kinds={"images": w.numbers(nan=False), "kernels": w.numbers(nan=False)},
    )
    yield call(
        edge_filters.responds_to_edges,
        images=picture,
        kernels=[edge_filters.KERNELS["Sobel X"]],
        kinds={"images": w.numbers(nan=False), "kernels": w.numbers(nan=False)},
    )
    yield call(
        patch_features.random_patches,
        x=picture,
        n=3,
        size=2,
        rng=0,
        kinds={"x": w.numbers(nan=False), "size": w.number(1, 6, whole=True)},
    )
    yield call(
        patch_features.zca,
        patches=np.random.default_rng(0).random((5, 2)),
        kinds={"patches": w.numbers(nan=False), "eps": w.number(0)},
    )
    square = nnpg.Dense(np.zeros((7, 12)), np.zeros(7))
    yield call(
        patch_features.as_convolution,
        layer=square,
        plain={"C": 3},
        kinds={
            "layer": w.instance,
            "C": w.number(1, whole=True),
            "stride": lambda v: [t for t in w.pixels(v) if t.words != "a list"],
        },
    )
    yield call(spectral.dense_bounds, plain={"W": table}, kinds={"W": w.numbers(nan=False)})
    yield call(
        spectral.conv_bounds,
        plain={"W": np.ones((2, 1, 2, 2)), "size": (4, 4)},
        kinds={
            "W": w.numbers(nan=False),
            "size": lambda v: w.wrong(None, "44", (4,), (0, 4), (4, -4), (4.0, 4)),
            "stride": lambda v: w.wrong(None, 0, (0, 1), (1.5, 1), "11"),
            "dilation": lambda v: w.wrong(None, 0, (0, 1), "11"),
            "groups": w.number(1, whole=True),
        },
    )
    yield call(
        spectral.frame_bounds,
        layer=nnpg.Dense(table),
        input_shape=(3,),
        kinds={"layer": lambda v: w.wrong(None, "dense", 3, nnpg.Dense, nnpg.Tanh())},
    )
