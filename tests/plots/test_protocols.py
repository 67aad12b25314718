"""Figures take any object that has what they need, and refuse others; so plots import no result classes."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnpg.plots
from nnpg import Epoch, Filter, FilterScores, Knockout, Softmax, Tanh, build, dense, explain
from nnpg.analysis.statistics import Interval
from nnpg.maps.receptive_fields import ReceptiveField
from nnpg.plots import (
    Measured,
    arithmetic_diagram,
    damage_trace,
    interval_plot,
    knockout_panels,
    network_diagram,
    strongest_regions,
    training_history,
)
from nnpg.plots.protocols import (
    EpochLike,
    ExplanationLike,
    FilterScoresLike,
    IntervalLike,
    KnockoutLike,
    ReceptiveFieldLike,
)

KNOCKOUT = Knockout((Filter("pool1", 2),), np.array([[0, 0, 1, 1], [0, 0, 0, 0]]), np.array([0, 0, 1, 1]), 2)
RESULTS: dict[Any, Any] = {
    EpochLike: Epoch(1, 2.5, 0.5, None, 0.1),
    IntervalLike: Interval(0.5, 0.25, 0.75),
    ReceptiveFieldLike: ReceptiveField((0, 0), (2, 2), (6, 6)),
    KnockoutLike: KNOCKOUT,
    FilterScoresLike: FilterScores({"pool1": np.array([[0.1, 0.4]])}, ("class 0",), "l1", "prob"),
    ExplanationLike: explain(
        build([dense(2), Tanh(), dense(2), Softmax()], input_shape=(3,), rng=0), [[1.0, 2.0, 3.0]], unit="dense1:1"
    ),
}
ALLOWED = ("nnpg.plots", "nnpg.support", "nnpg.files.atomic", "nnpg_kernels")


def draw(kind: Any, value: Any, path: Path) -> None:
    """Draw the figure that takes a value of this kind."""
    maps = np.random.default_rng(0).random((1, 2, 4, 4))
    if kind is EpochLike:
        training_history([value], path)
    elif kind is IntervalLike:
        interval_plot([Measured("", {"a": value}, "")], path)
    elif kind is ReceptiveFieldLike:
        strongest_regions(np.zeros((1, 1, 12, 12)), maps, maps, value, path)
    elif kind is ExplanationLike:
        arithmetic_diagram(value, path)
    elif kind is KnockoutLike:
        knockout_panels({(0, "strongest"): value}, ("a", "b"), [value])
        damage_trace(value, path)
    else:
        network_diagram(value, path)


def fields_of(kind: Any, result: Any) -> dict[str, Any]:
    """Return what a Protocol names, taken from a result."""
    return {name: getattr(result, name) for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize("kind", RESULTS)
def test_any_object_with_these_fields_is_drawn_like_the_librarys_own(kind: Any, tmp_path: Path) -> None:
    draw(kind, RESULTS[kind], tmp_path / "library.png")
    draw(kind, SimpleNamespace(**fields_of(kind, RESULTS[kind])), tmp_path / "other.png")
    assert (tmp_path / "library.png").read_bytes() == (tmp_path / "other.png").read_bytes()


@pytest.mark.parametrize("kind", RESULTS)
def test_an_object_without_one_of_the_fields_is_refused(kind: Any, tmp_path: Path) -> None:
    fields = fields_of(kind, RESULTS[kind])
    for name in fields:
        others = {key: value for key, value in fields.items() if key != name}
        for wrong in (SimpleNamespace(**others), type(RESULTS[kind]), math.nan):
            with pytest.raises(TypeError, match=rf"must be .*{kind.__name__.removesuffix('Like')} object"):
                draw(kind, wrong, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_plots_import_no_result() -> None:
    folder = Path(next(iter(nnpg.plots.__path__)))
    modules = sorted(folder.glob("*.py"))
    for module in modules:
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("nnpg") or name.startswith(ALLOWED), (module.name, name)
    assert len(modules) > 10
